"""The scrub: the server reads every file and every version again, about once a month, behind everything else.

The store marks, records and mends what the scrub finds. This module decides when to read, and keeps the state.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Callable

import attrs
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from homeftp.config import DAY, MINUTE
from homeftp.control.scrubstate import MOST_NAMES, ScrubState, load_scrub_state, save_scrub_state
from homeftp.endpoint import ROOT, Endpoint
from homeftp.errors import NotFound, OperatorError, Refusal, counted
from homeftp.files.pages import Steps
from homeftp.interfaces import IStore, IWorkers
from homeftp.model import ONLY_MARKED, SECOND_US, Damage, Verification

LOOK_SECONDS = 1 * MINUTE
"""Time between two looks whether a pass is due, and whether something was marked that may be mended."""

SAVE_SECONDS = 0.5 * MINUTE
"""Time between two writings of the state. After a crash the counts of that time are missing."""

REST = 3.0
"""How long to rest after each step, as a multiple of what it took: the disk is the scrub's for a quarter of the time.

Linux gives its check of RAID arrays a low rate too while others use the disks (md(4), speed_limit_min).
"""

LEAST_REST = 0.01
"""The shortest rest in seconds."""


class Scrub:
    """The scrub of one server. `seconds` is the time from the beginning of one pass to that of the next; 0: never."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        workers: IWorkers,
        store: Callable[[], IStore],
        *,
        root: str,
        folder: str,
        seconds: float,
        now_us: Callable[[], int],
    ) -> None:
        self._clock = clock
        self._workers = workers
        self._store = store
        self._folder = folder
        self._seconds = seconds
        self._now_us = now_us
        self._root = root
        self._state = ScrubState(root=root)
        self._saved: ScrubState | None = None
        """The state that was written last: a disk that sleeps is not woken to write it again."""
        self._saved_at = 0.0
        self._problem = ""
        """Why the last look was interrupted: it is logged once."""
        self._started = False
        """Whether the first look is over: nothing is read while the server starts."""
        self._tried: set[Damage] = set()
        """The damage that was read again today: it is tried once a day."""
        self._tried_since = 0.0
        self._running: Deferred[None] | None = None

    @property
    def state(self) -> ScrubState:
        """How far the pass is, and what was damaged at the last look."""
        return self._state

    def start(self) -> None:
        """Begin after `LOOK_SECONDS`. The store is open."""
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addErrback(self._ended)

    def stop(self) -> Deferred[None]:
        """Stop; fires when the step that is under way has ended. The next start continues there."""
        running, self._running = self._running, None
        if running is None:
            return succeed(None)
        running.cancel()
        return Deferred.fromCoroutine(self._save_at_end())

    def _ended(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._log.failure("the scrub has ended: restart the server to continue it", failure)

    async def _run(self) -> None:
        """Look again and again, unless the store cannot verify what it holds."""
        loaded = await self._workers.run_unbounded(self._load)
        if loaded is not None and loaded.root == self._root:
            self._state = loaded
        while self._store().capabilities.verify:
            await self._look()
            await self._workers.pause(LOOK_SECONDS)

    async def _look(self) -> None:
        try:
            await self._save()
            if self._started:
                await self._mend()
                if self._is_due():
                    await self._pass()
                await self._save()
        except (Refusal, OSError, OperatorError) as error:
            if str(error) != self._problem:
                self._log.warn("the scrub was interrupted, and continues when it can: {reason}", reason=str(error))
            self._problem = str(error)
            await self._save_at_end()
        else:
            self._problem = ""
        self._started = True

    def _load(self) -> ScrubState | None:
        try:
            return load_scrub_state(self._folder)
        except OperatorError:
            self._log.failure("the state of the scrub cannot be read: a new pass begins")
            return None

    # -- one pass ------------------------------------------------------------------

    def _is_due(self) -> bool:
        """Whether the next pass is to begin, or one that was interrupted to go on.

        The clock may have been set back: then a pass that began in the future is over.
        """
        state, now_us = self._state, self._now_us()
        if not self._seconds:
            return False
        return not state.ended_us or not 0 <= now_us - state.began_us < self._seconds * SECOND_US

    async def _pass(self) -> None:
        state, now_us = self._state, self._now_us()
        if not state.began_us or state.ended_us or state.began_us > now_us:
            self._state = ScrubState(root=self._root, began_us=now_us, before_us=state.ended_us)
        await self._verify(ROOT, self._state.began_us)
        self._state = attrs.evolve(self._state, ended_us=self._now_us())
        self._log.info(
            "the scrub has read {files} and {versions}: {found} damaged, {mended} of them mended",
            files=counted(self._state.files, "file"),
            versions=counted(self._state.versions, "version"),
            found=self._state.found,
            mended=self._state.mended,
        )

    async def _verify(self, endpoint: Endpoint, since_us: int) -> None:
        steps = Steps(partial(self._store().verify, endpoint, since_us))
        try:
            while True:
                began = self._clock.seconds()
                step = await self._workers.run_background(steps.next)
                if step is None:
                    return
                if not endpoint.parts:
                    self._count(step)
                spent = self._clock.seconds() - began
                if step.damages or self._clock.seconds() - self._saved_at >= SAVE_SECONDS:
                    await self._save()
                await self._workers.pause(max(LEAST_REST, spent * REST))
        finally:
            await self._workers.run_unbounded(steps.close)

    def _count(self, step: Verification) -> None:
        state = self._state
        self._state = attrs.evolve(
            state,
            files=state.files + step.files,
            versions=state.versions + step.versions,
            size=state.size + step.size,
            found=state.found + len(step.damages),
            mended=state.mended + sum(each.mended for each in step.damages),
        )

    async def _mend(self) -> None:
        """Read again what is marked: another process may have marked it, or a copy may have come since."""
        if self._clock.seconds() - self._tried_since >= DAY:
            self._tried.clear()
            self._tried_since = self._clock.seconds()
        marked = await self._workers.run_background(self._store().damaged)
        untried: dict[str, list[Damage]] = {}
        for damage in marked:
            if damage not in self._tried:
                untried.setdefault(damage.name, []).append(damage)
        for name, damages in untried.items():  # a file and its versions are read together
            self._tried.update(damages)
            with contextlib.suppress(NotFound):
                await self._verify(Endpoint(tuple(name.split("/"))), ONLY_MARKED)

    # -- the state -----------------------------------------------------------------

    async def _save(self) -> None:
        """Write the state, with what is damaged now."""
        self._saved_at = self._clock.seconds()
        await self._workers.run_unbounded(self._count_damaged)
        await self._workers.run_unbounded(self._write)

    async def _save_at_end(self) -> None:
        """Write the state; where the store has failed, with what was damaged at the last look."""
        with contextlib.suppress(Refusal, OSError, OperatorError):  # that has been logged, or the server ends
            await self._workers.run_unbounded(self._count_damaged)
        try:
            await self._workers.run_unbounded(self._write)
        except (OSError, OperatorError) as error:
            if str(error) != self._problem:
                self._log.warn("the state of the scrub could not be written: {reason}", reason=str(error))

    def _count_damaged(self) -> None:
        """Blocks: look what is damaged now."""
        store = self._store()
        damaged = store.damaged() if store.capabilities.verify else ()
        self._state = attrs.evolve(
            self._state,
            known=store.read_only is None,
            damaged=tuple(damaged[:MOST_NAMES]),
            damaged_total=len(damaged),
        )

    def _write(self) -> None:
        """Blocks: write the state, unless it is as it was written last."""
        if self._state != self._saved:
            save_scrub_state(self._folder, self._state)
            self._saved = self._state
