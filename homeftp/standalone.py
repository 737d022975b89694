"""A server that is a process of its own: what `twistd homeftp` and `homeftp serve` set for the whole process.

Another application that embeds `HomeFTPService` decides these things itself.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from contextlib import contextmanager
from typing import Callable, Iterator

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

from homeftp.config import HEAP_SLACK
from homeftp.errors import OperatorError

Mallopt = Callable[[int, int], int]
"""mallopt(3): takes a setting and its value; 1 where the C library took it."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8

UMASK = 0o077
"""Files of the state folder are the owner's alone; shared files get their modes explicitly."""

DESCRIPTORS = 8192
"""Descriptors that the process may have, where its user may have so many. The default of most systems, 1,024, is for
programs that use select(2): here it is less than what the requests of four accounts may need at once."""


def c_mallopt() -> Mallopt | None:
    """mallopt(3) of the C library; None where it has none."""
    return getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None


def give_back_memory(threshold: int, mallopt: Mallopt | None) -> None:
    """Let the C library keep no more than `threshold` free bytes, and one heap for all threads.

    By default glibc gives each thread a heap, and never gives back memory that a
    heap once needed. A hint: without `mallopt` nothing happens.
    """
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_TRIM_THRESHOLD, threshold)
        mallopt(_M_MMAP_THRESHOLD, threshold)


class StandaloneService(MultiService):
    """Sets up the process for its child, a server. `renew` is called on SIGHUP, which would end the process otherwise.

    An `OperatorError` of the child ends the process.
    """

    _log = Logger()

    def __init__(self, reactor: object, renew: Callable[[], object]) -> None:
        super().__init__()
        self._reactor = IReactorFromThreads(reactor)
        self._renew = renew

    def privilegedStartService(self) -> None:
        """Bind ports while there are privileges to do so."""
        with one_line():
            super().privilegedStartService()

    def startService(self) -> None:
        """Set up the process and start the server."""
        os.umask(UMASK)
        give_back_memory(HEAP_SLACK, c_mallopt())
        self._allow_descriptors()
        with one_line():
            super().startService()
        signal.signal(signal.SIGHUP, self._hangup)
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
        """Handle SIGHUP, which interrupts anything: renew when the reactor is free."""
        self._reactor.callFromThread(self._renew)


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
