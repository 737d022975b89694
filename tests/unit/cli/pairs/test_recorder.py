"""What a status says of the syncs of a pair."""

from __future__ import annotations

import os
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from homeftp.cli.pairs.recorder import WRITE_SECONDS, PairRecorder, now_us
from homeftp.client import (
    Act,
    ConnectionFailed,
    FileResult,
    Outcome,
    PairStatus,
    Side,
    StatusFolder,
    SyncAction,
    SyncPlan,
    SyncResult,
    TransferContext,
    TransferObserver,
    WaitingFile,
)
from homeftp.errors import InUse, OperatorError
from homeftp.syscalls import System
from homeftp.workers import InlineWorkers
from tests.support.folders import QuickCase

NOTHING = SyncResult(SyncPlan(), 3, 0.1)
SOMETHING = SyncResult(SyncPlan([SyncAction(Act.DELETE, Side.HERE, "a")]), 3, 0.1)


class SlowWorkers(InlineWorkers):
    """Workers that take their time for what `waiting` holds."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Deferred[None]] | None = None

    async def run_unbounded(self, function: Any, *arguments: Any) -> Any:  # type: ignore[override]
        if self.waiting is not None:
            self.waiting.append(Deferred())
            await self.waiting[-1]
        return function(*arguments)


class RecorderTests(QuickCase):
    """PairRecorder."""

    def setUp(self) -> None:
        self.folder = os.path.realpath(self.mktemp())
        self.statuses = StatusFolder(os.path.abspath(self.mktemp()))
        self.clock = Clock()
        self.now = 1000
        self.workers = SlowWorkers()
        self.alerts: list[tuple[str, str]] = []
        self.recorder = self.make()

    def make(self, remote: str = "nas:a") -> PairRecorder:
        """A recorder of the pair."""
        context = TransferContext(self.workers, System())
        return PairRecorder(self.clock, context, self.statuses, self.folder, remote, lambda: self.now, self.alert)

    def alert(self, title: str, text: str) -> None:
        """Note an alert, without the name of the folder."""
        folder, _, what = title.partition(": ")
        self.assertEqual(folder, os.path.basename(self.folder))
        self.alerts.append((what, text))

    def begin(self, recorder: PairRecorder, *, keeps: bool = True) -> None:
        """Begin to record."""
        self.successResultOf(Deferred.fromCoroutine(recorder.begin(keeps=keeps)))

    def end(self, recorder: PairRecorder) -> None:
        """End that."""
        self.successResultOf(Deferred.fromCoroutine(recorder.close()))

    @property
    def status(self) -> PairStatus:
        """What is recorded."""
        found = self.statuses.read(self.folder)
        assert found is not None
        return found

    def test_in_step(self) -> None:
        """In step since the last sync that did something, and no more when one has left something undone."""
        self.begin(self.recorder)
        self.assertEqual(self.status, PairStatus(folder=self.folder, remote="nas:a"))
        for now, result, in_step, since in (
            (1000, SOMETHING, True, 1000),
            (2000, NOTHING, True, 1000),
            (3000, SOMETHING, True, 3000),
            (4000, NOTHING, False, None),
            (5000, NOTHING, True, 5000),
        ):
            self.now = now
            self.recorder.begins(TransferObserver())
            self.recorder.ended(result, in_step=in_step)
            self.assertEqual((self.status.in_step_us, self.status.synced_us), (since, now))
        self.assertGreater(now_us(), 1_700_000_000_000_000)

    def test_waiting(self) -> None:
        """The files that a person has to look at are those of the last sync; links and what was done are not."""
        self.begin(self.recorder)
        seen: list[FileResult] = []
        observer = TransferObserver(on_result=seen.append)
        self.recorder.begins(observer)
        for outcome in (Outcome.SUSPICIOUS, Outcome.SKIPPED, Outcome.NEW):
            observer.add_result(FileResult(outcome, outcome.value, reason="why"))
        for number in range(30):
            observer.add_result(FileResult(Outcome.FAILED, f"{number}"))
        self.assertEqual(len(seen), 33)
        self.recorder.ended(NOTHING, in_step=False)
        self.assertEqual((len(self.status.waiting), self.status.waiting_files), (20, 31))
        self.assertEqual(self.status.waiting[0], WaitingFile(outcome="suspicious", name="suspicious", reason="why"))
        self.recorder.begins(TransferObserver())
        self.recorder.ended(NOTHING, in_step=True)
        self.assertEqual((self.status.waiting, self.status.waiting_files), ((), 0))

    def test_progress(self) -> None:
        """A sync that takes a while is under way, with its size; one that is short writes nothing before its end."""
        self.begin(self.recorder)
        observer = TransferObserver()
        self.recorder.begins(observer)
        self.clock.advance(WRITE_SECONDS / 2)
        self.assertEqual(self.status.doing, "")
        self.clock.advance(WRITE_SECONDS)
        self.assertEqual(self.status.doing, "comparing")
        observer.on_plan(2, 5000)
        observer.on_bytes(1000)
        self.clock.advance(WRITE_SECONDS)
        self.assertEqual(self.status.doing, "transferring 2 files: 1.0 kB of 5.0 kB")
        self.recorder.notice("connection lost: trying again in 1 s")
        self.clock.advance(WRITE_SECONDS)
        self.assertEqual(self.status.doing, "connection lost: trying again in 1 s")
        observer.on_reconnected()
        self.clock.advance(WRITE_SECONDS)
        self.assertEqual(self.status.doing, "comparing")
        self.recorder.ended(SOMETHING, in_step=True)
        self.assertEqual(self.status.doing, "")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_problem(self) -> None:
        """A problem stays until a sync succeeds, and says whether it passes by itself; the last agreement stays."""
        self.begin(self.recorder)
        self.recorder.ended(SOMETHING, in_step=True)
        self.recorder.failed(OperatorError("is its disk mounted?"))
        self.assertEqual((self.status.problem, self.status.needs_person), ("is its disk mounted?", True))
        self.recorder.failed(ConnectionFailed("no route"))
        self.assertEqual((self.status.problem, self.status.needs_person), ("no route", False))
        self.recorder.failed(CancelledError())
        self.assertEqual((self.status.problem, self.status.in_step_us), ("no route", 1000))
        self.recorder.ended(NOTHING, in_step=True)
        self.assertEqual((self.status.problem, self.status.in_step_us), ("", 1000))

    def test_unreachable(self) -> None:
        """A server that is away is known while nothing is to be synced, and forgotten with the next sync."""
        self.begin(self.recorder)
        self.recorder.unreachable(ConnectionFailed("no route"))
        self.assertEqual((self.status.problem, self.status.needs_person), ("no route", False))
        self.recorder.begins(TransferObserver())
        self.recorder.ended(NOTHING, in_step=True)
        self.assertEqual(self.status.problem, "")
        self.recorder.begins(TransferObserver())
        self.recorder.unreachable(ConnectionFailed("no route"))
        self.assertEqual(self.status.problem, "", "the control: a sync is under way")
        self.recorder.ended(NOTHING, in_step=True)
        self.assertEqual(self.alerts, [])

    def test_alerts(self) -> None:
        """A person is alerted of conflicts, of new suspicious files, and once of what stops the sync."""

        def sync(act: Act, *names: str) -> None:
            plan = SyncPlan([SyncAction(act, Side.HERE, name) for name in names])
            observer = TransferObserver()
            self.recorder.begins(observer)
            if act is Act.SUSPICIOUS:
                for name in names:
                    observer.add_result(FileResult(Outcome.SUSPICIOUS, name))
            self.recorder.ended(SyncResult(plan, 3, 0.1), in_step=not names)

        self.begin(self.recorder)
        sync(Act.COPY, "x")
        self.recorder.failed(ConnectionFailed("no route"))
        self.recorder.failed(InUse("is being synced by process 7"))
        self.assertEqual(self.alerts, [], "the control: nothing to decide")
        sync(Act.KEEP_BOTH, *"abcde")
        sync(Act.SUSPICIOUS, "a")
        sync(Act.SUSPICIOUS, "a", "b")
        for _ in range(3):
            self.recorder.failed(OperatorError("is its disk mounted?"))
        expected = [
            ("5 conflicts: both sides had changed", "a, b, c and 2 more"),
            ("1 file empty on one side", "a"),
            ("1 file empty on one side", "b"),
            ("the sync was stopped", "is its disk mounted?"),
        ]
        self.assertEqual(self.alerts, expected)
        self.end(self.recorder)
        self.recorder = self.make()
        self.begin(self.recorder)
        self.recorder.failed(OperatorError("is its disk mounted?"))
        sync(Act.SUSPICIOUS, "a", "b")
        self.assertEqual(self.alerts, expected, "what was known before is not new")
        self.recorder.failed(OperatorError("is its disk mounted?"))
        self.assertEqual(len(self.alerts), 5)

    def test_no_alert(self) -> None:
        """Who syncs once sees what happens, and is not alerted."""
        self.begin(self.recorder, keeps=False)
        self.recorder.failed(OperatorError("is its disk mounted?"))
        self.assertEqual(self.alerts, [])

    def test_known_before(self) -> None:
        """What was known of the pair is the beginning, unless it has another other side now."""
        known = PairStatus(folder=self.folder, remote="nas:a", in_step_us=1, doing="transferring", problem="no")
        self.statuses.write(known)
        self.begin(self.recorder)
        self.assertEqual(self.status, attrs.evolve(known, doing=""))
        self.end(self.recorder)
        self.begin(self.make("nas:b"))
        self.assertEqual(self.status, PairStatus(folder=self.folder, remote="nas:b"))

    def test_kept_by_another(self) -> None:
        """A second one that keeps the pair in step is refused; one that only syncs records nothing meanwhile."""
        self.begin(self.recorder)
        second = self.make()
        self.failureResultOf(Deferred.fromCoroutine(second.begin())).trap(OperatorError)
        self.begin(second, keeps=False)
        second.ended(SOMETHING, in_step=True)
        self.assertIsNone(self.status.synced_us)
        self.end(second)
        self.assertEqual(self.statuses.watched_by(self.folder), os.getpid())
        self.end(self.recorder)
        self.end(self.recorder)
        self.assertIsNone(self.statuses.watched_by(self.folder))
        third = self.make()
        self.begin(third, keeps=False)
        third.ended(SOMETHING, in_step=True)
        self.assertEqual(self.status.synced_us, 1000)
        self.assertIsNone(self.statuses.watched_by(self.folder))

    def test_newest_is_written(self) -> None:
        """While a status is written, of those that follow only the newest is written next."""
        self.begin(self.recorder)
        waiting: list[Deferred[None]] = []
        self.workers.waiting = waiting
        for number in range(5):
            self.recorder.failed(OperatorError(f"{number}"))
        self.assertEqual(len(waiting), 1)
        ending = Deferred.fromCoroutine(self.recorder.close())
        while waiting:
            waiting.pop(0).callback(None)
        self.successResultOf(ending)
        self.assertEqual(self.status.problem, "4")
