"""What is deleted at the target, and whether it may be."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client import DeletionPlan, FileResult, Outcome, Selection, TransferObserver, TransferOptions
from homeftp.client.mirror.plan import (
    ConfirmedDeletions,
    DeletionDeclined,
    check_apart,
    may_delete,
    plan_deletion,
    report_deleted,
)
from homeftp.client.selection import EVERYTHING, Selector
from homeftp.errors import OperatorError

FILES = {"a": 1, "x/b": 2, "x/y/c": 4, "z/d": 8, "z/e.tmp": 16}
FOLDERS = ["", "x", "x/y", "z", "empty"]


class PlanTests(SynchronousTestCase):
    """plan_deletion."""

    def planned(self, *wanted: str, selection: Selection = EVERYTHING, kept: tuple[str, ...] = ()) -> DeletionPlan:
        return plan_deletion(FILES.items(), FOLDERS, set(wanted).__contains__, Selector(selection), kept)

    def test_extra(self) -> None:
        """What the source lacks, with its folders, the deepest first."""
        plan = self.planned("a", "z", "z/d", "z/e.tmp")
        self.assertEqual(plan, DeletionPlan(("x/b", "x/y/c"), ("x/y", "x", "empty"), 6, 5))
        self.assertEqual(self.planned(*FILES, *FOLDERS), DeletionPlan((), (), 0, 5))

    def test_left_out(self) -> None:
        """What the selection leaves out stays, and so do the folders that hold it, or something else that stays."""
        plan = self.planned("a", selection=Selection(("*.tmp", "empty")))
        self.assertEqual((plan.files, plan.directories), (("x/b", "x/y/c", "z/d"), ("x/y", "x")))
        plan = self.planned("a", kept=("x/y/link",))
        self.assertEqual(plan.directories, ("z", "empty"))


class ConfirmTests(SynchronousTestCase):
    """ConfirmedDeletions, may_delete and report_deleted."""

    def setUp(self) -> None:
        self.asked: list[DeletionPlan] = []
        self.answer = True
        self.confirmed = ConfirmedDeletions()

    def ask(self, plan: DeletionPlan) -> Deferred[bool]:
        self.asked.append(plan)
        return succeed(self.answer)

    def confirm(self, plan: DeletionPlan, **options: object) -> None:
        given = TransferOptions(delete=True, confirm_deletion=self.ask, **options)  # type: ignore[arg-type]
        self.successResultOf(Deferred.fromCoroutine(self.confirmed.confirm(plan, given, "nas:lib", TransferObserver())))

    def test_asked(self) -> None:
        """A plan is asked about, once: also when less of it is left after a new connection. A no ends it."""
        plan = DeletionPlan(("a", "b"), ("x",), 7, 10)
        self.confirm(plan)
        self.confirm(plan)
        self.confirm(DeletionPlan(("b",), (), 3, 9))
        self.assertEqual(self.asked, [plan])
        self.confirm(DeletionPlan(("b", "c"), (), 3, 9))
        self.assertEqual(len(self.asked), 2)
        self.answer = False
        failing = Deferred.fromCoroutine(
            ConfirmedDeletions().confirm(plan, TransferOptions(confirm_deletion=self.ask), "lib", TransferObserver())
        )
        self.failureResultOf(failing, DeletionDeclined)

    def test_not_asked(self) -> None:
        """Nothing is asked where nothing is deleted, and in a dry run."""
        self.confirm(DeletionPlan((), (), 0, 3))
        self.confirm(DeletionPlan(("a",), (), 0, 3), dry_run=True)
        self.assertEqual(self.asked, [])

    def test_half(self) -> None:
        """More than half of the target's files are not deleted, unless it is said how many may be."""
        self.confirm(DeletionPlan(("a", "b"), (), 0, 4))
        for files, total, most in ((("a", "b", "c"), 5, None), (("a",), 1, None), (("a", "b"), 100, 1)):
            self.confirmed = ConfirmedDeletions()
            plan = DeletionPlan(files, (), 0, total)
            options = TransferOptions(max_delete=most)
            confirming = self.confirmed.confirm(plan, options, "nas:lib", TransferObserver())
            failing = Deferred.fromCoroutine(confirming)
            words = str(self.failureResultOf(failing, OperatorError).value)
            self.assertIn(f"use --max-delete {len(files)}", words)
            self.confirm(plan, max_delete=len(files))

    def test_half_in_dry_run(self) -> None:
        """A dry run shows such a plan, and says that it would not be carried out."""
        notices: list[str] = []
        observer = TransferObserver(on_notice=notices.append)
        options = TransferOptions(dry_run=True)
        confirming = self.confirmed.confirm(DeletionPlan(("a",), (), 0, 1), options, "nas:lib", observer)
        self.successResultOf(Deferred.fromCoroutine(confirming))
        self.assertIn("more than half of them", notices[0])

    def test_apart(self) -> None:
        """Two sources with one target, or one target beneath another, would delete what the other sends."""
        for targets in (["a", "a"], ["a", "a/b"], ["", "a"], ["x/y", "b", "x"], ["", ""]):
            with self.assertRaises(OperatorError, msg=str(targets)):
                check_apart(targets)
        for targets in (["a"], ["a", "ab"], ["a/b", "a/c"], [""], []):
            check_apart(targets)

    def test_incomplete(self) -> None:
        """Nothing is deleted where something could not be transferred; what was left on purpose is no reason."""
        for outcome, expected in (
            (Outcome.SAME, True),
            (Outcome.NEWER, True),
            (Outcome.SKIPPED, True),
            (Outcome.FAILED, False),
            (Outcome.REFUSED, False),
            (Outcome.CORRUPT, False),
        ):
            notices: list[str] = []
            observer = TransferObserver(on_notice=notices.append)
            observer.add_result(FileResult(outcome, "a"))
            self.assertEqual((may_delete(observer), len(notices)), (expected, 0 if expected else 1), outcome)

    def test_reported(self) -> None:
        """A dry run reports everything that the plan has."""
        results: list[FileResult] = []
        report_deleted(DeletionPlan(("a",), ("x",), 7, 10), TransferObserver(on_result=results.append))
        self.assertEqual([(each.name, each.kind) for each in results], [("a", "file"), ("x", "directory")])
        self.assertEqual({each.outcome for each in results}, {Outcome.DELETED})
