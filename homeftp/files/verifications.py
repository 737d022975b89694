"""Verifications under way: one for each part of the store that is read again, shared by all who wait for it.

Hashings are shared in another way (`homeftp.files.hashes`), because they have only one result, at the end. A
verification has many results: a reader gets all of them, from the first one on, however late it comes, and the reading
waits for the slowest reader. Therefore only logins of one account share one.
"""

from __future__ import annotations

from typing import Awaitable, Callable, Hashable, Iterator

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.python.failure import Failure

from homeftp.files.pages import Pages, Steps
from homeftp.interfaces import IWorkers
from homeftp.model import Verification
from homeftp.store.policy.outcomes import catch

STEPS_AHEAD = 64
"""Steps with names of files that the slowest reader may have left to read. Each of them fits on a line."""

Confirm = Callable[[], Awaitable[None]]
"""Awaited before a login is given what the job of another one has read; raises a refusal where access was revoked."""


class SharedVerifications:
    """The verifications under way of one server, by their scope: equal for logins of an account that read the same."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, SharedReading] = {}

    def join(self, scope: Hashable, begin: Callable[[], Iterator[Verification]]) -> VerificationReader:
        """Share the verification of that scope that is under way, or begin one."""
        reading = self._under_way.get(scope)
        if reading is None:
            reading = self._under_way[scope] = SharedReading(begin, lambda: self._under_way.pop(scope))
        return VerificationReader(reading)


class SharedReading:
    """One verification, for all who share it: the reader that first needs the next step reads it for all of them."""

    def __init__(self, begin: Callable[[], Iterator[Verification]], ended: Callable[[], object]) -> None:
        self.steps = Steps(begin)
        self.readers: list[VerificationReader] = []
        self.done: list[Verification] = []
        """All steps so far, for a reader who comes later."""
        self.failure: Exception | None = None
        """The exception of the store that ended it: all readers get it."""
        self.has_ended = False
        self.is_reading = False
        self._ended = ended
        self._waiting: list[Deferred[None]] = []

    def advance(self) -> Verification | Exception | None:
        """Read the next step; None after the last. Blocks. What the store raises is returned: all readers get it."""
        return catch(self.steps.next)

    def arrived(self, step: Verification | Exception | None) -> None:
        """Give a step to all readers, unless it is empty: only names were read in it."""
        self.is_reading = False
        if not isinstance(step, Verification):
            self.failure = step
            self.end()
        elif step != Verification():
            for steps in (self.done, *(reader.steps for reader in self.readers)):
                _add(steps, step)
        self.wake()

    def refused(self) -> None:
        """A reader was refused before it could read the step: another one reads it."""
        self.is_reading = False
        self.wake()

    def end(self) -> None:
        """Nothing more is read: a reader that comes now begins anew. May be called twice."""
        if not self.has_ended:
            self.has_ended = True
            self._ended()

    @property
    def is_ahead(self) -> bool:
        """Whether some reader still has so many steps that the reading waits for it."""
        return any(len(reader.steps) >= STEPS_AHEAD for reader in self.readers)

    def changed(self) -> Deferred[None]:
        """Fires at the next `wake`."""
        changed: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(changed)
        return changed

    def wake(self) -> None:
        """Let all readers look whether there is something for them, or something to do."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)


class VerificationReader:
    """One of the requests that share a verification."""

    def __init__(self, reading: SharedReading) -> None:
        self._reading = reading
        self.steps = list(reading.done)
        """The steps that it has not been given yet."""
        self._refusal: Failure | None = None
        reading.readers.append(self)

    async def next(self, workers: IWorkers, confirm: Confirm) -> Verification | None:
        """The next step, read in the queue of `workers` unless another reader reads it; None after the last.

        What another reader has read is given only if `confirm` does not raise.
        """
        reading, is_own = self._reading, False
        while not self.steps and not reading.has_ended and self._refusal is None:
            changed = reading.changed()
            if not reading.is_reading and not reading.is_ahead:
                is_own = reading.is_reading = True
                workers.run_hash(reading.advance).addCallbacks(reading.arrived, self._refused)
            await changed
        if self._refusal is not None:
            self._refusal.raiseException()
        if not is_own:
            await confirm()
        if not self.steps:
            if reading.failure is not None:
                raise reading.failure
            return None
        step = self.steps.pop(0)
        reading.wake()
        return step

    def _refused(self, refusal: Failure) -> None:
        self._refusal = refusal
        self._reading.refused()

    async def leave(self, workers: IWorkers) -> None:
        """Get nothing more. The last reader that leaves ends the reading, after the step that is under way."""
        reading = self._reading
        reading.readers.remove(self)
        reading.wake()
        if not reading.readers and not reading.has_ended:
            reading.end()
            await workers.run_unbounded(reading.steps.close)


class VerificationPages(Pages[Verification]):
    """The steps of a verification, shared where possible."""

    def __init__(
        self,
        workers: IWorkers,
        join: Callable[[], VerificationReader],
        slots: DeferredSemaphore,
        closed: Callable[[], bool],
        confirm: Confirm,
    ) -> None:
        super().__init__(workers, slots, closed)
        self._join = join
        self._confirm = confirm
        self._reader: VerificationReader | None = None

    async def _next(self) -> Verification | None:
        if self._reader is None:
            self._reader = self._join()
        return await self._reader.next(self._workers, self._confirm)

    async def _end(self) -> None:
        if self._reader is not None:
            await self._reader.leave(self._workers)


def _add(steps: list[Verification], step: Verification) -> None:
    """Add a step to those that a reader has not been given. Steps without names are added up."""
    if steps and not (step.damages or step.skipped):
        step = Verification.total([steps.pop(), step])
    steps.append(step)
