"""A plan makes both sides agree, and loses no content that a side alone has."""

from __future__ import annotations

from typing import Sequence

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial import unittest

from homeftp.client.sync.model import (
    Act,
    Direction,
    Preference,
    Side,
    SyncOptions,
    SyncPlan,
    SyncTree,
    Unsynced,
)
from homeftp.client.sync.planner import make_plan
from homeftp.client.sync.steps import changes_nothing
from tests.support.repeatable import REPEATABLE
from tests.support.synctrees import DIRECTORY, TREES, Nodes, Refused, carry_out, change, file

OPTIONS = SyncOptions(machine="ann-laptop", day="2026-05-01")
COPY = "c (conflict from ann-laptop 2026-05-01).txt"


def plan(base: Nodes, here: Nodes, there: Nodes, options: SyncOptions = OPTIONS) -> SyncPlan:
    return make_plan(base, {}, SyncTree(here), SyncTree(there), options)


def steps(made: SyncPlan) -> Sequence[tuple[Act, Side, str]]:
    return [(action.act, action.target, action.name) for action in made.actions]


LINK = Unsynced("is a symbolic link", False)


class PlanTests(unittest.SynchronousTestCase):
    """Plans of small trees."""

    def agree(self, base: Nodes, here: Nodes, there: Nodes, options: SyncOptions = OPTIONS) -> Nodes:
        """Carry the plan out; gives what both sides have then."""
        one, other = dict(here), dict(there)
        carry_out(plan(base, one, other, options), one, other)
        self.assertEqual(one, other)
        return one

    def test_nothing(self) -> None:
        """Nothing is done where both sides are as they were agreed."""
        tree = {"a": DIRECTORY, "a/b": file("one")}
        made = plan(tree, tree, tree)
        self.assertEqual((made.actions, made.agreed, made.gone), ((), {}, []))
        self.assertEqual((made.files, made.agreed_files), ({Side.HERE: 1, Side.THERE: 1}, 1))

    def test_no_memory(self) -> None:
        """Without an agreement, what either side has is kept."""
        self.assertEqual(self.agree({}, {"a": file("one")}, {"b": file("two")}), {"a": file("one"), "b": file("two")})

    def test_changed_here(self) -> None:
        """An edit here goes there, and so does a deletion."""
        base = {"a": file("one"), "b": file("two")}
        made = plan(base, {"a": file("three")}, base)
        self.assertEqual(steps(made), [(Act.COPY, Side.THERE, "a"), (Act.DELETE, Side.THERE, "b")])

    def test_edit_outweighs_deletion(self) -> None:
        """A file that was edited on one side and deleted on the other stays, and so do the directories around it."""
        base = {"a": DIRECTORY, "a/b": file("one"), "a/x": file("two")}
        there = {**base, "a/b": file("three")}
        self.assertEqual(self.agree(base, {}, there), {"a": DIRECTORY, "a/b": file("three")})

    def test_conflict(self) -> None:
        """Both contents of a file that was changed on both sides are kept, the server's under its name."""
        found = self.agree({"c.txt": file("one")}, {"c.txt": file("two")}, {"c.txt": file("three")})
        self.assertEqual(found, {"c.txt": file("three"), COPY: file("two")})

    def test_cut_copy(self) -> None:
        """A content that a copy has is not copied again either where the name of the copy was cut."""
        name = "d/" + "x" * 251 + ".txt"
        here, there = {"d": DIRECTORY, name: file("two")}, {"d": DIRECTORY, name: file("three")}
        both = self.agree({}, here, there)
        self.assertEqual(len(both), len(here) + 1)
        self.assertEqual(self.agree({}, {**both, name: file("two")}, both), both)
        another = self.agree({}, {**both, name: file("one")}, both)
        self.assertEqual(len(another), len(both) + 1, "the control")

    def test_conflict_of_copy(self) -> None:
        """A copy that is in conflict itself leaves a copy of the original, with another name."""
        found = self.agree({}, {COPY: file("two")}, {COPY: file("three")})
        second = "c (conflict from ann-laptop 2026-05-01 2).txt"
        self.assertEqual(found, {COPY: file("three"), second: file("two")})

    def test_similar_conflicts(self) -> None:
        """The copies of two names that differ only in case get names that differ in more than case."""
        sides = [{name: file(f"{name} {number}") for name in ("c.txt", "C.txt")} for number in range(2)]
        made = plan({}, sides[0], sides[1])
        named = [action.to for action in made.actions if action.act is Act.KEEP_BOTH]
        self.assertEqual(sorted(named), ["C (conflict from ann-laptop 2026-05-01).txt", f"{COPY[:-5]} 2).txt"])

    def test_copied_once(self) -> None:
        """A content that a copy has on both sides already is not copied again. The control: another is."""
        here = {"c.txt": file("two"), COPY: file("two")}
        there = {"c.txt": file("three"), COPY: file("two")}
        self.assertEqual(self.agree({"c.txt": file("one")}, here, there), there)
        here["c.txt"] = file("four")
        self.assertEqual(len(self.agree({"c.txt": file("one")}, here, there)), 3)

    def test_copy_is_deleted(self) -> None:
        """A copy of a content that one side has deleted does not count: the content is copied again."""
        base = {"c.txt": file("one"), COPY: file("two")}
        found = self.agree(base, {"c.txt": file("two"), COPY: file("two")}, {"c.txt": file("three")})
        self.assertIn(file("two"), found.values())

    def test_preference(self) -> None:
        """A preference settles a conflict; the newer time wins where it is known."""
        base, here, there = {"a": file("one")}, {"a": file("two", 2)}, {"a": file("three", 3)}
        for preference, expected in (("here", "two"), ("there", "three"), ("newer", "three")):
            options = SyncOptions(preference=Preference(preference))
            self.assertEqual(self.agree(base, here, there, options)["a"].hash, expected)

    def test_merge(self) -> None:
        """Edits that can be merged are merged, whatever the preference; other edits of the file are not."""
        edits = file("two", 2), file("three", 3)
        base, here, there = (dict.fromkeys(("d/a", "d/b"), node) for node in (file("one"), *edits))
        options = SyncOptions(preference=Preference.THERE, day="2026-05-01")
        made = make_plan(base, {}, SyncTree(here), SyncTree(there), options, mergeable={"d/a": edits})
        self.assertEqual(steps(made), [(Act.COPY, Side.HERE, "d/b"), (Act.MERGE, Side.HERE, "d/a")])
        self.assertEqual(made.agreed, {})
        other = make_plan(base, {}, SyncTree(here), SyncTree(base), options, mergeable={"d/a": edits})
        self.assertNotIn(Act.MERGE, [action.act for action in other.actions])

    def test_directions(self) -> None:
        """In one direction the target becomes as the source is, whatever was agreed."""
        base = {"a": file("one"), "b": DIRECTORY, "b/x": file("two")}
        here, there = {"a": DIRECTORY, "a/y": file("three")}, {**base, "b/x": file("four")}
        self.assertEqual(self.agree(base, here, there, SyncOptions(Direction.PUSH)), here)
        self.assertEqual(self.agree(base, here, there, SyncOptions(Direction.PULL)), there)

    def test_empty_file(self) -> None:
        """A file that is empty now replaces nothing. The control: one that was agreed to be empty is replaced."""
        made = plan({"a": file("one")}, {"a": file("")}, {"a": file("one")})
        self.assertEqual(steps(made), [(Act.SUSPICIOUS, Side.HERE, "a")])
        self.assertTrue(changes_nothing(made))
        self.assertEqual(self.agree({"a": file("")}, {"a": file("")}, {"a": file("one")}), {"a": file("one")})
        chosen = SyncOptions(preference=Preference.HERE)
        self.assertEqual(self.agree({"a": file("one")}, {"a": file("")}, {"a": file("one")}, chosen), {"a": file("")})

    def test_file_becomes_directory(self) -> None:
        """A file that became a directory here becomes one there, and the reverse."""
        base = {"a": file("one")}
        here = {"a": DIRECTORY, "a/x": file("two")}
        self.assertEqual(self.agree(base, here, base), here)
        self.assertEqual(self.agree(here, base, here), base)

    def test_file_in_the_way(self) -> None:
        """A file that became a directory here and was edited there gets another name there."""
        here = {"a": DIRECTORY, "a/x": file("two")}
        found = self.agree({"a": file("one")}, here, {"a": file("three")})
        self.assertEqual(found, {**here, "a (conflict from the server 2026-05-01)": file("three")})

    def test_directory_in_the_way(self) -> None:
        """A directory that became a file here stays where something in it was edited there; the file is kept."""
        base = {"a": DIRECTORY, "a/x": file("one")}
        found = self.agree(base, {"a": file("two")}, {"a": DIRECTORY, "a/x": file("three")})
        expected = {"a": DIRECTORY, "a/x": file("three"), "a (conflict from ann-laptop 2026-05-01)": file("two")}
        self.assertEqual(found, expected)

    def test_metadata(self) -> None:
        """Time and mode go to the other side; the server's win a conflict."""
        base, here, there = {"a": file("one", 1)}, {"a": file("one", 2)}, {"a": file("one", 3)}
        self.assertEqual(self.agree(base, here, base), here)
        self.assertEqual(self.agree(base, base, there), there)
        self.assertEqual(self.agree(base, here, there), there)

    def test_rename(self) -> None:
        """What was renamed on one side is renamed on the other, and an edit there stays."""
        base = {"a": file("one")}
        made = plan(base, {"b": file("one")}, {"a": file("two")})
        self.assertEqual(steps(made), [(Act.MOVE, Side.THERE, "a"), (Act.COPY, Side.HERE, "b")])
        self.assertEqual(self.agree(base, {"b": file("one")}, {"a": file("two")}), {"b": file("two")})

    def test_rename_directory(self) -> None:
        """A directory is renamed in one step, and what was added to it on the other side goes with it."""
        base = {"a": DIRECTORY, "a/x": file("one"), "a/y": file("two")}
        here = {"b": DIRECTORY, "b/x": file("one"), "b/y": file("two")}
        there = {**base, "a/z": file("three")}
        made = plan(base, here, there)
        self.assertEqual(steps(made), [(Act.MOVE, Side.THERE, "a"), (Act.COPY, Side.HERE, "b/z")])
        self.assertEqual(self.agree(base, here, there), {**here, "b/z": file("three")})

    def test_renamed_twice(self) -> None:
        """A folder that was renamed differently on both sides is kept under both names."""
        base = {"a": DIRECTORY, "a/x": file("one")}
        here, there = {"b": DIRECTORY, "b/x": file("one")}, {"c": DIRECTORY, "c/x": file("one")}
        self.assertEqual(self.agree(base, here, there), {**here, **there})

    def test_opaque(self) -> None:
        """What one side cannot sync stays on both, with all beneath it; the directories around it too."""
        base = {"a": DIRECTORY, "a/x": DIRECTORY, "a/x/y": file("one"), "b": file("two")}
        made = make_plan(base, {}, SyncTree({}, {"a/x": LINK}), SyncTree(base), OPTIONS)
        self.assertEqual(steps(made), [(Act.COPY, Side.HERE, "a"), (Act.DELETE, Side.THERE, "b")])
        self.assertEqual(made.opaque, {"a/x": LINK})


