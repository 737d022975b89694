"""Keeping a pair in step: noticing that something has changed on either side, and syncing then.

An event only says that something may have changed. What has, the next sync finds out by comparing; so an event that is
lost, or one too many, costs a comparison and nothing else.
"""

from __future__ import annotations

import os
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Awaitable, Callable, Iterable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.python.failure import Failure

from homeftp.client.api import Client
from homeftp.client.errors import ConnectionFailed
from homeftp.client.transfer.retry import is_temporary
from homeftp.endpoint import RESERVED, RESERVED_PREFIX
from homeftp.errors import OperatorError, Refusal, UnknownRequestType

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

QUIET_SECONDS = 0.1
"""A sync begins when nothing has changed for so long: a program that saves a file makes several changes."""

MOST_SECONDS = 2.0
"""It begins at the latest so long after the first change."""

POLL_SECONDS = 30.0
"""Between two comparisons where a side cannot say that something has changed."""

COMPARE_SECONDS = 600.0
"""Between two comparisons where no event came: the system may have dropped one."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a watch of the server is begun again; each pause is twice the one before."""


class ChangeSignal:
    """Says that something has changed. `changed` is called for each event, and `wait` is awaited by who syncs."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._first = 0.0
        """When the first change since the last wait was made."""
        self._call: IDelayedCall | None = None
        self._is_due = False
        self._waiting: Deferred[None] | None = None

    def changed(self) -> None:
        """Something has changed on one of the sides."""
        now = self._clock.seconds()
        if self._is_due:
            return
        if self._call is None:
            self._first = now
            self._call = self._clock.callLater(QUIET_SECONDS, self._fire)
        else:
            self._call.reset(max(0.0, min(QUIET_SECONDS, self._first + MOST_SECONDS - now)))

    def _fire(self) -> None:
        self._call = None
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            self._is_due = True
        else:
            waiting.callback(None)

    def wait(self) -> Deferred[None]:
        """Fires when something has changed since the last wait began, and a pause has followed. For one who waits."""
        waiting: Deferred[None] = Deferred(lambda _: setattr(self, "_waiting", None))
        if self._is_due:
            self._is_due = False
            waiting.callback(None)
        else:
            self._waiting = waiting
        return waiting

    def close(self) -> None:
        """Forget what has changed."""
        if self._call is not None:
            self._call.cancel()
            self._call = None


class LocalWatch:
    """Calls `changed` in the reactor's thread when something may have changed beneath the local folder `path`.

    Where the library watchfiles is missing it does so every `POLL_SECONDS`, and `notify` is called with a message.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        path: str,
        changed: Callable[[], object],
        notify: Callable[[str], object] = lambda message: None,
        events: Callable[[str, threading.Event], Iterable[object]] | None = None,
        pause: float = POLL_SECONDS,
    ) -> None:
        """`events` gives the events of a folder until it is to end, in a thread; by default those of watchfiles.

        Where it fails it is begun again after a `pause`, in seconds.
        """
        self._reactor = reactor
        self._events = events or _watchfiles
        self._path = path
        self._changed = changed
        self._notify = notify
        self._pause = pause
        self._has_failed = False
        self._ended = threading.Event()
        self._polling = LoopingCall(changed)
        self._polling.clock = reactor
        if events is None and find_spec("watchfiles") is None:
            notify(
                f"changes in {path} are noticed after up to {POLL_SECONDS:.0f} s. To notice them at once, install "
                "homeftp[watch]"
            )
            self._polling.start(POLL_SECONDS, now=False)
        else:
            self._polling.start(COMPARE_SECONDS, now=False)
            threading.Thread(target=self._run, name="local changes", daemon=True).start()

    def _run(self) -> None:
        """Watch until the end. The library fails where the system watches no more folders, or at names not in UTF-8."""
        threads = IReactorFromThreads(self._reactor)
        while not self._ended.is_set():
            try:
                for _ in self._events(self._path, self._ended):
                    threads.callFromThread(self._changed)
            except Exception as failure:  # noqa: BLE001, PERF203 (whatever it is, it is begun again)
                threads.callFromThread(self._failed, failure)
                if not self._ended.wait(self._pause):
                    threads.callFromThread(self._changed)

    def _failed(self, failure: Exception) -> None:
        if not self._has_failed:
            self._notify(
                f"changes in {self._path} are noticed after up to {POLL_SECONDS:.0f} s for now: it cannot be watched "
                f"({failure})"
            )
        self._has_failed = True
        self._changed()

    def stop(self) -> None:
        """Call nothing any more; the thread ends by itself."""
        self._ended.set()
        self._polling.stop()


def _watchfiles(path: str, ended: threading.Event) -> Iterable[object]:
    """The events that the library watchfiles gives."""
    from watchfiles import watch

    return watch(
        path,
        watch_filter=lambda _, changed: not is_own(os.path.relpath(changed, path)),
        stop_event=ended,
        raise_interrupt=False,
        ignore_permission_denied=True,
    )


def is_own(path: str) -> bool:
    """Whether a path beneath the folder is one that homeftp itself writes while it works."""
    parts = path.split(os.sep)
    return RESERVED in parts or parts[-1].startswith(RESERVED_PREFIX)


async def follow_server(
    clock: IReactorTime,
    connect: Callable[[], Awaitable[Client]],
    endpoint: str,
    changed: Callable[[], object],
    notify: Callable[[str], object] = lambda message: None,
) -> None:
    """Call `changed` whenever something may have changed at or beneath an endpoint, until it is cancelled.

    When the connection is lost it is made again, and something may have changed meanwhile. A server that cannot be
    watched is asked every `POLL_SECONDS`; `notify` is called with messages for people. Raises what `connect` raises,
    unless it may succeed later.
    """
    pause = _FIRST_PAUSE
    said = False
    while True:
        client = None
        try:
            client = await connect()
            async for _ in client.watch(endpoint):  # the first one says that the watch has begun
                pause = _FIRST_PAUSE
                changed()
            seconds = pause
        except UnknownRequestType:
            if not said:
                notify(f"this server cannot say that something has changed. It is asked every {POLL_SECONDS:.0f} s")
            said = True
            changed()
            seconds = POLL_SECONDS
        except Exception as reason:
            if not is_temporary(reason):
                raise
            seconds = pause
        finally:
            if client is not None:
                await client.close()
        pause = min(2 * pause, _LONGEST_PAUSE)
        await deferLater(clock, seconds)


async def keep_in_step(
    clock: IReactorTime,
    signal: ChangeSignal,
    sync: Callable[[], Awaitable[object]],
    failing: Deferred[None],
    notify: Callable[[str], object],
) -> None:
    """Run `sync` whenever `signal` says so, until it is cancelled, or `failing` fails: raises why.

    What stops one sync is a message for people, and the next one begins with the next change, or after a pause.
    """
    failures: list[Failure] = []

    def failed(failure: Failure) -> None:
        failures.append(failure)
        signal.changed()

    failing.addErrback(failed)
    while True:
        await signal.wait()
        for failure in failures:
            failure.raiseException()
        try:
            await sync()
        except (OperatorError, Refusal, ConnectionFailed) as problem:
            notify(str(problem))
            if is_temporary(problem):
                clock.callLater(POLL_SECONDS, signal.changed)
