"""What was put back, by path and time: each later than all else of its path, and found without its neighbours."""

from __future__ import annotations

from unittest import mock

from homeftp.endpoint import FolderSet
from homeftp.hashing.filehash import hash_bytes
from homeftp.history.timeline import Restoration
from homeftp.store.cluster.base.rows import FileRow, Names
from homeftp.store.cluster.tables import restorations, versions
from tests.support.clustercase import ClusterCase

FILE = FileRow(1, 0o644, 5, hash_bytes(b"x"), None, 1, None, 0)
FUTURE = 2**60


class RestorationsTests(ClusterCase):
    """Rows."""

    def insert(self, *restored: tuple[Names, int], replaced: bool = False) -> None:
        """Add what was put back."""
        share = self.context.share.id
        rows = [(names, version_us, replaced) for names, version_us in restored]
        self.context.database.transact(lambda transaction: restorations.insert(transaction, share, rows))

    def found(self, *names: str, since_us: int = 0, hidden: tuple[str, ...] = ()) -> list[tuple[str, int]]:
        """The paths and the times of versions beneath a path."""
        database, share = self.context.database, self.context.share.id
        folders = FolderSet(frozenset({hidden} if hidden else ()))
        found = list(restorations.beneath(database, share, names, since_us, folders))
        self.assertEqual(found, sorted(found, key=lambda each: (each[0], each[1].at_us)))
        return [(path.replace("\x01", "/"), each.version_us) for path, each in found]

    def test_times(self) -> None:
        """Each is later than the version, than all versions of its path, and than all that were put back before."""
        database, share = self.context.database, self.context.share.id
        kept = [(("a",), FILE, FUTURE)]
        database.transact(lambda transaction: versions.insert(transaction, share, kept))
        for path, version_us in (("a", 1), ("a", 2), ("b", FUTURE), ("c", 3)):
            self.insert(((path,), version_us))
        at = {(path, each.version_us): each.at_us for path, each in self.rows()}
        self.assertEqual([at["a", 1], at["a", 2], at["b", FUTURE]], [FUTURE + 1, FUTURE + 2, FUTURE + 1])
        self.assertLess(at["c", 3], FUTURE)
        database.transact(lambda transaction: versions.insert(transaction, share, [(("a",), FILE, None)]))
        newest = versions.find(database, share, ("a",), None)
        self.assertEqual(newest and newest.at_us, FUTURE + 3, "a version is later, too")

    def test_replaced(self) -> None:
        """What took the place of a file came right after the version of that, and not when that was written down."""
        database, share = self.context.database, self.context.share.id
        database.transact(lambda transaction: versions.insert(transaction, share, [(("a",), FILE, 7)]))
        self.insert((("a",), 3), replaced=True)
        self.assertEqual([each for _, each in self.rows()], [Restoration(8, 3)])

    def rows(self) -> list[tuple[str, Restoration]]:
        """All of them."""
        return list(restorations.beneath(self.context.database, self.context.share.id, (), 0, FolderSet(frozenset())))

    def test_beneath(self) -> None:
        """What is at and beneath a path, and nothing beside it, in any number, from a time on, and not hidden."""
        for chunk in (1, 2, 1000):
            self.setUp()
            with mock.patch.object(restorations, "_CHUNK", chunk):
                self.insert((("d",), 1), (("d", "x"), 2), (("d x",), 3), (("d", "x", "y"), 4), (("e",), 5))
                self.insert((("d", "x"), 6))
                self.assertEqual(self.found("d"), [("d", 1), ("d/x", 2), ("d/x", 6), ("d/x/y", 4)])
                self.assertEqual(len(self.found()), 6)
                self.assertEqual(self.found("d", hidden=("d", "x")), [("d", 1)])
                self.assertEqual(self.found("d", since_us=FUTURE), [])
                self.assertEqual(self.found("none"), [])

    def test_expire(self) -> None:
        """Those from before a time are forgotten, some at a time, and nobody else's."""
        self.insert((("a",), FUTURE), (("b",), FUTURE), (("c",), 1))
        database, share = self.context.database, self.context.share.id
        counts = [
            database.transact(lambda transaction: restorations.expire(transaction, share, FUTURE, 1)) for _ in range(2)
        ]
        self.assertEqual(counts, [1, 0])
        self.assertEqual(self.found(), [("a", FUTURE), ("b", FUTURE)])
        other = database.transact(lambda transaction: restorations.expire(transaction, share + 10**9, 2 * FUTURE, 9))
        self.assertEqual(other, 0)
