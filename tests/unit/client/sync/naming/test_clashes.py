"""Names that one side takes for one are left out of a plan, and said; what both sides have already is synced on."""

from __future__ import annotations

from typing import AbstractSet, Sequence
from unittest import mock

from twisted.trial import unittest

from homeftp.client.sync.model import Act, Direction, Side, SyncOptions, SyncPlan, SyncTree, Unsynced
from homeftp.client.sync.naming import clashes
from homeftp.client.sync.planner import make_plan
from homeftp.client.tables.nameset import NameSet
from tests.support.synctrees import DIRECTORY, Nodes, file

ONE, TWO, THREE = file("one"), file("two"), file("three")


def planned(
    base: Nodes,
    here: Nodes,
    there: Nodes,
    *folding: Side,
    direction: Direction = Direction.BOTH,
    unchanged: NameSet | None = None,
) -> SyncPlan:
    """The plan where these sides take similar names for one."""
    disks = {side: {""} for side in folding}
    one, other = SyncTree(here, folding=disks.get(Side.HERE, ())), SyncTree(there, folding=disks.get(Side.THERE, ()))
    return make_plan(base, {}, one, other, SyncOptions(direction), unchanged=unchanged)


def steps(plan: SyncPlan) -> Sequence[tuple[Act, Side, str]]:
    return [(action.act, action.target, action.name) for action in plan.actions]


