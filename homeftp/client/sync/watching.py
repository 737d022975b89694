"""Keeping a pair in step: noticing that something has changed on either side, and syncing then.

An event only says where something may have changed. What has, the next sync finds out by comparing what the events
name; so an event too many costs a comparison and nothing else. Now and then all is compared, so that one that is lost
costs time.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Awaitable, Callable, Collection, Iterable, Iterator

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.python.failure import Failure

from homeftp.client.api import Client
from homeftp.client.errors import ConnectionFailed
from homeftp.client.files.names import endpoint_name
from homeftp.client.reconnector import is_temporary
from homeftp.client.sync.scope import WHOLE, Scope
from homeftp.endpoint import RESERVED, RESERVED_PREFIX
from homeftp.errors import OperatorError, Refusal, UnknownRequestType
from homeftp.syscalls import System

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

QUIET_SECONDS = 0.1
"""A sync begins when nothing has changed for so long: a program that saves a file makes several changes."""

MOST_SECONDS = 2.0
"""It begins at the latest so long after the first change."""

POLL_SECONDS = 30.0
"""Between two comparisons where a side cannot say that something has changed."""

REST_SECONDS = 2.0
"""A watch rests when nothing has changed for so long since its last sync."""

REST_AGAIN_SECONDS = 300.0
"""Between two calls of `rest`: meanwhile a lost connection may have been made again, or tried to be."""

COMPARE_SECONDS = 600.0
"""Between two comparisons where no event came: the system may have dropped one."""

_LOOK_SECONDS = 1.0
"""A watch that notices nothing says so after this time, and looks whether a disk has come or gone."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a watch of the server is begun again; each pause is twice the one before."""


class ChangeSignal:
    """Says what may have changed. `changed` is called for each event, and `wait` is awaited by who syncs."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._first = 0.0
        """When the first change since the last wait was made."""
        self._call: IDelayedCall | None = None
        self._is_due = False
        self._scope = Scope()
        """The names that may have changed since the last wait ended."""
        self._waiting: Deferred[Scope] | None = None

    def changed(self, scope: Scope = WHOLE) -> None:
        """Something has changed on one of the sides, in this scope."""
        self._scope |= scope
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
            waiting.callback(self._take())

    def _take(self) -> Scope:
        taken, self._scope = self._scope, Scope()
        return taken

    def wait(self) -> Deferred[Scope]:
        """Fires when something has changed since the last wait ended, and a pause has followed. For one who waits."""
        waiting: Deferred[Scope] = Deferred(lambda _: setattr(self, "_waiting", None))
        if self._is_due:
            self._is_due = False
            waiting.callback(self._take())
        else:
            self._waiting = waiting
        return waiting

    def close(self) -> None:
        """Forget what has changed."""
        if self._call is not None:
            self._call.cancel()
            self._call = None


class LocalWatch:
    """Calls `changed` in the reactor's thread with where something may have changed beneath the local folder `path`.

    A disk that comes or goes there, or beneath, is noticed within seconds; then anything may have changed. Where the
    folder cannot be watched `changed` is called every `POLL_SECONDS`, and `notify` with a message.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        path: str,
        changed: Callable[[Scope], object],
        notify: Callable[[str], object] = lambda message: None,
        events: Callable[[str, threading.Event], Iterable[Collection[str]]] | None = None,
        pause: float = POLL_SECONDS,
        *,
        strict_names: bool = False,
    ) -> None:
        """`events` gives the changed paths of a folder until it is to end, in a thread; by default watchfiles does.

        It gives some, or none, as soon as it notices all changes. Where it fails it is begun again after a `pause`, in
        seconds. Names are those on the wire; with `strict_names` as in `Selection`.
        """
        self._reactor = reactor
        self._events = events or _watchfiles
        self._path = path
        self._changed = changed
        self._notify = notify
        self._pause = pause
        self._has_failed = False
        self._ended = threading.Event()
        self._strict_names = strict_names
        self._polling = LoopingCall(changed, WHOLE)
        self._polling.clock = reactor
        self._polling.start(COMPARE_SECONDS, now=False)
        threading.Thread(target=self._run, name="local changes", daemon=True).start()

    def _run(self) -> None:
        """Watch until the end. The library fails where the system watches no more folders, or at names not in UTF-8."""
        threads = IReactorFromThreads(self._reactor)
        while not self._ended.is_set():
            is_begun = False
            try:
                disks = _disks(self._path)
                for paths in self._events(self._path, self._ended):
                    if _disks(self._path) != disks:
                        break  # what is there now is watched from the beginning
                    scope = WHOLE  # what has changed until now was perhaps not noticed
                    if is_begun:
                        scope = Scope.of(name for name in map(self._name, paths) if name is not None)
                    if scope:
                        threads.callFromThread(self._changed, scope)
                    is_begun = True
            except Exception as failure:  # noqa: BLE001 (whatever it is, it is begun again)
                threads.callFromThread(self._failed, failure)
                self._wait(_disks(self._path))

    def _wait(self, disks: object) -> None:
        """Wait until the watch is to be begun again: for the pause, or until a disk comes or goes."""
        for _ in range(max(1, round(self._pause / _LOOK_SECONDS))):
            if self._ended.wait(min(self._pause, _LOOK_SECONDS)) or _disks(self._path) != disks:
                return

    def _name(self, path: str) -> str | None:
        """The name on the wire of a path beneath the folder, "" for the folder; None for what is homeftp's own."""
        relative = os.path.relpath(path, self._path)
        if is_own(relative):
            return None
        if relative == os.curdir:
            return ""
        return "/".join(endpoint_name(each, strict=self._strict_names) for each in relative.split(os.sep))

    def _failed(self, failure: Exception) -> None:
        if not self._has_failed:
            self._notify(
                f"changes in {self._path} are noticed after up to {POLL_SECONDS:.0f} s for now: it cannot be watched "
                f"({failure})"
            )
        self._has_failed = True
        self._changed(WHOLE)

    def stop(self) -> None:
        """Call nothing any more; the thread ends by itself."""
        self._ended.set()
        self._polling.stop()


