"""What the steps of a plan do together."""

from __future__ import annotations

from twisted.trial import unittest

from homeftp.client.sync.model import Act, Side, SyncAction, SyncPlan, step_list
from homeftp.client.sync.naming.renames import Rename
from homeftp.client.sync.steps import (
    AllowedSteps,
    FailedRenames,
    InTheWay,
    changes_nothing,
    count_sources,
    split_deletions,
)
from tests.support.synctrees import DIRECTORY, file

ONE = file("one")


class StepTests(unittest.SynchronousTestCase):
    """Single steps."""

    def test_in_the_way(self) -> None:
        """What has the name of something that is copied, in any case, or is beneath it, is deleted first."""
        contents = [SyncAction(Act.COPY, Side.THERE, name, ONE) for name in ("d", "Photo", "new")]
        deletions = [
            SyncAction(Act.DELETE, side, name, ONE, ONE)
            for side, name in (
                (Side.THERE, "d/x"),
                (Side.THERE, "photo"),
                (Side.THERE, "PHOTO/x"),
                (Side.THERE, "other"),
                (Side.HERE, "photo"),
            )
        ]
        in_the_way = InTheWay(deletions, contents)
        self.assertEqual([each for each in deletions if each in in_the_way], deletions[:3])
        self.assertNotIn(deletions[0], InTheWay([], contents))

    def test_allowed(self) -> None:
        """A step of a new plan is allowed as it was confirmed; the mode of a folder that was to be copied, too."""
        made = SyncAction(Act.COPY, Side.THERE, "d", DIRECTORY)
        moved = SyncAction(Act.MOVE, Side.HERE, "x", ONE, ONE, "y")
        allowed = AllowedSteps([made, moved], FailedRenames())
        self.assertEqual([allowed.permitted(each) for each in (made, moved)], [made, moved])
        others = [made._replace(name="e"), made._replace(target=Side.HERE), made._replace(act=Act.DELETE)]
        for other in [*others, moved._replace(to="z"), moved._replace(to=""), made._replace(to="y")]:
            self.assertIsNone(allowed.permitted(other))
        mode = SyncAction(Act.METADATA, Side.HERE, "d", DIRECTORY, DIRECTORY)
        self.assertEqual(allowed.permitted(mode), mode._replace(target=Side.THERE))

    def test_failed_renames(self) -> None:
        """In the place of a rename that needs a copy its names are copied and deleted, on that side, and no others."""
        failed = FailedRenames()
        allowed = AllowedSteps([SyncAction(Act.MOVE, Side.HERE, "d", DIRECTORY, DIRECTORY, "e")], failed)
        copy = SyncAction(Act.COPY, Side.HERE, "e/x", None, ONE)
        deletion = SyncAction(Act.DELETE, Side.HERE, "d/x", ONE)
        self.assertEqual([allowed.permitted(each) for each in (copy, deletion)], [None, None])
        failed.add(Rename(Side.HERE, "a", "b"), "why", copied=False)
        failed.add(Rename(Side.HERE, "d", "e"), "why", copied=True)
        self.assertEqual([allowed.permitted(each) for each in (copy, deletion)], [copy, deletion])
        for action, other in ((copy, "d/x"), (copy, "ee"), (copy, "b"), (deletion, "e/x"), (deletion, "a")):
            self.assertIsNone(allowed.permitted(action._replace(name=other)))
            self.assertIsNone(allowed.permitted(action._replace(target=Side.THERE)))
        self.assertEqual([failed.leaves(name) for name in ("a", "b/x", "d", "e/x")], [True, True, False, False])

    def test_copied_first(self) -> None:
        """What is deleted in the place of a rename waits for its copy, and stays with the folders around it."""
        failed = FailedRenames()
        whole, inside = Rename(Side.THERE, "d", "e"), Rename(Side.THERE, "e/x", "e/y")
        for rename in (whole, inside, Rename(Side.THERE, "c", "d")):
            failed.add(rename, f"not {rename.new}", copied=True)
        names = {"d/x": "e/y", "d/z": "e/z", "d": "e", "c/x": "d/x", "other": "other"}
        self.assertEqual({name: failed.new_name(Side.THERE, name) for name in names}, names)
        self.assertEqual(failed.new_name(Side.HERE, "d"), "d")
        deletions = step_list(SyncAction(Act.DELETE, Side.THERE, name, None, ONE) for name in ("d/x", "d/z", "f", "d"))
        way = [SyncAction(Act.COPY, Side.THERE, name, ONE) for name in ("D", "f")]
        first, last = split_deletions(deletions, way, failed)
        self.assertEqual([[each.name for each in part] for part in (first, last)], [["f"], ["d/x", "d/z", "d"]])

        def stay(plan: SyncPlan) -> tuple[list[str], dict[Rename, str]]:
            found = failed.not_copied(last, plan)
            return [each.name for each in last if each in found], found.renames

        confirmed = SyncPlan([SyncAction(Act.DELETE, Side.THERE, "e/z", None, ONE)])
        self.assertEqual(stay(confirmed), (["d/x", "d"], {whole: "not e"}))
        for name in ("e", "e/y", "d/z"):
            failed.add_copy(name)
        self.assertEqual(stay(SyncPlan()), (["d/z", "d"], {whole: "not e"}))
        self.assertEqual(stay(confirmed), ([], {}))

    def test_nothing(self) -> None:
        """A plan in which only persons have to decide changes nothing."""
        waits = SyncAction(Act.SUSPICIOUS, Side.HERE, "a", ONE, ONE)
        self.assertTrue(changes_nothing(SyncPlan([waits])))
        self.assertFalse(changes_nothing(SyncPlan([waits, waits._replace(act=Act.COPY)])))

    def test_sources(self) -> None:
        """The files that are copied are counted, with their bytes; what is deleted, and directories, are not."""
        large = file("two")._replace(size=1000)
        steps = [
            SyncAction(Act.COPY, Side.THERE, "a", ONE),
            SyncAction(Act.COPY, Side.HERE, "b", None, large),
            SyncAction(Act.COPY, Side.THERE, "d", DIRECTORY),
            SyncAction(Act.DELETE, Side.THERE, "e", None, large),
        ]
        self.assertEqual(count_sources(steps), (2, ONE.size + 1000))
        self.assertEqual(count_sources(()), (0, 0))
