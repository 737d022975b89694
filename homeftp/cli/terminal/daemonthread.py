"""Reading standard input while the reactor runs, in a thread that the end of the process does not wait for.

read(2) returns when somebody types, perhaps never. A thread pool would be waited for when the process ends, so Ctrl-C
would do nothing. A daemon thread must hold no lock of a buffered stream: the interpreter needs the lock when it ends,
and aborts. So call only functions that read unbuffered, such as those of `stdstreams`.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Callable, ParamSpec, TypeVar

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IReactorFromThreads

P = ParamSpec("P")
T = TypeVar("T")


class DaemonThread:
    """Carries out calls that may block for ever, one after the other, in one thread; it starts with the first call."""

    def __init__(self, reactor: IReactorFromThreads) -> None:
        self._reactor = reactor
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._started = False

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Fires in the reactor's thread with what the call returns, or fails with what it raises.

        The result of a call whose Deferred is cancelled is lost.
        """
        from twisted.internet.defer import Deferred
        from twisted.python.failure import Failure

        waiting: Deferred[T] = Deferred()

        def deliver(result: Any) -> None:
            if not waiting.called:
                waiting.callback(result)

        def run() -> None:
            result: Any
            try:
                result = function(*args, **kwargs)
            except Exception:  # noqa: BLE001 (it is given to the caller)
                result = Failure()
            self._reactor.callFromThread(deliver, result)

        self._calls.put(run)
        if not self._started:
            self._started = True
            threading.Thread(target=self._work, name="standard input", daemon=True).start()
        return waiting

    def _work(self) -> None:
        while True:
            self._calls.get()()
