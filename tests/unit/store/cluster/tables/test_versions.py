"""Versions by path and time: each later than the last one of its path, and found without their neighbours."""

from __future__ import annotations

from homeftp.cluster.database import Transaction
from homeftp.endpoint import FolderSet
from homeftp.hashing.filehash import hash_bytes
from homeftp.store.cluster.base.rows import FileRow, Names
from homeftp.store.cluster.tables import versions
from tests.support.clustercase import ClusterCase, Counting

FILE = FileRow(1, 0o644, 5, hash_bytes(b"x"), None, 1, None, 0)


class VersionsTests(ClusterCase):
    """Rows."""

    def insert(self, *kept: tuple[Names, int | None]) -> None:
        """Add versions."""
        rows = [(names, FILE, at_us) for names, at_us in kept]
        self.context.database.transact(lambda transaction: versions.insert(transaction, self.context.share.id, rows))

    def found(self, *names: str, newest_first: bool = True, since_us: int | None = None) -> list[tuple[str, int]]:
        """The paths and times beneath a path."""
        rows = versions.beneath(
            self.context.database, self.context.share.id, names, since_us, newest_first=newest_first
        )
        return [(each.path.replace("\x01", "/"), each.at_us) for each in rows]

    def test_times(self) -> None:
        """A version of a time that is taken is later than the last one, also among those added at once."""
        self.insert((("a",), 10), (("a",), 10), (("b",), 10))
        self.insert((("a",), 5), (("b",), 20))
        self.assertEqual(self.found(), [("a", 12), ("a", 11), ("a", 10), ("b", 20), ("b", 10)])
        self.insert((("c",), None))
        self.assertGreater(self.found("c")[0][1], 10**15)

    def test_removed_with_a_directory(self) -> None:
        """A version of a directory that was removed has the time of that, whatever came later, if it is free."""
        for kept in ((("a",), 10), (("b",), 20), (("b",), 21), (("b",), 23), (("c",), 30), (("c", "x"), 40)):
            self.insert(kept)
        database, share = self.context.database, self.context.share.id
        rows = [((name,), FILE) for name in "abcd"]
        database.transact(lambda transaction: versions.insert_removed(transaction, share, 20, rows))
        expected = {"a": [10, 20], "b": [20, 21, 22, 23], "c": [20, 30], "c/x": [40], "d": [20]}
        found = [(path, at_us) for path, times in expected.items() for at_us in times]
        self.assertEqual(self.found(newest_first=False), found)
        database.transact(lambda transaction: versions.insert_removed(transaction, share, 20, []))
        self.assertEqual([versions.last(database, share, (name,), 30) for name in "cbx"], [40, None, None])
        self.assertIsNone(versions.last(database, share, ("c",), 41))

    def test_beneath(self) -> None:
        """What is at and beneath a path, and nothing beside it, in either order, and from a time on."""
        self.insert((("d",), 1), (("d", "x"), 2), (("d x",), 3), (("d-x", "y"), 5))
        self.insert((("d", "x"), 4))
        self.assertEqual(self.found("d"), [("d", 1), ("d/x", 4), ("d/x", 2)])
        self.assertEqual(self.found("d", newest_first=False, since_us=2), [("d/x", 2), ("d/x", 4)])
        self.assertEqual(self.found("x"), [])
        database, share = self.context.database, self.context.share.id
        for depth, count in ((0, 1), (1, 3), (2, 3)):
            self.assertEqual(len(list(versions.beneath(database, share, ("d",), depth=depth))), count)
        self.assertEqual(len(list(versions.beneath(database, share, (), depth=1))), 2)

    def test_hidden(self) -> None:
        """Of hidden folders nothing is given, in any spelling, and how much is in them makes no difference."""
        self.insert((("d",), 1), (("d", "a"), 2), (("d", "in"), 3), (("d", "in x"), 4), (("d", "z", "in"), 5))
        self.insert(*((("d", "in", str(number)), 6) for number in range(30)), (("e", "f"), 7), (("f",), 8))
        hidden = FolderSet(frozenset({("d", "in"), ("d", "in", "3"), ("e", "f"), ("none",)}))
        for top, shown in ((("d",), [1, 2, 4, 5]), ((), [1, 2, 4, 5, 8]), (("d", "in"), []), (("e",), [])):
            queries = Counting(self.context.database)
            rows = versions.beneath(queries, self.context.share.id, top, hidden=hidden)
            self.assertEqual([each.at_us for each in rows], shown)
            self.assertEqual(queries.read, len(shown))
        self.assertEqual(len(self.found("d")), 35, "the control")
        self.insert((("d", "IN", "x"), 9))
        rows = versions.beneath(self.context.database, self.context.share.id, ("d",), hidden=hidden)
        self.assertEqual([each.at_us for each in rows], [1, 2, 4, 5])

    def test_many(self) -> None:
        """More than one statement gives are all there, once."""
        self.insert(*(((f"{number % 3}",), number + 1) for number in range(2500)))
        found = self.found()
        self.assertEqual((len(found), len(set(found))), (2500, 2500))
        self.assertEqual(found, sorted(found, key=lambda each: (each[0], -each[1])))
        self.assertEqual(self.found(newest_first=False), sorted(found))

    def test_oldest(self) -> None:
        """The oldest beneath a path before a time, and not those that another transaction has."""
        self.insert((("d", "a"), 1), (("d", "b"), 2), (("e",), 0), (("d", "c"), 9))
        database, share = self.context.database, self.context.share.id

        def oldest(transaction: Transaction) -> list[int]:
            return [each.at_us for each in versions.oldest(transaction, share, ("d",), 5, 10)]

        def work(transaction: Transaction) -> None:
            self.assertEqual(oldest(transaction), [1, 2])
            self.assertEqual(database.transact(oldest), [])

        database.transact(work)

    def test_find(self) -> None:
        """The version of a time, or the newest; removed it is gone."""
        self.insert((("a",), 1))
        self.insert((("a",), 2))
        database, share = self.context.database, self.context.share.id
        newest, first = versions.find(database, share, ("a",), None), versions.find(database, share, ("a",), 1)
        assert newest is not None and first is not None
        self.assertEqual((newest.at_us, first.at_us), (2, 1))
        self.assertIsNone(versions.find(database, share, ("a",), 3))
        for expected in (True, False):
            gone = database.transact(lambda transaction: versions.delete(transaction, share, newest))
            self.assertEqual(gone, expected)
        self.assertEqual(self.found(), [("a", 1)])

    def test_added(self) -> None:
        """Versions of another store keep their times, in any order, and are found by path and time."""
        share = self.context.share.id
        kept = [(("a",), 7, FILE), (("a",), 5, FILE), (("d", "x"), 5, FILE)]
        self.context.database.transact(lambda transaction: versions.add(transaction, share, kept))
        self.assertEqual(self.found(), [("a", 7), ("a", 5), ("d/x", 5)])
        found = versions.of_times(self.context.database, share, [(("a",), 5), (("a",), 6), (("d", "x"), 5)])
        self.assertEqual(sorted(found), [(("a",), 5), (("d", "x"), 5)])
        self.assertEqual(versions.of_times(self.context.database, share, []), {})
