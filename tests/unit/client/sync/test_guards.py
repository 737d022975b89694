"""What stops a plan until a person allows it."""

from __future__ import annotations

from twisted.trial import unittest

from homeftp.client.sync.guards import count_deletions, hidden_names, objection
from homeftp.client.sync.model import Side, SyncOptions, SyncPlan, SyncTree
from homeftp.client.sync.planner import make_plan
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


class HiddenTests(unittest.SynchronousTestCase):
    """Names that the server lists no longer, where the account may read other folders than before."""

    def test_topmost(self) -> None:
        """The topmost of those that are here still are named, each as something that should be synced."""
        there = {"e/b", "e"}
        found = hidden_names(dict.fromkeys(["a", "d", "d/x", "d/y", "e", "e/b", "gone"]), {"a", "d", "d/x", "e"}, there)
        self.assertEqual({name: each.failed for name, each in found.items()}, {"a": True, "d": True})
