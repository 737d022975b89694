"""The values of a sync."""

from __future__ import annotations

import tracemalloc
from itertools import product

from twisted.trial import unittest

from homeftp.client.plan.listing import PACKING
from homeftp.client.sync.model import (
    ACTION_PACKING,
    Act,
    Side,
    SyncAction,
    SyncNode,
    copy_nodes,
    inode_table,
    is_within,
    node_of,
    node_table,
    nodes_of,
    same_content,
)
from homeftp.client.tables.nametable import NameTable
from homeftp.client.tables.packedlist import PackedList
from homeftp.hashing.filehash import hash_bytes
from homeftp.model import Entry
from tests.support.synctrees import DIRECTORY, file


class ModelTests(unittest.SynchronousTestCase):
    """Nodes, sides and actions."""

    def test_same_content(self) -> None:
        """Time and mode are no part of the content; nothing is the same as nothing."""
        self.assertTrue(same_content(file("a", 1), file("a", 2, 0o600)))
        self.assertTrue(same_content(None, None))
        for one, other in ((file("a"), file("b")), (file("a"), None), (DIRECTORY, file("a"))):
            self.assertFalse(same_content(one, other))

    def test_sides(self) -> None:
        """An action says what each side has, and what the target is given."""
        action = SyncAction(Act.COPY, Side.THERE, "a", file("here"), file("there"))
        self.assertEqual((action.node(Side.HERE), action.node(Side.THERE)), (file("here"), file("there")))
        self.assertEqual(action.source, file("here"))
        self.assertEqual([side.other for side in Side], [Side.THERE, Side.HERE])

    def test_within(self) -> None:
        """A name is within itself and the directories around it, and not within what only begins alike."""
        self.assertTrue(is_within("a/b", "a/b"))
        self.assertTrue(is_within("a/b/c", "a"))
        self.assertFalse(is_within("ab", "a"))


class StepListTests(unittest.SynchronousTestCase):
    """Steps that are kept packed."""

    def test_packed(self) -> None:
        """A step comes out of a packed list as it was, whatever the sides have."""
        nodes = (
            None,
            DIRECTORY,
            SyncNode("file", hash_bytes(b"a"), 1, None, None),
            SyncNode("file", None, 2, 3, 0o644),
        )
        steps = [
            SyncAction(act, side, f"{number}", here, there, to)
            for number, (act, side, here, there, to) in enumerate(product(Act, Side, nodes, nodes, ("", "new")))
        ]
        for together in (1, 3, len(steps)):
            packed = PackedList(ACTION_PACKING, steps, plain=0, together=together)
            self.assertEqual([*packed], steps)
        here_only = [step for step in steps if step.there is None]
        self.assertEqual([*PackedList(ACTION_PACKING, here_only, plain=0, together=len(here_only))], here_only)


class TableTests(unittest.SynchronousTestCase):
    """Trees that are kept packed."""

    def test_packed(self) -> None:
        """A node, and an inode, comes out of a packed table as it was; a copy of the table is changed by itself."""
        nodes: dict[str, SyncNode] = {"d": SyncNode("directory", mode=0o755)}
        for number in range(40_000):
            hash = hash_bytes(b"%d" % number) if number % 3 else None
            nodes[f"d/{number:05}"] = SyncNode("file", hash, number, number or None, 0o644)
        table = node_table()
        table.update(nodes)
        self.assertEqual(dict(table), nodes)
        copies = copy_nodes(table), copy_nodes(nodes)
        for copy in copies:
            del copy["d/39999"]
        self.assertEqual(dict(copies[0]), copies[1])
        self.assertEqual((len(table), len(nodes), len(copies[0])), (40_001, 40_001, 40_000))
        inodes = inode_table()
        inodes.update((name, number) for number, name in enumerate(nodes))
        self.assertEqual([inodes[name] for name in nodes], list(range(40_001)))

    def test_entries(self) -> None:
        """The nodes of the server's entries are read out of what is packed of these, directories as well."""
        hash = hash_bytes(b"content")
        rows = [
            Entry("a", "directory", 4096, 5, 0o755),
            Entry("a/b", "directory", 4096, 5),
            Entry("a/c", "file", 7, 5, 0o644, hash),
            Entry("a/d", "file", 8),
            Entry("a/e", "file", 8, damaged=hash, mtime_span=(1, 2)),
            Entry("f", "file", 0, -5, 0o600, hash),
        ]
        for together in (1, 2, 6):
            entries = NameTable(PACKING, {row.name: row for row in rows}, plain=0, together=together)
            self.assertEqual(dict(nodes_of(entries)), {row.name: node_of(row) for row in rows})

    def test_memory(self) -> None:
        """The nodes of entries, and a part of these, take hardly any memory beside them; a table of their own does."""
        files = 20_000
        names = [f"{number // 1000:03}/{number:07}" for number in range(files)]
        rows = ((name, Entry(name, "file", 8, 5, 0o644, hash_bytes(name.encode()))) for name in names)
        entries = NameTable(PACKING, dict(rows), plain=0, together=64)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        nodes = nodes_of(entries)
        some = entries.copy()
        some.keep(lambda name, _: not name.endswith("999"))
        shared, _ = tracemalloc.get_traced_memory()
        own = NameTable(PACKING, entries, plain=0, together=64)
        copied, _ = tracemalloc.get_traced_memory()
        self.assertEqual((len(nodes), len(some), len(own)), (files, files - 20, files))
        self.assertLess(shared - before, 15 * files)
        self.assertGreater(copied - shared, 35 * files)
