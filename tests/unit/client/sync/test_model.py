"""The values of a sync."""

from __future__ import annotations

from itertools import product

from twisted.trial import unittest

from homeftp.client.sync.model import (
    ACTION_PACKING,
    Act,
    Side,
    SyncAction,
    SyncNode,
    copy_nodes,
    inode_table,
    is_within,
    node_table,
    same_content,
)
from homeftp.client.tables.packedlist import PackedList
from homeftp.hashing.filehash import hash_bytes
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
