"""The rules of changes: what the contract does not reach."""

from __future__ import annotations

import random
import string
from typing import Callable
from unittest import mock

from homeftp.cluster.database import Transaction
from homeftp.config import MIB, Retention
from homeftp.endpoint import parse
from homeftp.errors import BadEndpoint, Busy, NoSpace
from homeftp.interfaces.importing import Imported
from homeftp.interfaces.store import StoreOptions
from homeftp.model import Actor, Allotment, Entry
from homeftp.store.cluster.base.schema import PATH_BYTES
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables import names as names_table
from homeftp.store.cluster.tables import uploads
from homeftp.store.cluster.tables.uploads import UploadRow
from tests.support.clustercase import ClusterCase, request


class ReachTests(ClusterCase):
    """Directories that are moved to longer paths."""

    def test_not_read(self) -> None:
        """Where no path of the store is long, what is in a directory is not read when it is moved."""
        self.write(*(f"d/{number}.txt" for number in range(20)))
        with mock.patch.object(names_table, "reach", side_effect=AssertionError):
            self.store.move(parse("d"), parse("some/longer/path"), None, None)

    def test_long_elsewhere(self) -> None:
        """Where another path is long, what is in the directory decides."""
        long = "/".join(["n" * 250] * 9)
        self.write(f"{long}/a.txt", "d/b.txt", "e/f.txt")
        near = f"m/{long}"
        self.assertLess(len(f"{near}/b.txt"), PATH_BYTES)
        self.store.move(parse("d"), parse(near), None, None)
        self.assertRaises(BadEndpoint, self.store.move, parse("m"), parse("/".join(["o" * 250, "p" * 150])), None, None)
        self.assertEqual(self.content(f"{near}/b.txt"), b"content")


class LongPathTests(ClusterCase):
    """Paths that are as long as they may be, of names that a database cannot compress."""

    cluster_options = {"part_bytes": MIB}  # noqa: RUF012 (read only)

    def setUp(self) -> None:
        """A directory of which the path is nearly as long."""
        super().setUp()
        chance = random.Random(1)
        letters = "".join(chance.choices(string.ascii_letters, k=PATH_BYTES))
        parts = [letters[start : start + 199] for start in range(0, PATH_BYTES, 200)]
        self.top, self.folder = parts[0], "/".join(parts)[: PATH_BYTES - len("/12345")]

    def test_longest(self) -> None:
        """A file with the longest path is replaced, uploaded in parts, moved and removed as any other one."""
        path = f"{self.folder}/12345"
        self.assertEqual(len(path), PATH_BYTES)
        self.write(path, content=b"first")
        self.write(path, content=b"second")
        upload = self.store.upload(request(path, size=2 * MIB))
        upload.write(bytes(MIB + 1))
        upload.suspend()
        self.store.move(parse(path), parse(f"{self.folder}/x"), None, None)
        self.store.move(parse(f"{self.folder}/x"), parse(path), None, None)
        self.assertGreater(sum(self.store.remove(parse(self.top), None, True)), 1)
        self.store.maintain()
        self.assertEqual([version.size for version in self.kept()], [6, 5])

    def test_too_long(self) -> None:
        """A longer path is refused, whatever would have it: it could be neither replaced nor removed.

        The others of a batch are stored.
        """
        path = f"{self.folder}/123456"
        refused, stored = self.store.write_many([(request(path, size=1), b"x"), (request("a", size=1), b"x")])
        self.assertIsInstance(refused, BadEndpoint)
        self.assertIsInstance(stored, Entry)
        (imported,) = self.store.add_many([Imported(endpoint=parse(path), kind="directory")])
        self.assertIsInstance(imported, BadEndpoint)
        changes: list[Callable[[], object]] = [
            lambda: self.store.make_directory(request(path)),
            lambda: self.store.upload(request(path, size=2 * MIB)),
            lambda: self.store.move(parse("a"), parse(path), None, None),
            lambda: list(self.store.copy(parse("a"), parse(path), source_precondition=None, target_precondition=None)),
        ]
        for change in changes:
            self.assertRaises(BadEndpoint, change)
        self.assertEqual(self.names(), ["a"])


class EvictionTests(ClusterCase):
    """Space for new files."""

    def test_versions_first(self) -> None:
        """The oldest versions go for a new file, as many as it takes, and their objects are looked at."""
        options = StoreOptions(quota=50_000, retention=Retention(protected_seconds=0))
        self.store = ClusterStore(self.server(options))
        for number in range(4):
            self.write("a.txt", content=bytes([number]) * 10_000)
        self.write("b.txt", content=bytes(15_000))
        self.assertEqual([version.size for version in self.kept()], [10_000] * 2)
        self.assertRaises(NoSpace, self.write, "c.txt", content=bytes(30_000))
        self.assertEqual(len(self.kept()), 2, "nothing goes where it is not enough")
        self.assert_sound()

    def test_two_servers(self) -> None:
        """A quota holds for all servers together, whoever counts first."""
        ann = Actor("ann", allotment=Allotment(parse("ann"), 30_000, may_discard=False, sees_all=False))
        one, other = ClusterStore(self.context).bind(ann), ClusterStore(self.server()).bind(ann)
        for number, store in enumerate((one, other, one, other)):
            result = store.write_many([(request(f"ann/{number}.txt", size=10_000), bytes(10_000))])[0]
            self.assertEqual(isinstance(result, NoSpace), number == 3, result)
        self.assertEqual(one.space().free, 0)

    def test_two_quotas(self) -> None:
        """Nothing goes for a file that another quota refuses; nor where it is one of several that are written."""
        for number in range(3):
            self.write("ann/a.txt", content=bytes([number]) * 9_000)
        self.write("bob/b.txt", content=bytes(25_000))
        ann = Actor("ann", allotment=Allotment(parse("ann"), 30_000, may_discard=True, sees_all=False))
        full, roomy = (ClusterStore(self.server(StoreOptions(quota=quota))).bind(ann) for quota in (45_000, 90_000))
        asked = [(request(f"ann/{size}.txt", size=size), bytes(size)) for size in (6_000, 0)]
        self.assertIsInstance(full.write_many(asked)[0], NoSpace)
        self.assertEqual(len(self.kept()), 2)
        self.assertFalse([each for each in roomy.write_many(asked) if isinstance(each, Exception)])
        self.assertEqual(len(self.kept()), 1, "the control: it goes where that is enough")
        self.assert_sound()

    def test_fault(self) -> None:
        """A database that is too slow in the middle of a batch refuses all of it, rather than one file."""
        self.store = ClusterStore(self.server(StoreOptions(quota=50_000)))
        for number in range(4):
            self.write("a.txt", content=bytes([number]) * 10_000)

        def slow(transaction: Transaction, share: int, owner: str | None) -> list[UploadRow]:
            transaction.execute("SET LOCAL statement_timeout = 1")
            return transaction.rows("SELECT pg_sleep(9)")

        self.patch(uploads, "of_owner", slow)
        asked = [(request(f"{size}.txt", size=size), bytes(size)) for size in (100, 30_000)]
        self.assertRaises(Busy, self.store.write_many, asked)
        self.assertEqual(self.names(), ["a.txt"])
