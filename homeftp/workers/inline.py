"""Workers without threads, for tests and for tools with nothing else to do."""

from __future__ import annotations

import time
from collections import deque
from functools import partial
from typing import Any, Callable, TypeVar

from twisted.internet.defer import Deferred, execute, succeed
from twisted.logger import Logger
from zope.interface import implementer

from homeftp.interfaces import IWorkers

T = TypeVar("T")


@implementer(IWorkers)
class InlineWorkers:
    """Runs each job at once, on the calling thread."""

    size = 1
    shared = False
    _log = Logger()

    def __init__(self) -> None:
        self._calls: deque[Callable[[], object]] = deque()

    def of(self, account: str) -> InlineWorkers:
        """Itself: nothing ever waits."""
        return self

    def admit(self) -> None:
        """Nothing ever waits, so nothing is refused."""

    def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` now."""
        return execute(job, *args)

    run_unbounded = run
    run_slice = run
    run_hash = run
    run_background = run

    def in_turn(self, call: Callable[..., object], *args: Any) -> None:
        """Call `call(*args)` now, or behind the call that is being made."""
        self._calls.append(partial(call, *args))
        if len(self._calls) > 1:
            return
        while self._calls:
            try:
                self._calls[0]()
            except Exception:  # noqa: BLE001 (as the interface says)
                self._log.failure("a call failed")
            self._calls.popleft()

    def pause(self, seconds: float) -> Deferred[None]:
        """Wait on the calling thread."""
        time.sleep(seconds)
        return succeed(None)
