"""What stops a plan until a person allows it."""

from __future__ import annotations

from typing import Iterable, Mapping

import attrs
from twisted.internet.task import Clock
from twisted.trial import unittest

from homeftp.client.files.digest import LocalDigests
from homeftp.client.files.model import LocalTree
from homeftp.client.plan.listing import entry_table
from homeftp.client.sync.archive import Agreement
from homeftp.client.sync.guards import (
    DeletionGuard,
    count_deletions,
    hidden_names,
    objection,
    suspicion,
    unmounted_names,
)
from homeftp.client.sync.model import (
    Act,
    Side,
    SyncAction,
    SyncOptions,
    SyncPlan,
    SyncTree,
    Unsynced,
    copy_nodes,
    inode_table,
)
from homeftp.client.sync.planner import make_plan
from homeftp.client.sync.scope import WHOLE
from homeftp.client.sync.trees import BothSides
from homeftp.client.tables.nameset import NameSet
from homeftp.model import TreeDigest
from tests.support.synctrees import DIRECTORY, Nodes, file

FILES: Nodes = {"d": DIRECTORY, **{f"d/{number}": file(f"{number}") for number in range(4)}}


def without(count: int) -> Nodes:
    """The tree without so many of its files."""
    return {name: node for name, node in FILES.items() if name not in {f"d/{each}" for each in range(count)}}


def plan(here: Nodes, there: Nodes, unchanged_files: int = 0) -> SyncPlan:
    return make_plan(FILES, {}, SyncTree(here), SyncTree(there), SyncOptions(), unchanged_files=unchanged_files)


class GuardTests(unittest.SynchronousTestCase):
    """Plans that delete."""

    def test_half(self) -> None:
        """Half of the files of a side may be deleted, and not more; files that are the same count."""
        self.assertIsNone(objection(plan(without(2), FILES)))
        for made, where in ((plan(without(3), FILES), "on the server"), (plan(FILES, without(3)), "on this machine")):
            self.assertIn(f"3 of the 4 files {where} would be deleted", str(objection(made)))
        self.assertIsNone(objection(plan(without(3), FILES, unchanged_files=2)))

    def test_empty(self) -> None:
        """Where one side has no files at all, that is said."""
        self.assertIn("because there is none on this machine", str(objection(plan({}, FILES))))
        self.assertNotIn("because", str(objection(plan(without(3), FILES))))

    def test_replaced(self) -> None:
        """A file that a folder replaces is not lost: it does not count. The control: where it is deleted, it does."""
        made = plan({"d": DIRECTORY, **dict.fromkeys(FILES, DIRECTORY)}, FILES)
        self.assertEqual(sum(action.act is Act.DELETE for action in made.actions), 4)
        self.assertIsNone(objection(made))
        self.assertIsNotNone(objection(plan({"d": DIRECTORY}, FILES)))

    def test_max_delete(self) -> None:
        """A number is a limit for both sides together, above and below half."""
        made = plan(without(3), FILES)
        self.assertEqual(count_deletions(made), {Side.HERE: 0, Side.THERE: 3})
        self.assertIsNone(objection(made, 3))
        self.assertIn("more than --max-delete 2 allows", str(objection(made, 2)))
        self.assertIn("more than --max-delete 0 allows", str(objection(plan(without(1), FILES), 0)))

    def test_directories(self) -> None:
        """Directories do not count: each is empty when it is deleted."""
        made = plan({}, FILES)
        self.assertEqual((len(made.actions), count_deletions(made)[Side.THERE]), (5, 4))


