"""The first step of the schema makes what the store needs, and all that is found by an index has one."""

from __future__ import annotations

from functools import partial
from typing import Callable

from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.migrations import expect_current, migrate, states
from homeftp.cluster.objects import NAME_FOLDERS
from homeftp.endpoint import NO_FOLDERS, parse
from homeftp.store.cluster.base.rows import LISTED
from homeftp.store.cluster.base.schema import STORE
from homeftp.store.cluster.reading.listing import TreeReader
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables import collected, contents, removals, usage
from homeftp.store.cluster.tables.names import lock, walk
from tests.support import engines
from tests.support.clustercase import ClusterCase
from tests.support.clusters import Cluster
from tests.support.kepttables import PATIENT


class SchemaTests(ClusterCase):
    """The tables."""

    def test_made(self) -> None:
        """A database of this version is current."""
        (state,) = states(self.context.database, [STORE])
        self.assertEqual((state.made, state.problem), (len(STORE.steps), None))
        expect_current(self.context.database, [STORE])

    def scans(self, act: Callable[[Transaction], object]) -> int:
        """How often whole tables are read in an act."""
        query = "SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_xact_user_tables WHERE relname IN ('node', 'part')"

        def work(transaction: Transaction) -> int:
            before = int(transaction.row(query)[0])
            act(transaction)
            return int(transaction.row(query)[0]) - before

        return self.context.database.transact(work)

    def test_indexes(self) -> None:
        """Files are found by an index, however many there are."""
        names = [("d", f"{number}.txt") for number in range(20)]
        self.write(*map("/".join, names))
        numbers = [node.content or 0 for node in walk(self.context.database, self.context.share.root, names).values()]
        acts: list[Callable[[Transaction], object]] = [
            lambda transaction: walk(transaction, self.context.share.root, names),
            lambda transaction: walk(transaction, self.context.share.root, names[:1]),
            lambda transaction: lock(transaction, [(self.context.share.root, "d")]),
            lambda transaction: contents.parts_of(transaction, numbers),
            lambda transaction: TreeReader(transaction, LISTED).tree(self.context.share.root, (), NO_FOLDERS),
        ]
        self.assertEqual([self.scans(act) for act in acts], [0] * len(acts))
        unindexed = self.scans(lambda transaction: transaction.rows("SELECT count(*) FROM node WHERE mode = 1"))
        self.assertGreater(unindexed, 0, "the control")


NAMES = ("C", "a", "a b", "a-b", "a.b", "aC", "ab", "ab0", "b", "\u00e4")
"""Names in the order of their bytes, of which other orders leave out the spaces and signs, or mix the cases."""


class OrderTests(ClusterCase):
    """A database whose order of texts is another one: it leaves out what is no letter and no digit."""

    def setUp(self) -> None:
        url = engines.postgresql().create(f"store_order_{id(self)}", "und-u-ka-shifted")
        database = Database(url, connections=1, timeouts=PATIENT)
        self.addCleanup(database.close)
        migrate(database, [STORE])
        self.cluster = Cluster(url=url)
        self.connect()

    def connect(self) -> None:
        """Open the store, with connections that remember no statements."""
        self.context = self.server()
        self.store = ClusterStore(self.context)

    def assert_needed(self, table: str, column: str, find: Callable[[], object], expected: object) -> None:
        """What is found depends on the order that a column has been given, and is found by it."""
        self.assertEqual(find(), expected)
        self.cluster.execute(f'ALTER TABLE {table} ALTER {column} TYPE text COLLATE "default"')
        self.connect()
        self.assertNotEqual(find(), expected, "the control")

    def test_listings(self) -> None:
        """A directory is listed by the bytes of the names, however it is read."""
        self.write(*(f"d/{name}/x" for name in NAMES))
        whole = [each for name in NAMES for each in (name, f"{name}/x")]

        def found() -> tuple[list[str], list[str]]:
            pages = self.store.list(parse("d"), False)
            return [entry.name for page in pages for entry in page.entries], self.names("d")

        self.assert_needed("node", "name", found, (list(NAMES), whole))

    def test_versions(self) -> None:
        """The versions beneath a directory are found and counted, and no others; by the bytes of their paths."""
        for _ in range(2):
            self.write(*(f"{name}/x" for name in NAMES))
        beneath = [version.name for version in self.kept("a")]
        self.assertEqual((beneath, [version.name for version in self.kept()]), (["x"], [f"{name}/x" for name in NAMES]))
        self.assert_needed("version", "path", self.measured, 2 * usage.cost(len(b"content")))

    def measured(self) -> int:
        """The bytes beneath a directory, with its versions."""
        return usage.measure(self.context.database, self.context.share.id, self.context.share.root, ("a",))

    def test_removed(self) -> None:
        """A directory that is being removed is found by what is above it, and by nothing beside that."""
        for number, names in enumerate([("a", "d"), ("ab", "d")]):
            removal = removals.Removal(-number, names, number)
            self.context.database.transact(partial(removals.insert, share=self.context.share.id, removal=removal))

        def found() -> list[tuple[str, ...]]:
            return [each.names for each in removals.overlapping(self.context.database, self.context.share.id, ("a",))]

        self.assert_needed("removed", "path", found, [("a", "d")])

    def test_used(self) -> None:
        """With a directory the counts of the quotas beneath it go, and no others."""
        share = self.context.share

        def left() -> object:
            self.cluster.execute("DELETE FROM usage")
            for path in ("a\x01b", "ab", "a b"):
                self.cluster.execute("INSERT INTO usage VALUES (%s, %s, 1)", share.id, path)
            self.context.database.transact(lambda transaction: usage.forget_beneath(transaction, share.id, ("a",)))
            return sorted(self.cluster.execute("SELECT path FROM usage"))

        self.assert_needed("usage", "path", left, [("a b",), ("ab",)])

    def test_objects(self) -> None:
        """The objects of each folder of the bucket are found."""
        self.write("a", "b", content=b"x" * 100)

        def found() -> set[str]:
            database = self.context.database
            return {name for folder in NAME_FOLDERS for name, _ in collected.needed(database, folder, 1)}

        self.assert_needed("part", "object", found, self.objects())