def deletions_first(made: SyncPlan) -> SyncPlan:
    """The plan in another order, as it must not be."""
    return attrs.evolve(made, actions=sorted(made.actions, key=lambda action: action.act is not Act.DELETE))


@st.composite
def histories(draw: st.DrawFn) -> tuple[Nodes, Nodes, Nodes]:
    """What was agreed, and what both sides made of it; or two sides that never agreed."""
    base = draw(TREES)
    if draw(st.booleans()):
        return base, change(draw, base), change(draw, base)
    return {}, draw(TREES), draw(TREES)


def unchanged(base: Nodes, here: Nodes, there: Nodes) -> set[str]:
    """The files that are the same in all trees, as are the directories around them; as `trees.read_both` has it."""
    shared = {name for name in base if here.get(name) == base[name] == there.get(name)}
    found = {name for name in shared if base[name].kind == "file"}
    return {
        name for name in found if all(base.get(each) == DIRECTORY for each in above(name)) and above(name) <= shared
    }


def above(name: str) -> set[str]:
    """The directories around a name."""
    parts = name.split("/")
    return {"/".join(parts[:count]) for count in range(1, len(parts))}


class PropertyTests(unittest.SynchronousTestCase):
    """Of all plans."""

    @REPEATABLE
    @given(histories(), st.sampled_from(list(Direction)))
    def test_agreement(self, history: tuple[Nodes, Nodes, Nodes], direction: Direction) -> None:
        """Each step is possible, both sides agree at the end, and a second plan has nothing to do."""
        base, here, there = history
        options = SyncOptions(direction, machine="m", day="2026-05-01")
        made = plan(base, here, there, options)
        agreed = {name: node for name, node in base.items() if name in here and name in there}
        agreed.update(carry_out(made, here, there))
        waiting = {action.name for action in made.actions if action.act is Act.SUSPICIOUS}
        for name in {*here, *there} - waiting:
            self.assertEqual(here.get(name), there.get(name), name)
        again = plan(agreed, here, there, options)
        self.assertTrue(changes_nothing(again), again)
        self.assertLessEqual({action.name for action in again.actions}, waiting)

    def test_deletions_first(self) -> None:
        """The control: where deletions come first, a step is not possible."""
        base = {"d": DIRECTORY, "d/x": file("one")}
        made = plan(base, {"e": file("one")}, base)
        carry_out(made, {"e": file("one")}, dict(base))
        self.assertRaises(Refused, carry_out, deletions_first(made), {"e": file("one")}, dict(base))

    @REPEATABLE
    @given(histories(), st.integers(0, 8))
    def test_nothing_is_lost(self, history: tuple[Nodes, Nodes, Nodes], interrupted: int) -> None:
        """Every content that was not there at the agreement is on some side at the end, whatever was interrupted."""
        for steps in (interrupted, None):
            self.assertEqual(self.lost(history, OPTIONS, steps), set())

    def lost(self, history: tuple[Nodes, Nodes, Nodes], options: SyncOptions, steps: int | None) -> set[str | None]:
        """The contents that a side alone has, and that a plan, or its first steps, leave on neither."""
        base, here, there = history
        known = {node.hash for node in base.values()}
        written = {node.hash for side in (here, there) for node in side.values() if node.size} - known
        carry_out(plan(base, here, there, options), here, there, steps)
        return written - {node.hash for side in (here, there) for node in side.values()}

    @REPEATABLE
    @given(histories(), st.sampled_from(list(Direction)), st.sampled_from([None, *Preference]))
    def test_unchanged(
        self, history: tuple[Nodes, Nodes, Nodes], direction: Direction, preference: Preference | None
    ) -> None:
        """A plan is the same where files that both sides have as agreed, in such directories, are only counted."""
        options = SyncOptions(direction, preference, "m", "2026-05-01")
        left_out = unchanged(*history)
        base, here, there = ({n: each for n, each in nodes.items() if n not in left_out} for nodes in history)
        made = make_plan(base, {}, SyncTree(here), SyncTree(there), options, unchanged_files=len(left_out))
        full = plan(*history, options)
        self.assertEqual(sorted(made.gone), sorted(full.gone))
        self.assertEqual(attrs.evolve(made, gone=()), attrs.evolve(full, gone=()))

    def test_not_unchanged(self) -> None:
        """The control: where a file that was not agreed on is left out, the plan is another one."""
        base, both = {"d": DIRECTORY}, {"d": DIRECTORY, "d/x": file("one")}
        self.assertEqual(unchanged(base, both, both), set())
        without = make_plan({}, {}, SyncTree(base), SyncTree(base), OPTIONS, unchanged_files=1)
        self.assertNotEqual(without, plan({}, both, both))
        self.assertEqual(unchanged(both, both, both), {"d/x"})

    def test_preference_loses(self) -> None:
        """The control: where a preference decides, one of two contents is lost."""
        history = {"a": file("one")}, {"a": file("two")}, {"a": file("three")}
        self.assertEqual(self.lost(history, attrs.evolve(OPTIONS, preference=Preference.HERE), None), {"three"})