class ClashTests(unittest.SynchronousTestCase):
    """Small trees."""

    def check(self, plan: SyncPlan, clashing: AbstractSet[str], *others: tuple[Act, Side, str]) -> None:
        """Check which names are left out, and the steps for the others."""
        self.assertEqual(set(plan.opaque), set(clashing))
        self.assertEqual(steps(plan), list(others))
        for unsynced in plan.opaque.values():
            self.assertTrue(unsynced.failed)
            self.assertIn("beside it only in case", unsynced.reason)

    def test_both_new(self) -> None:
        """Of two new names, files or folders, none is chosen; where the server takes both, both are copied."""
        for node in (ONE, DIRECTORY):
            here = {"d": DIRECTORY, "d/Photo": node, "d/photo": node, "e": ONE}
            expected = [(Act.COPY, Side.THERE, "d"), (Act.COPY, Side.THERE, "e")]
            self.check(planned({}, here, {}, Side.THERE), {"d/Photo", "d/photo"}, *expected)
            self.assertEqual(len(planned({}, here, {}).actions), 4, "the control")

    def test_disks(self) -> None:
        """Where only some of the disks in a folder take names for one, names on the others do not clash."""
        names = ("a", "disk", "disk/a", "disk/inner", "disk/inner/a")
        nodes = dict.fromkeys(names, DIRECTORY) | {f"{each}/{name}": ONE for each in names for name in ("x", "X")}
        disks = ("disk", "disk/inner")
        for folding, clashing in (
            ((), ()),
            (("disk",), ("disk", "disk/a")),
            (("", "disk/inner"), ("a", "disk/inner", "disk/inner/a")),
        ):
            here = SyncTree(dict.fromkeys(disks, DIRECTORY), mounts=disks, folding=folding)
            plan = make_plan({}, {}, here, SyncTree(nodes), SyncOptions())
            self.assertEqual(set(plan.opaque), {f"{each}/{name}" for each in clashing for name in ("x", "X")})

    def test_forms(self) -> None:
        """Compatible forms count as the same, too; the reason names the other one."""
        plan = planned({}, {"\ufb01n": ONE, "fin": ONE, "a": ONE}, {}, Side.THERE)
        self.check(plan, {"\ufb01n", "fin"}, (Act.COPY, Side.THERE, "a"))
        self.assertIn("'fin'", plan.opaque["\ufb01n"].reason)
        self.assertIn("the server does not take both: rename one", plan.opaque["\ufb01n"].reason)

    def test_in_renamed_folder(self) -> None:
        """Of names that clash once their folder is renamed those that they have until then are left out."""
        base = {"a": DIRECTORY, "a/x": ONE, "b": DIRECTORY, "b/y": TWO}
        here = {"A": DIRECTORY, "A/x": ONE, "b": DIRECTORY, "b/z": TWO}
        there = {"B": DIRECTORY, "a": DIRECTORY, "a/X": TWO, "a/x": ONE}
        renames = [(Act.MOVE, Side.THERE, "a"), (Act.MOVE, Side.HERE, "b")]
        copied = (Act.COPY, Side.THERE, "B/z")
        self.check(planned(base, here, there, Side.HERE), {"A/X", "a/X"}, *renames, copied)
        self.assertIn((Act.COPY, Side.HERE, "A/X"), steps(planned(base, here, there)), "the control")

    def test_said_again(self) -> None:
        """A clash that is found although it was left out ends the planning: the same plan would be made for ever."""
        found = mock.Mock(return_value={"elsewhere/x": Unsynced("it clashes", failed=True)})
        with mock.patch.object(clashes, "find_clashes", found):
            plan = planned({}, {"a": ONE}, {}, Side.THERE)
        self.assertEqual((steps(plan), found.call_count), ([(Act.COPY, Side.THERE, "a")], 2))

    def test_beneath(self) -> None:
        """What is beneath a folder that is left out is left out with it."""
        here = {"Docs": DIRECTORY, "Docs/x": ONE, "docs": DIRECTORY, "docs/x": TWO}
        there = {"docs": DIRECTORY, "docs/x": TWO}
        self.check(planned(there, here, there, Side.THERE), {"Docs"})

    def test_one_there(self) -> None:
        """What the server has stays, and is synced; the new name here is left out, and the server's comes here."""
        base = {"photo": ONE}
        self.check(planned(base, {"photo": ONE, "Photo": TWO}, {"photo": ONE}, Side.THERE), {"Photo"})
        plan = planned(base, {"photo": THREE, "Photo": TWO}, {"photo": ONE}, Side.THERE)
        self.check(plan, {"Photo"}, (Act.COPY, Side.THERE, "photo"))
        plan = planned({}, {"Photo": TWO}, {"photo": ONE}, Side.THERE)
        self.check(plan, {"Photo"}, (Act.COPY, Side.HERE, "photo"))

    def test_unchanged(self) -> None:
        """A name also clashes with one of a file that is the same on both sides, so that no tree has it."""
        unchanged = NameSet()
        unchanged.update(["d/photo", "photo"])
        base = {"d": DIRECTORY}
        plan = planned(base, {**base, "d/Photo": ONE}, base, Side.THERE, unchanged=unchanged)
        self.check(plan, {"d/Photo"})

    def test_disk_here(self) -> None:
        """Of two names of the server that the disk here cannot hold together none is chosen."""
        there = {"Photo": ONE, "photo": TWO, "e": ONE}
        self.check(planned({}, {}, there, Side.HERE), {"Photo", "photo"}, (Act.COPY, Side.HERE, "e"))
        plan = planned({"Photo": ONE}, {"Photo": ONE}, there, Side.HERE)
        self.check(plan, {"photo"}, (Act.COPY, Side.HERE, "e"))
        plan = planned({}, {"Photo": THREE}, {"photo": TWO}, Side.HERE, Side.THERE)
        self.check(plan, {"Photo", "photo"})

    def test_copied_to_such_a_disk(self) -> None:
        """A disk that lost one of two agreed names, because it holds only one, deletes none and changes none there."""
        base = {"Photo": ONE, "photo": TWO}
        self.check(planned(base, {"Photo": TWO}, base, Side.HERE, Side.THERE), {"Photo", "photo"})
        plan = planned(base, {"Photo": ONE}, base, Side.THERE)
        self.check(plan, set(), (Act.DELETE, Side.THERE, "photo"))

    def test_case_changed(self) -> None:
        """A name that has got another case is renamed, whatever has become of the content."""
        for now in (ONE, TWO):
            for folding in ((), (Side.THERE,), (Side.HERE, Side.THERE)):
                plan = planned({"photo": ONE}, {"Photo": now}, {"photo": ONE}, *folding)
                edited = [(Act.COPY, Side.THERE, "Photo")] if now is TWO else []
                self.check(plan, set(), (Act.MOVE, Side.THERE, "photo"), *edited)
                plan = planned({"photo": ONE}, {"photo": ONE}, {"Photo": now}, *folding)
                edited = [(Act.COPY, Side.HERE, "Photo")] if now is TWO else []
                self.check(plan, set(), (Act.MOVE, Side.HERE, "photo"), *edited)

    def test_folder_case_changed(self) -> None:
        """So are a folder and what is in it; an empty file, too."""
        base = {"docs": DIRECTORY, "docs/a": file(""), "docs/b": ONE}
        here = {"Docs": DIRECTORY, "Docs/A": file(""), "Docs/b": TWO}
        moves = [(Act.MOVE, Side.THERE, "docs"), (Act.MOVE, Side.THERE, "Docs/a"), (Act.COPY, Side.THERE, "Docs/b")]
        self.check(planned(base, here, base, Side.THERE), set(), *moves)

    def test_renamed_to_a_clash(self) -> None:
        """A file that was renamed to a name that clashes stays under both names: its old one is not deleted."""
        base = {"a": ONE, "photo": TWO}
        self.check(planned(base, {"Photo": ONE, "photo": TWO}, base, Side.THERE), {"a", "Photo"})
        self.check(planned({"a": ONE}, {"a": ONE}, {"photo": TWO, "Photo": ONE}, Side.HERE), {"a", "Photo", "photo"})

    def test_kinds(self) -> None:
        """A file that made room for a folder of another case is deleted there, and the folder is copied."""
        plan = planned({"photo": ONE}, {"Photo": DIRECTORY}, {"photo": ONE}, Side.HERE, Side.THERE)
        self.check(plan, set(), (Act.COPY, Side.THERE, "Photo"), (Act.DELETE, Side.THERE, "photo"))

    def test_one_direction(self) -> None:
        """In one direction, too, what clashes with a name that stays is left out; the target's other names go."""
        here, there = {"Photo": ONE, "photo": TWO}, {"photo": TWO, "x": THREE}
        plan = planned({}, here, there, Side.THERE, direction=Direction.PUSH)
        self.check(plan, {"Photo"}, (Act.DELETE, Side.THERE, "x"))
