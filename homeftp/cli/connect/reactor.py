"""Running a coroutine under the reactor until it ends: the one place of the client's command line that does."""

from __future__ import annotations

import os
import signal
import time
from typing import Any, Awaitable, Callable

_CLEAN_UP_SECONDS = 10.0
"""After Ctrl-C, for temporary files to be removed."""


def run_reactor(main: Callable[[Any], Awaitable[int]]) -> int:
    """Run `main(reactor)` to its end; gives its exit status, or raises what it raised.

    Ctrl-C, SIGTERM and a terminal that is closed (SIGHUP) cancel it, give it
    time to clean up, and end in KeyboardInterrupt.
    """
    from twisted.internet import reactor as installed
    from twisted.internet.defer import Deferred
    from twisted.logger import ILogObserver, LogEvent, globalLogBeginner
    from twisted.python.failure import Failure
    from zope.interface import provider

    from homeftp.cli.connect.resolver import NameResolver
    from homeftp.cli.main import TRACEBACK

    @provider(ILogObserver)
    def _unseen(event: LogEvent) -> None:
        """What goes wrong is said in words; Twisted's own log would show a traceback."""

    reactor: Any = installed
    reactor.seconds = time.monotonic  # Twisted's own follows the wall clock, which may be set meanwhile
    reactor.installNameResolver(NameResolver(reactor))
    if not os.environ.get(TRACEBACK):
        globalLogBeginner.beginLoggingTo([_unseen], redirectStandardIO=False, discardBuffer=True)
    working: list[Deferred[int]] = []
    ended: list[Any] = []
    interrupted: list[bool] = []

    async def work() -> int:
        return await main(reactor)

    def begin() -> None:
        working.append(Deferred.fromCoroutine(work()))
        working[0].addBoth(end)

    def end(result: Any) -> None:
        ended.append(result)
        if not interrupted:
            reactor.stop()

    def stop() -> Deferred[int] | None:
        if ended or not working:
            return None
        interrupted.append(True)
        working[0].addTimeout(_CLEAN_UP_SECONDS, reactor).cancel()
        return working[0]

    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) is signal.SIG_DFL:  # nohup has it ignored
        signal.signal(hangup, lambda number, frame: reactor.callFromThread(reactor.stop))
    reactor.callWhenRunning(begin)
    reactor.addSystemEventTrigger("before", "shutdown", stop)
    reactor.run()
    if interrupted or not ended:
        raise KeyboardInterrupt
    if isinstance(ended[0], Failure):
        ended[0].raiseException()
    status: int = ended[0]
    return status
