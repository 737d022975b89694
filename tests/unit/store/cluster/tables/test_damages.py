"""What is damaged is found by its path, and so are other contents with the same hash."""

from __future__ import annotations

from homeftp.endpoint import parse
from homeftp.hashing.filehash import hash_bytes
from homeftp.store.cluster.base.rows import Names
from homeftp.store.cluster.tables import damages
from homeftp.store.cluster.tables import names as names_table
from tests.support.clustercase import ClusterCase


class DamagesTests(ClusterCase):
    """Marks."""

    def test_path(self) -> None:
        """The path of a node, as long as it has one, and in its own share only."""
        self.write("d/e/a.txt")
        database, share = self.context.database, self.context.share
        node = names_table.find(database, share.root, ("d", "e", "a.txt"))
        assert node is not None
        self.assertEqual(damages.path_of(database, share, node.id), ("d", "e", "a.txt"))
        self.assertIsNone(damages.path_of(database, type(share)(share.id, node.parent + 10**9), node.id))
        list(self.store.remove(parse("d/e/a.txt"), None, False))
        self.assertIsNone(damages.path_of(database, share, node.id))

    def test_marked(self) -> None:
        """A mark is set while the content is the one that was read, told, and goes when it is found sound."""
        self.write("a.txt")
        database, share = self.context.database, self.context.share
        node = names_table.find(database, share.root, ("a.txt",))
        assert node is not None
        self.assertTrue(damages.mark(database, share.id, node, ""))
        (found,) = damages.marked(database, share)
        self.assertEqual((found.name, found.damage, found.hash), ("a.txt", "unreadable", hash_bytes(b"content")))
        damages.checked(database, share.id, node)
        self.assertEqual(damages.marked(database, share), [])
        self.write("a.txt", content=b"other")
        self.assertFalse(damages.mark(database, share.id, node, ""))

    def test_copies(self) -> None:
        """Files and versions with a hash, those that are marked left out."""
        self.write("a.txt", "b.txt", "c.txt")
        self.write("c.txt", content=b"other")
        database, share = self.context.database, self.context.share

        def copies() -> set[Names | None]:
            found = damages.copies(database, share.id, hash_bytes(b"content"))
            paths = (each.names if each.node is None else damages.path_of(database, share, each.node) for each in found)
            return {path for path in paths if path is not None}

        self.assertEqual(copies(), {("a.txt",), ("b.txt",), ("c.txt",)})
        node = names_table.find(database, share.root, ("a.txt",))
        assert node is not None
        damages.mark(database, share.id, node, "")
        self.assertEqual(copies(), {("b.txt",), ("c.txt",)})
