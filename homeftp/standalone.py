"""A server that is a process of its own: what `twistd homeftp` and `homeftp serve` set for the whole process.

Another application that embeds `HomeFTPService` decides these things itself.
"""

from __future__ import annotations

import gc
import linecache
import os
import resource
import signal
import sys
import time
from contextlib import contextmanager
from typing import Callable, Iterator, TextIO, cast

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore, IReactorFromThreads
from twisted.logger import Logger

from homeftp.config import HEAP_SLACK
from homeftp.errors import OperatorError
from homeftp.syscalls import System
from homeftp.syscalls.memory import c_mallopt, give_back_memory

UMASK = 0o077
"""Files of the state folder are the owner's alone; shared files get their modes explicitly."""

DESCRIPTORS = 8192
"""Descriptors that the process may have, where its user may have so many. The default of most systems, 1,024, is for
programs that use select(2): here it is less than what the requests of four accounts may need at once."""

SWITCH_SECONDS = 0.0005
"""How long a thread may go on while another waits for the interpreter, which a request needs some ten times. Python's
5 ms made the median of an honest client 9 times what it is alone beside a busy pool; with this it was 2.5 times."""


GARBAGE_AFTER = 2_500
"""Allocations between two searches for garbage, which keep the interpreter from all other threads: to free as many
objects takes 1 ms, and 10,000 took 3 to 9 ms. With Python's 700 a batch, whose files are looked at again and again,
takes a thirtieth more of a processor's time; with 2,500 a hundredth."""


def shorten_pauses() -> None:
    """Let no thread, and no search for garbage, keep the reactor's thread waiting for long.

    What a server consists of when it has started stays for as long as it runs: the collector need not look at it again.
    To be called when garbage has been collected.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER)


def terminal() -> TextIO | None:
    """The terminal that this process writes to; None for a daemon, and where its output goes to a file or a program.

    twistd makes a daemon only after it has made the service, so ask when the service starts.
    """
    output = sys.__stdout__  # twistd makes sys.stdout a part of its log
    try:
        return output if output is not None and output.isatty() else None
    except ValueError:  # it has been closed
        return None


def at_terminal() -> bool:
    """Whether this process was started at a terminal that is still open, also where its output goes to a program."""
    return any(map(os.isatty, (0, 1, 2)))


class IProcessReactor(IReactorFromThreads, IReactorCore):
    """The reactor as the process needs it: to be called from a signal handler, and to be stopped."""


class StandaloneService(MultiService):
    """Sets up the process for its child, a server, and decides what SIGHUP means.

    Where the terminal has been closed the process ends with it; otherwise `renew` is called.
    An `OperatorError` of the child ends the process.
    """

    _log = Logger()

    def __init__(
        self, reactor: object, renew: Callable[[], object], at_terminal: Callable[[], bool] = at_terminal
    ) -> None:
        super().__init__()
        self._reactor = cast(IProcessReactor, reactor)
        self._renew = renew
        self._at_terminal = at_terminal
        self._had_terminal = False

    def privilegedStartService(self) -> None:
        """Bind ports while there are privileges to do so."""
        with one_line():
            super().privilegedStartService()

    def startService(self) -> None:
        """Set up the process and start the server."""
        os.umask(UMASK)
        give_back_memory(HEAP_SLACK, c_mallopt())
        self._allow_descriptors()
        before = signal.signal(signal.SIGHUP, self._hangup)
        # nohup(1) has the signal ignored: the server is to outlive its terminal
        self._had_terminal = before is not signal.SIG_IGN and self._at_terminal()
        try:
            with one_line():
                super().startService()
        except BaseException:
            signal.signal(signal.SIGHUP, before)
            raise
        linecache.clearcache()  # what attrs has generated: a mebibyte of source that only tracebacks would show
        System().rest()  # garbage, and code that only the start needed: it is mapped again where it runs again
        shorten_pauses()
        if os.geteuid() == 0:
            self._log.warn(
                "The server runs as root: anyone who takes it over controls the whole machine. Start it as another "
                "user, or let twistd switch to one: twistd --uid NAME --gid NAME homeftp ..."
            )

    def _allow_descriptors(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            return
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError) as error:  # a sandbox may not allow it
            self._log.warn("the limit of {soft} open files could not be raised: {error}", soft=soft, error=error)

    def stopService(self) -> Deferred[None]:
        """Stop the server."""
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await super().stopService()

    def _hangup(self, number: int, frame: object) -> None:
        """Handle SIGHUP, which interrupts anything, when the reactor is free."""
        self._reactor.callFromThread(self._hung_up)

    def _hung_up(self) -> None:
        if self._had_terminal and not self._at_terminal():
            self._log.info("the terminal was closed: the server stops")
            self._reactor.stop()
        else:
            self._renew()


class StartFailed(SystemExit, Exception):
    """Ends the process. It is an `Exception` too: a daemon reports only those to the process that launched it."""

    def __str__(self) -> str:
        return "the start failed"


@contextmanager
def one_line() -> Iterator[None]:
    """An `OperatorError` ends the process with one line on standard error and status 2, without a traceback."""
    try:
        yield
    except OperatorError as error:
        # twistd has made sys.stderr a part of its log; a daemon has no other.
        print(f"homeftp: {error}", file=sys.__stderr__)
        raise StartFailed(2) from error


def use_monotonic_clock(reactor: object) -> None:
    """Let the reactor's timers follow the monotonic clock, and not the wall clock, which can be set."""
    reactor.seconds = time.monotonic  # type: ignore[attr-defined]
