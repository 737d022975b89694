"""What was renamed on one side is found, and the trees are as if both had renamed it."""

from __future__ import annotations

import tracemalloc

from twisted.trial import unittest

from homeftp.client.sync.model import PACKING, Side, SyncNode, SyncTree, Unsynced
from homeftp.client.sync.naming.renames import Rename, RenamedTrees, follow_renames
from homeftp.client.tables.nametable import NameTable
from homeftp.hashing.filehash import hash_bytes
from tests.support.synctrees import DIRECTORY, Nodes, file

FOLDER = {"a": DIRECTORY, "a/x": file("one"), "a/y": file("two"), "a/z": file("three")}


def beneath(folder: str, nodes: Nodes = FOLDER) -> Nodes:
    """The nodes of `FOLDER` under another name."""
    return {folder + name[1:]: node for name, node in nodes.items()}


LINK = Unsynced("is a symbolic link", False)


class RenameTests(unittest.SynchronousTestCase):
    """Small trees, in which something was renamed."""

    def follow(self, base: Nodes, here: Nodes, there: Nodes, **numbers: dict[str, int]) -> RenamedTrees:
        """`inodes` are those that were agreed, `now` those that are here."""
        tree = SyncTree(here, inodes=numbers.get("now", {}))
        return follow_renames(base, numbers.get("inodes", {}), tree, SyncTree(there))

    def test_file(self) -> None:
        """A file of which the content has another name on one side is renamed on the other."""
        base = {"a": file("one")}
        for here, there, target in (({"b": file("one")}, base, Side.THERE), (base, {"b": file("one")}, Side.HERE)):
            found = self.follow(base, here, there)
            self.assertEqual(found.renames, [Rename(target, "a", "b")])
            self.assertEqual((found.base, found.sides[target]), ({"b": file("one")}, {"b": file("one")}))

    def test_inode(self) -> None:
        """Of several files with the content the renamed one has the old inode; else the same last name."""
        base = {"d": DIRECTORY, "a": file("one")}
        here = {"d": DIRECTORY, "b": file("one"), "c": file("one"), "d/a": file("one")}
        found = self.follow(base, here, base, inodes={"a": 7}, now={"b": 5, "c": 7, "d/a": 6})
        self.assertEqual(found.renames, [Rename(Side.THERE, "a", "c")])
        self.assertEqual(self.follow(base, here, base).renames, [Rename(Side.THERE, "a", "d/a")])

    def test_other_content(self) -> None:
        """A new file with another content, an empty one, and one beside the old one are not renamed ones."""
        base = {"a": file("one"), "e": file("")}
        for here in ({"b": file("two")}, {"f": file("")}, {"a": file("one"), "b": file("one")}):
            self.assertEqual(self.follow(base, here, base).renames, [])

    def test_taken(self) -> None:
        """Nothing is renamed to a name that the other side has given to something else, or that it lacks already."""
        base = {"a": file("one")}
        for there in ({"a": file("one"), "b": file("two")}, {"b": file("two")}, {}):
            self.assertEqual(self.follow(base, {"b": file("one")}, there).renames, [])

    def test_directory(self) -> None:
        """A directory with more than half of its files is renamed in one step, on either side."""
        for changed, count in (({"b/y": file("edit")}, 1), ({"b/y": file("edit"), "b/z": file("edit")}, 0)):
            here = {**beneath("b"), **changed}
            found = self.follow(FOLDER, here, FOLDER).renames
            self.assertEqual(found.count(Rename(Side.THERE, "a", "b")), count)
            found = self.follow(FOLDER, FOLDER, here).renames
            self.assertEqual(found.count(Rename(Side.HERE, "a", "b")), count)

    def test_reused_inode(self) -> None:
        """A new directory with the inode of a lost one, but other files, is not the lost one; an empty one may be."""
        found = self.follow(FOLDER, {"b": DIRECTORY, "b/q": file("new")}, FOLDER, inodes={"a": 7}, now={"b": 7})
        self.assertEqual(found.renames, [])
        empty = {"a": DIRECTORY}
        found = self.follow(empty, {"b": DIRECTORY}, empty, inodes={"a": 7}, now={"b": 7})
        self.assertEqual(found.renames, [Rename(Side.THERE, "a", "b")])
        self.assertEqual(self.follow(empty, {"b": DIRECTORY}, empty).renames, [])

    def test_directory_and_file(self) -> None:
        """A file that got another name in a directory that did too is renamed there."""
        here = beneath("b")
        here["b/w"] = here.pop("b/x")
        found = self.follow(FOLDER, here, FOLDER)
        self.assertEqual(found.renames, [Rename(Side.THERE, "a", "b"), Rename(Side.THERE, "b/x", "b/w")])
        self.assertEqual(found.base, found.sides[Side.HERE])
        self.assertEqual(found.sides[Side.THERE], found.sides[Side.HERE])

    def test_into_itself(self) -> None:
        """A directory cannot be renamed to a name within itself."""
        here = {"a": DIRECTORY, **beneath("a/b")}
        self.assertNotIn(Rename(Side.THERE, "a", "a/b"), self.follow(FOLDER, here, FOLDER).renames)

    def test_permitted(self) -> None:
        """Where only some renames are permitted, no other is made."""
        base, here = {"a": file("one"), "c": file("two")}, {"b": file("one"), "d": file("two")}
        permitted = [Rename(Side.THERE, "a", "b")]
        found = follow_renames(base, {}, SyncTree(here), SyncTree(base), permitted).renames
        self.assertEqual(found, permitted)

    def test_opaque(self) -> None:
        """A directory that holds what cannot be synced stays; the files in it that have other names are renamed."""
        there = SyncTree(FOLDER, {"a/link": LINK})
        found = follow_renames(FOLDER, {}, SyncTree(beneath("b")), there).renames
        self.assertEqual(found, [Rename(Side.THERE, f"a/{each}", f"b/{each}") for each in "xyz"])


