"""Paths in the database sort as listings do, and rows become values without loss."""

from __future__ import annotations

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.hashing.filehash import binary, hash_bytes
from homeftp.store.cluster.base.rows import (
    BEHIND,
    LISTED,
    SEPARATOR,
    digest_of,
    hash_of,
    node_of,
    path_names,
    path_text,
    version_of,
)
from homeftp.store.cluster.tables import names as names_table
from tests.support.clustercase import ClusterCase

HASH = hash_bytes(b"content")
FILE = (5, 0o640, 7, binary(HASH), 12, 3, None, 0)


class PathTests(SynchronousTestCase):
    """Paths as texts."""

    def test_both_ways(self) -> None:
        """A path is what it was, and the root is the empty text."""
        for names in ((), ("a",), ("a", "b c", "é")):
            self.assertEqual(path_names(path_text(names)), names)
        self.assertEqual(path_text(()), "")

    def test_order(self) -> None:
        """What is in a directory follows it, before what begins with its name."""
        listed = [("a",), ("a", "z"), ("a b",), ("a-b",), ("a.txt",)]
        self.assertEqual(sorted(listed, key=lambda names: path_text(names).encode()), listed)
        for names in listed:
            beneath = "a" + SEPARATOR <= path_text(names) < "a" + BEHIND
            self.assertEqual(beneath, names[:1] == ("a",) and len(names) > 1)


class ListedTests(ClusterCase):
    """Rows as listings show them."""

    def test_as_nodes(self) -> None:
        """An entry is the same, however much of its row was read: of a file, a damaged one, and a directory."""
        self.write("d/a.txt", "d/b.txt", "d/c.txt", mode=0o600, mtime_us=-7)
        self.cluster.execute("UPDATE node SET found = '' WHERE name = 'b.txt'")
        self.cluster.execute("UPDATE node SET found = hash, hash = NULL WHERE name = 'c.txt'")
        root = self.context.share.root
        (directory,) = names_table.shaped_children(self.context.database, LISTED, root, 9)
        listed = [directory, *names_table.shaped_children(self.context.database, LISTED, directory.id, 9)]
        nodes = [
            *names_table.children(self.context.database, root, 9),
            *names_table.children(self.context.database, directory.id, 9),
        ]
        self.assertEqual(
            [structs.asdict(each.entry("x")) for each in listed], [structs.asdict(each.entry("x")) for each in nodes]
        )
        self.assertEqual([each.entry("x").damaged is None for each in listed], [True, True, False, False])


class RowTests(SynchronousTestCase):
    """Rows as values."""

    def test_node(self) -> None:
        """A file in the tree shows its hash; a damaged one the hash that it had."""
        node = node_of((*FILE, 1, 2, "a.txt", 0, False, 9))
        self.assertEqual((node.hash, node.kind, node.damaged, node.tag), (HASH, "file", False, 9))
        self.assertEqual((node.entry("x").name, node.entry().hash, node.entry().tag), ("x", HASH, "9"))
        damaged = node_of((*FILE[:6], b"", 0, 1, 2, "a.txt", 0, False, 9))
        self.assertEqual((damaged.entry().hash, damaged.entry().damaged), (None, HASH))

    def test_version(self) -> None:
        """A version is named from the directory that was asked for."""
        row = version_of((*FILE, path_text(("d", "e", "a.txt")), 77))
        version = row.version(parse("d"))
        self.assertEqual((version.name, version.at_us, version.size, version.hash), ("e/a.txt", 77, 7, HASH))

    def test_hashes(self) -> None:
        """A hash, no hash, and the empty one that stands for what cannot be read."""
        for hash in (HASH, None, ""):
            self.assertEqual(hash_of(digest_of(hash)), hash)
