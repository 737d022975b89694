"""A fixed number of threads, which call what they are given and hand the results to the reactor's thread.

Which call comes next is decided in `homeftp.workers.pool`. docs/decisions/workers says why Twisted's pool is not used.
"""

from __future__ import annotations

from queue import SimpleQueue
from threading import Thread
from typing import Callable

from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

Done = Callable[[object], object]
"""Gets, on the reactor's thread, what a call has returned, or a Failure with what it has raised."""


class Threads:
    """`size` threads. What is given to them before they start waits."""

    def __init__(self, reactor: IReactorFromThreads, *, size: int, name: str) -> None:
        self._calls: SimpleQueue[tuple[Callable[[], object], Done] | None] = SimpleQueue()
        self._reactor = reactor
        self._threads = [Thread(target=self._work, name=f"PoolThread-{name}-{number}") for number in range(size)]

    def start(self) -> None:
        """Start the threads."""
        for each in self._threads:
            each.start()

    def stop(self) -> None:
        """End the threads behind what they were given; blocks until they have ended."""
        for _ in self._threads:
            self._calls.put(None)
        for each in self._threads:
            if each.ident is not None:
                each.join()

    def run(self, call: Callable[[], object], done: Done) -> None:
        """Call `call()` in one of the threads, and then `done` with its result."""
        self._calls.put((call, done))

    def _work(self) -> None:
        while (given := self._calls.get()) is not None:
            call, done = given
            try:
                result = call()
            except BaseException:  # noqa: BLE001 (whoever waits for the result gets it)
                result = Failure()
            self._reactor.callFromThread(done, result)
            del given, call, done, result  # an idle thread keeps nothing alive
