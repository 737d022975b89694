"""The tree: found by names, locked in one order, and changed under its locks."""

from __future__ import annotations

from homeftp.cluster.database import Transaction, TransactionConflict
from homeftp.endpoint import parse
from homeftp.store.cluster.base.rows import NODES
from homeftp.store.cluster.tables import names as names_table
from tests.support.clustercase import ClusterCase, request


class NamesTests(ClusterCase):
    """Nodes."""

    def setUp(self) -> None:
        """Three files."""
        super().setUp()
        self.write("d/a.txt", "d/e/b.txt", "c.txt")
        self.root = self.context.share.root

    def test_walk(self) -> None:
        """What exists at each path, and on the way, also where the path leads on from a file or to nothing."""
        paths = [("d", "a.txt"), ("d", "none", "x"), ("c.txt", "y"), ()]
        few = names_table.walk(self.context.database, self.root, paths)
        self.assertEqual(set(few), {(), ("d",), ("d", "a.txt"), ("c.txt",)})
        many = [*paths, *(("d", f"{number}") for number in range(20)), ("d", "e", "b.txt")]
        found = names_table.walk(self.context.database, self.root, many)
        self.assertEqual(set(found), {*few, ("d", "e"), ("d", "e", "b.txt")})
        self.assertEqual(found["d", "a.txt"], few["d", "a.txt"])
        self.assertEqual(names_table.walk(self.context.database, self.root, []), {})

    def test_lock(self) -> None:
        """Names that are similar are locked together; what is locked, others wait for."""

        def work(transaction: Transaction) -> None:
            found = names_table.lock(transaction, [(self.root, "c.txt"), (self.root, "none")])
            self.assertEqual([node.name for node in found[self.root, "c.txt"]], ["c.txt"])
            self.assertEqual(found[self.root, "none"], [])
            query = "SELECT name FROM node WHERE parent = %s AND name = 'c.txt' FOR UPDATE SKIP LOCKED"
            self.assertEqual(self.cluster.execute(query, self.root), [])

        self.context.database.transact(work)

    def test_taken(self) -> None:
        """A name that another transaction has taken meanwhile is no failure, but a reason to look again."""
        there = names_table.find(self.context.database, self.root, ("c.txt",))
        assert there is not None

        def work(transaction: Transaction) -> None:
            self.assertRaises(TransactionConflict, names_table.insert, transaction, [there])

        self.context.database.transact(work)

    def test_reach(self) -> None:
        """The longest path beneath a directory, and the deepest one."""
        database = self.context.database
        node = names_table.find(database, self.root, ("d",))
        assert node is not None
        self.assertEqual(names_table.reach(database, node.id), (len("/e/b.txt"), 2))
        self.assertTrue(names_table.has_children(database, node.id))
        self.store.make_directory(request("empty"))
        empty = names_table.find(database, self.root, ("empty",))
        assert empty is not None
        self.assertEqual(names_table.reach(database, empty.id), (0, 0))
        self.assertFalse(names_table.has_children(database, empty.id))

    def test_children(self) -> None:
        """What is in a directory is read in parts, and the first of several directories at once."""
        database = self.context.database
        there = [node.name for node in names_table.children(database, self.root, 100)]
        self.assertEqual(there, sorted(there))
        self.assertEqual([node.name for node in names_table.children(database, self.root, 1)], there[:1])
        after = names_table.children(database, self.root, 100, there[0])
        self.assertEqual([node.name for node in after], there[1:])
        d = next(node.id for node in names_table.children(database, self.root, 100) if node.name == "d")
        found = names_table.children_of_many(database, NODES, [d, self.root, 0], 1)
        self.assertEqual(found[self.root], names_table.children(database, self.root, 1))
        self.assertEqual(found[d], names_table.children(database, d, 1))
        self.assertEqual(found[0], [])

    def test_deleted(self) -> None:
        """What is removed is found no more."""
        list(self.store.remove(parse("c.txt"), None, False))
        self.assertIsNone(names_table.find(self.context.database, self.root, ("c.txt",)))