def _disks(path: str) -> object:
    """A value that changes once another folder is at a path, or other disks are mounted in it.

    None where that cannot be found out.
    """
    try:
        found, mounts = os.stat(path), System().mounts()
    except OSError:
        return None
    real = os.fsencode(os.path.realpath(path)).replace(b" ", b"\\040")
    return found.st_dev, found.st_ino, [line for line in mounts.splitlines() if real in line]


def _watchfiles(path: str, ended: threading.Event) -> Iterator[Collection[str]]:
    """The changes that the library watchfiles gives, and nothing now and then."""
    from watchfiles import watch

    for changes in watch(
        path,
        watch_filter=None,
        stop_event=ended,
        raise_interrupt=False,
        ignore_permission_denied=True,
        rust_timeout=round(_LOOK_SECONDS * 1000),
        yield_on_timeout=True,
    ):
        paths = [changed for _, changed in changes]
        changes.clear()  # the library keeps the set until there is another one, and each path a page of the heap
        yield paths


def is_own(path: str) -> bool:
    """Whether a path beneath the folder is one that homeftp itself writes while it works."""
    parts = path.split(os.sep)
    return RESERVED in parts or parts[-1].startswith(RESERVED_PREFIX)


async def follow_server(
    clock: IReactorTime,
    connect: Callable[[], Awaitable[Client]],
    endpoint: str,
    changed: Callable[[Scope], object],
    notify: Callable[[str], object] = lambda message: None,
) -> None:
    """Call `changed` with where something may have changed at or beneath an endpoint, until it is cancelled.

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
            is_begun = False
            async for event in client.watch(endpoint):
                pause = _FIRST_PAUSE
                changed(Scope.of(event.names) if is_begun and not event.anything else WHOLE)
                is_begun = True
            seconds = pause
        except UnknownRequestType:
            if not said:
                notify(f"this server cannot say that something has changed. It is asked every {POLL_SECONDS:.0f} s")
            said = True
            changed(WHOLE)
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
    sync: Callable[[Scope], Awaitable[Scope]],
    failing: Deferred[None],
    notify: Callable[[str], object],
    rest: Callable[[], object] = lambda: None,
) -> None:
    """Run `sync` with what `signal` says has changed, until it is cancelled, or `failing` fails: raises why.

    What stops one sync is a message for people. All of it is compared again with the next change, or after a pause; and
    so is what a sync was not able to do, which it gives. `rest` is called `REST_SECONDS` after each sync that no change
    has followed by then, and every `REST_AGAIN_SECONDS` from then on until one does.
    """
    resting = LoopingCall(rest)
    resting.clock = clock
    left = Scope()
    failures: list[Failure] = []

    def failed(failure: Failure) -> None:
        failures.append(failure)
        signal.changed()

    failing.addErrback(failed)
    while True:
        begins = clock.callLater(REST_SECONDS, resting.start, REST_AGAIN_SECONDS)
        try:
            left |= await signal.wait()
        finally:
            if begins.active():
                begins.cancel()
            if resting.running:
                resting.stop()
        for failure in failures:
            failure.raiseException()
        try:
            left = await sync(left)
        except (OperatorError, Refusal, ConnectionFailed) as problem:
            notify(str(problem))
            if is_temporary(problem):
                clock.callLater(POLL_SECONDS, signal.changed, left)
