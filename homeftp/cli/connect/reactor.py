"""Running a coroutine under the reactor until it ends. Every command that uses the network runs through here."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any, Awaitable, Callable

from homeftp.cli.terminal.failures import tracebacks_wanted

if TYPE_CHECKING:
    from homeftp.client import IClientReactor

_CLEAN_UP_SECONDS = 10.0
"""The time that a cancelled command has to remove its temp files."""


def run_reactor(main: Callable[[IClientReactor], Awaitable[int]], reactor: Any = None) -> int:
    """Run `main(reactor)` until it ends, by default in Twisted's own; returns its exit code, or raises what it raised.

    Ctrl-C, SIGTERM and a closed terminal (SIGHUP) cancel it, give it time to clean up, and raise KeyboardInterrupt.
    """
    if reactor is None:
        from twisted.internet import reactor
    from twisted.internet.defer import Deferred
    from twisted.logger import ILogObserver, LogEvent, globalLogBeginner
    from twisted.python.failure import Failure
    from zope.interface import provider

    from homeftp.client import NameResolver

    @provider(ILogObserver)
    def _discard(event: LogEvent) -> None:
        """Drop Twisted's log events: they would print tracebacks beside our own messages."""

    reactor.seconds = time.monotonic  # Twisted's own clock follows the wall clock, which may be set meanwhile
    reactor.installNameResolver(NameResolver(reactor))
    if not tracebacks_wanted():
        globalLogBeginner.beginLoggingTo([_discard], redirectStandardIO=False, discardBuffer=True)
    running: list[Deferred[int]] = []
    results: list[Any] = []
    interrupted: list[bool] = []

    async def work() -> int:
        return await main(reactor)

    def start() -> None:
        running.append(Deferred.fromCoroutine(work()))
        running[0].addBoth(ended)

    def ended(result: Any) -> None:
        results.append(result)
        if not interrupted:
            reactor.stop()

    def interrupt() -> Deferred[int] | None:
        if results or not running:
            return None
        interrupted.append(True)
        running[0].addTimeout(_CLEAN_UP_SECONDS, reactor).cancel()
        return running[0]

    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) is signal.SIG_DFL:  # nohup(1) has it ignored
        signal.signal(hangup, lambda number, frame: reactor.callFromThread(reactor.stop))
    reactor.callWhenRunning(start)
    reactor.addSystemEventTrigger("before", "shutdown", interrupt)
    reactor.run()
    if interrupted or not results:
        raise KeyboardInterrupt
    if isinstance(results[0], Failure):
        results[0].raiseException()
    status: int = results[0]
    return status
