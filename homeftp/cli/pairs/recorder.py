"""Writes down how the syncs of a pair go, for `homeftp status`, while another thread does the writing.

The newest status is written when the one before it is; those between are left out.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Callable, Sequence

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall

from homeftp.cli.terminal.text import format_size
from homeftp.cli.transfer.report import COMPLAINTS
from homeftp.cli.transfer.syncing import SyncListener
from homeftp.client import MOST_WAITING, Act, ConnectionFailed, Outcome, PairStatus, WaitingFile
from homeftp.errors import Busy, InUse, ShuttingDown, counted

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from homeftp.client import (
        FileResult,
        PairLock,
        StatusFolder,
        SyncPlan,
        SyncResult,
        TransferContext,
        TransferObserver,
    )

WRITE_SECONDS = 1.0
"""Between two statuses that only say how far a sync is. A sync that is shorter writes its result only."""

_COMPARING = "comparing"

_SUSPICIOUS = Outcome.SUSPICIOUS.value

_MOST_NAMED = 3
"""Files that an alert names."""

_TEMPORARY = (ConnectionFailed, Busy, InUse, ShuttingDown)


def now_us() -> int:
    """The time: microseconds since 1970 UTC."""
    return time.time_ns() // 1000


class PairRecorder(SyncListener):
    """The status of the pair of a local folder and `remote`, which `homeftp status` shows."""

    def __init__(
        self,
        clock: IReactorTime,
        context: TransferContext,
        statuses: StatusFolder,
        folder: str,
        remote: str,
        now: Callable[[], int] = now_us,
        alert: Callable[[str, str], object] = lambda title, text: None,
    ) -> None:
        """`alert` is called with a title and a text once for each thing that a person has to decide, by a watch."""
        self._workers = context.workers
        self._statuses = statuses
        self._now = now
        self._alert = alert
        self._stopped_by = ""
        """The problem that the person was alerted of; "" since a sync was carried out."""
        self._suspicious: frozenset[str] = frozenset()
        """The suspicious files of the last sync."""
        self._status = PairStatus(folder=folder, remote=remote)
        self._lock: PairLock | None = None
        self._progress = _SyncProgress()
        self._waiting: list[WaitingFile] = []
        self._waiting_files = 0
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = clock
        self._is_open = False
        self._is_writing = False
        self._written: Deferred[None] | None = None

    async def begin(self, *, keeps: bool = True) -> None:
        """Begin with what was known; with `keeps` this process says that it keeps the pair in step.

        Raises `OperatorError` where another process does. Without `keeps` nothing is recorded then.
        """
        if not self._is_open:
            await self._workers.run_unbounded(self._open, keeps)

    def _open(self, keeps: bool) -> None:
        folder, remote = os.path.realpath(self._status.folder), self._status.remote
        if keeps:
            self._lock = self._statuses.lock(folder)
        elif self._statuses.watched_by(folder) is not None:
            return
        known = self._statuses.read(folder)
        self._status = PairStatus(folder=folder, remote=remote)
        if known is not None and known.remote == remote:
            self._status = attrs.evolve(known, doing="")
            self._stopped_by = known.problem if known.needs_person else ""
            self._suspicious = frozenset(each.name for each in known.waiting if each.outcome == _SUSPICIOUS)
        self._is_open = True
        self._statuses.write(self._status)

    async def close(self) -> None:
        """Write what is known, and say that this process keeps the pair in step no more. May be called twice."""
        if self._is_open:
            self._stop()
            self._record(doing="")
            self._is_open = False
            if self._written is not None:
                await self._written
        lock, self._lock = self._lock, None
        if lock is not None:
            await self._workers.run_unbounded(lock.release)

    def begins(self, observer: TransferObserver) -> None:
        """Follow a sync."""
        if not self._is_open:
            return
        self._progress = progress = _SyncProgress()
        self._waiting = []
        self._waiting_files = 0
        report = observer.on_result

        def on_result(result: FileResult) -> None:
            self._add(result)
            report(result)

        observer.on_result = on_result
        observer.on_plan = _both(observer.on_plan, progress.plan)
        observer.on_bytes = _both(observer.on_bytes, progress.advance)
        observer.on_reconnected = _both(observer.on_reconnected, progress.restart)
        if not self._ticking.running:
            self._ticking.start(WRITE_SECONDS, now=False)

    def _add(self, result: FileResult) -> None:
        outcome = result.outcome
        if outcome.value in COMPLAINTS and outcome is not Outcome.SKIPPED:
            self._waiting_files += 1
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append(WaitingFile(outcome=outcome.value, name=result.name, reason=result.reason))

    def _tick(self) -> None:
        self._record(doing=self._progress.words)

    def notice(self, message: str) -> None:
        """Show that the connection was lost, or made again, or that another sync is waited for."""
        self._progress.notice = message

    def unreachable(self, problem: Exception) -> None:
        """Record that the server is away, unless a sync finds that out itself."""
        if not self._ticking.running:
            self._record(problem=str(problem), needs_person=False)

    def ended(self, result: SyncResult, *, in_step: bool) -> None:
        """Record a sync that was carried out."""
        self._stop()
        self._alert_files(result.plan)
        self._stopped_by = ""
        at = self._now()
        since = at if result.plan.actions or self._status.in_step_us is None else self._status.in_step_us
        self._record(
            in_step_us=since if in_step else None,
            synced_us=at,
            doing="",
            problem="",
            needs_person=False,
            waiting=tuple(self._waiting),
            waiting_files=self._waiting_files,
        )

    def failed(self, problem: Exception) -> None:
        """Record why a sync was not carried out, or not to its end."""
        self._stop()
        if isinstance(problem, CancelledError):
            self._record(doing="")
        else:
            needs_person = not isinstance(problem, _TEMPORARY)
            self._record(doing="", problem=str(problem), needs_person=needs_person)
            if needs_person and str(problem) != self._stopped_by:
                self._stopped_by = str(problem)
                self._tell("the sync was stopped", str(problem))

    def _alert_files(self, plan: SyncPlan) -> None:
        conflicts = [action.name for action in plan.actions if action.act is Act.KEEP_BOTH]
        suspicious = {action.name for action in plan.actions if action.act is Act.SUSPICIOUS}
        new = sorted(suspicious - self._suspicious)
        self._suspicious = frozenset(suspicious)
        if conflicts:
            self._tell(f"{counted(len(conflicts), 'conflict')}: both sides had changed", _names(conflicts))
        if new:
            self._tell(f"{counted(len(new), 'file')} empty on one side", _names(new))

    def _tell(self, what: str, text: str) -> None:
        if self._lock is not None:
            self._alert(f"{os.path.basename(self._status.folder) or self._status.folder}: {what}", text)

    def _stop(self) -> None:
        if self._ticking.running:
            self._ticking.stop()

    def _record(self, **changes: Any) -> None:
        status = attrs.evolve(self._status, **changes)
        if not self._is_open or status == self._status:
            return
        self._status = status
        if not self._is_writing:
            self._is_writing = True
            self._written = Deferred.fromCoroutine(self._write())

    async def _write(self) -> None:
        written = None
        while written is not self._status:
            written = self._status
            await self._workers.run_unbounded(self._statuses.write, written)
        self._is_writing = False


def _names(names: Sequence[str]) -> str:
    more = "" if len(names) <= _MOST_NAMED else f" and {len(names) - _MOST_NAMED:,} more"
    return ", ".join(names[:_MOST_NAMED]) + more


class _SyncProgress:
    """How far a sync is."""

    def __init__(self) -> None:
        self.notice = ""
        """The reason why the sync waits; "" while it does not."""
        self._files = self._total = self._done = 0

    def plan(self, files: int, size: int) -> None:
        self.notice = ""  # it no longer waits
        self._files += files
        self._total += size

    def advance(self, size: int) -> None:
        self._done += size

    def restart(self) -> None:
        self._files = self._total = self._done = 0
        self.notice = ""

    @property
    def words(self) -> str:
        if self.notice:
            return self.notice
        if not self._files:
            return _COMPARING
        sizes = f"{format_size(min(self._done, self._total))} of {format_size(self._total)}"
        return f"transferring {counted(self._files, 'file')}: {sizes}"


def _both(first: Callable[..., None], second: Callable[..., None]) -> Callable[..., None]:
    def call(*arguments: Any) -> None:
        first(*arguments)
        second(*arguments)

    return call