class DeletionGuardTests(unittest.SynchronousTestCase):
    """A folder of a hundred files that is emptied in parts while a watch runs."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.guard = DeletionGuard(self.clock.seconds)
        self.nodes: Nodes = {f"{number}": file(f"{number}") for number in range(100)}

    def delete(self, count: int, max_delete: int | None = None, guard: DeletionGuard | None = None) -> str | None:
        """Delete so many more files here; gives the objection against the same on the server, else carries it out."""
        agreed = self.nodes
        here = dict(list(agreed.items())[count:])
        made = make_plan(agreed, {}, SyncTree(here), SyncTree(agreed), SyncOptions())
        problem = (guard or self.guard).objection(made, max_delete)
        if problem is None:
            self.nodes = here
        return problem

    def test_parts(self) -> None:
        """Half of the files are deleted in parts, and not one more. The control: each part alone would be allowed."""
        for _ in range(5):
            self.assertIsNone(self.delete(10))
            self.clock.advance(30)
        problem = str(self.delete(10))
        self.assertIn("10 of the 50 files on the server would be deleted; there were 100 within the last hour", problem)
        self.assertIn("use --max-delete 10", problem)
        self.assertIsNone(self.delete(10, guard=DeletionGuard(self.clock.seconds)))

    def test_waits(self) -> None:
        """What was stopped stays so for as long as nobody decides, also if everything is to be deleted in parts."""
        self.assertIsNone(self.delete(50))
        for _ in range(5):
            self.assertIn("within the last hour", str(self.delete(1)))
            self.clock.advance(3600)

    def test_decided(self) -> None:
        """When a person has decided, what there is then is what counts."""
        self.delete(50)
        self.assertIsNotNone(self.delete(10))
        self.assertIsNone(self.delete(10, 10))
        self.assertIsNone(self.delete(20))
        self.assertIsNotNone(self.delete(1))

    def test_hour(self) -> None:
        """Deletions of more than an hour ago do not count, nor does what is made and deleted again and again."""
        self.delete(50)
        self.clock.advance(3700)
        self.assertIsNone(self.delete(25))
        for number in range(10):
            self.nodes = {**self.nodes, **{f"new {number} {each}": file(f"{each}") for each in range(25)}}
            self.assertIsNone(self.delete(25))


class SuspicionTests(unittest.SynchronousTestCase):
    """Files that are empty on one side."""

    def test_side(self) -> None:
        """The side is named whose file is empty, and how to decide."""
        for side, where in ((Side.HERE, "it is empty here,"), (Side.THERE, "it is empty on the server,")):
            reason = suspicion(SyncAction(Act.SUSPICIOUS, side, "a", file(""), file("x")))
            self.assertIn(where, reason)
            self.assertIn("--prefer here or --prefer there", reason)


class HiddenTests(unittest.SynchronousTestCase):
    """Names that the server lists no longer, where the account may read other folders than before."""

    def test_topmost(self) -> None:
        """The topmost of those that are here still are named, each as something that should be synced."""
        there = {"e/b", "e"}
        found = hidden_names(dict.fromkeys(["a", "d", "d/x", "d/y", "e", "e/b", "gone"]), {"a", "d", "d/x", "e"}, there)
        self.assertEqual({name: each.failed for name, each in found.items()}, {"a": True, "d": True})


class UnmountedTests(unittest.SynchronousTestCase):
    """Folders in which a disk may have been mounted."""

    def test_found(self) -> None:
        """They were not empty, are now, and have another inode, while no folder has the one that they had."""
        names = ("away", "same", "moved", "filled", "was empty", "unknown", "unchanged")
        files = {f"{name}/x": file("x") for name in names if name not in ("was empty", "unchanged")}
        agreed = {**dict.fromkeys(names, DIRECTORY), **files, "unchanged/gone": file("x")}
        inodes = {name: number for number, name in enumerate(names, 1) if name != "unknown"}
        here = SyncTree(
            {**dict.fromkeys(names, DIRECTORY), "filled/new": file("new"), "to": DIRECTORY},
            inodes={**dict.fromkeys(names, 99), "same": inodes["same"], "to": inodes["moved"]},
        )
        self.assertEqual(self.unmounted(agreed, here, inodes=inodes, unchanged=["unchanged/x"]), {"away"})

    def unmounted(
        self,
        agreed: Nodes,
        here: SyncTree,
        *mounts: str,
        inodes: Mapping[str, int] | None = None,
        unchanged: Iterable[str] = (),
        same: Iterable[str] = (),
    ) -> set[str]:
        """The folders whose disks may be away; the server has what was agreed."""
        names = NameSet()
        for name in unchanged:
            names.add(name)
        known = inode_table()
        known.update(inodes or {})
        tree, entries, agreement = LocalTree("."), entry_table(), Agreement(copy_nodes(agreed), known)
        digests = LocalDigests(
            digests={name: TreeDigest(content="", full="", files=1, directories=0, size=0) for name in same}
        )
        folders = dict.fromkeys(same, "")
        both = BothSides(tree, entries, here, SyncTree(agreed), agreement, names, folders, 0, digests, WHOLE)
        found = unmounted_names(both, ["", *mounts])
        self.assertTrue(all(why.failed for why in found.values()))
        return set(found)

    def test_mounted_before(self) -> None:
        """It had a disk, has none, and lacks something that was agreed on; other files may have come."""
        agreed = {"d": DIRECTORY, "d/disk": DIRECTORY, "d/disk/x": file("x"), "d/disk/y": file("y"), "z": file("z")}
        stray = SyncTree({"d": DIRECTORY, "d/disk": DIRECTORY, "d/disk/x": file("x"), "d/disk/new": file("new")})
        self.assertEqual(self.unmounted(agreed, stray, "d/disk"), {"d/disk"})
        self.assertEqual(self.unmounted(agreed, SyncTree({"d": DIRECTORY}), "d/disk"), {"d/disk"}, "is missing")
        self.assertEqual(self.unmounted(agreed, stray), set(), "had no disk")
        self.assertEqual(self.unmounted(agreed, attrs.evolve(stray, mounts=["d/disk"]), "d/disk"), set(), "has one")
        self.assertEqual(self.unmounted(agreed, SyncTree(agreed), "d/disk"), set(), "lacks nothing")
        self.assertEqual(self.unmounted(agreed, SyncTree({"d/disk": file("x")}), "d/disk"), set(), "is a file")
        link = SyncTree({"d": DIRECTORY}, {"d/disk": Unsynced("is a symbolic link", False)})
        self.assertEqual(self.unmounted(agreed, link, "d/disk"), set(), "is a link")

    def test_other_disk(self) -> None:
        """It has a disk without any file, at any depth, and files were agreed on."""
        agreed = {"disk": DIRECTORY, "disk/d": DIRECTORY, "disk/d/x": file("x"), "disk/y": file("y")}
        empty = SyncTree({"disk": DIRECTORY, "disk/d": DIRECTORY, "disk/e": DIRECTORY}, mounts=["disk"])
        self.assertEqual(self.unmounted(agreed, empty), {"disk"})
        self.assertEqual(self.unmounted(agreed, empty, "disk"), {"disk"})
        self.assertEqual(self.unmounted(agreed, attrs.evolve(empty, mounts=[])), set(), "has no disk")
        self.assertEqual(self.unmounted({"disk": DIRECTORY}, empty), set(), "had no files")
        filled = attrs.evolve(empty, nodes={**empty.nodes, "disk/e/new": file("new")})
        self.assertEqual(self.unmounted(agreed, filled), set(), "has a file")
        self.assertEqual(self.unmounted(agreed, empty, unchanged=["disk/d/z"]), set(), "has one that is unchanged")
        self.assertEqual(self.unmounted(agreed, empty, same=["disk/f"]), set(), "has one in a folder that is the same")
        self.assertEqual(self.unmounted(agreed, empty, same=["other"]), {"disk"})