class ManyTests(unittest.SynchronousTestCase):
    """Large trees."""

    def test_among_new(self) -> None:
        """A file is found under its new name among thousands of new ones."""
        base = {"a": file("one"), "z": file("two")}
        there = {**{f"n{number:05}": file(f"content {number}") for number in range(10_000)}, "z": file("two")}
        for new in ("b", "y"):  # before the others, and after them
            here = dict(sorted({**there, new: file("one")}.items()))
            found = follow_renames(base, {}, SyncTree(here), SyncTree(base))
            self.assertEqual(found.renames, [Rename(Side.THERE, "a", new)])

    def test_memory(self) -> None:
        """A folder that was renamed takes a fraction of the memory of its names and nodes."""
        files = 20_000

        def tree(top: str) -> NameTable[SyncNode]:
            nodes = NameTable(PACKING, {top: DIRECTORY}, plain=0, together=64)
            for number in range(files):
                if not number % 1000:
                    nodes[f"{top}/{number // 1000:03}"] = DIRECTORY
                name = f"{top}/{number // 1000:03}/{number:07}"
                nodes[name] = SyncNode("file", hash_bytes(b"%d" % number), 8, number, 0o644)
            return nodes

        base, here = tree("old"), tree("new")
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        found = follow_renames(base, {}, SyncTree(here), SyncTree(base))
        after, peak = tracemalloc.get_traced_memory()
        self.assertEqual(found.renames, [Rename(Side.THERE, "old", "new")])
        self.assertEqual((len(found.base), found.base.keys()), (len(here), here.keys()))
        self.assertLess(peak - before, 250 * files)
        before, _ = tracemalloc.get_traced_memory()
        held = dict(here)
        after, _ = tracemalloc.get_traced_memory()
        self.assertGreater(after - before, 300 * files, len(held))
