"""Workers without threads, for tests and for tools with nothing else to do."""

from __future__ import annotations

import time
from typing import Any, Callable, TypeVar

from twisted.internet.defer import Deferred, execute, succeed
from zope.interface import implementer

from homeftp.interfaces import IWorkers

T = TypeVar("T")


@implementer(IWorkers)
class InlineWorkers:
    """Runs each job at once, on the calling thread."""

    size = 1

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

    def pause(self, seconds: float) -> Deferred[None]:
        """Wait on the calling thread."""
        time.sleep(seconds)
        return succeed(None)
