"""When and where each device was connected last, for the owner. No login waits for this, or depends on it."""

from __future__ import annotations

import time
from typing import Callable

import msgspec
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from homeftp.accounts.devices import Devices
from homeftp.config import MINUTE
from homeftp.interfaces import IWorkers

PAUSE_SECONDS = 1 * MINUTE
"""From one write to the next: clients may connect many times a second, and each write has all logins checked again."""

GATHER_SECONDS = 1.0
"""From the first connection after a pause to its write: a client that connects tells its program shortly after."""


class _Seen(msgspec.Struct, frozen=True):
    """The record to be written of a device."""

    at: float
    address: str
    front_end: str | None
    client: str | None
    expires: float | None


class DeviceActivity:
    """Records the connections of devices in `devices`, in `workers`: all that is new together, once in a pause.

    A failure is logged: no login depends on it. `clock` measures the pauses; `now` gives seconds since 1970 UTC.
    """

    _log = Logger()

    def __init__(
        self, devices: Devices, workers: IWorkers, clock: IReactorTime, now: Callable[[], float] = time.time
    ) -> None:
        self._devices = devices
        self._workers = workers
        self._clock = clock
        self._now = now
        self._unwritten: dict[str, _Seen] = {}
        self._next: IDelayedCall | None = None
        self._writing: Deferred[None] | None = None
        self._stopped = False

    def saw(
        self,
        id: str,
        address: str,
        front_end: str | None,
        *,
        client: str | None = None,
        expires: float | None = None,
    ) -> None:
        """The device of that id is connected from `address` with `client`; its certificate ends at `expires`.

        What is None stays as it was, but for `front_end`: None is the server's own protocol. It is written within a
        pause.
        """
        before = self._unwritten.get(id)
        if before is not None:
            client = before.client if client is None else client
            expires = before.expires if expires is None else expires
        self._unwritten[id] = _Seen(self._now(), address, front_end, client, expires)
        if self._next is None and self._writing is None and not self._stopped:
            self._next = self._clock.callLater(GATHER_SECONDS, self._write)

    def stop(self) -> Deferred[None]:
        """Write what is not written yet; later connections are not recorded. Fires when all is written."""
        self._stopped = True
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._writing is not None:
            return self._writing.addCallback(lambda _: self.stop())
        if self._unwritten:
            self._write()
            return self.stop()
        return succeed(None)

    def _write(self) -> None:
        self._next = None
        if not self._unwritten:
            return  # none within the pause: the next one need not wait for another
        unwritten, self._unwritten = self._unwritten, {}
        self._writing = Deferred()
        written = self._workers.run_unbounded(self._record, unwritten)
        written.addErrback(
            lambda failure: self._log.failure("the last connections of devices could not be recorded", failure)
        )
        written.addCallback(self._written)

    def _record(self, unwritten: dict[str, _Seen]) -> None:
        """In a worker."""
        for id, seen in unwritten.items():
            self._devices.saw(id, seen.at, seen.address, seen.client, seen.expires, seen.front_end)

    def _written(self, ignored: None) -> None:
        writing, self._writing = self._writing, None
        if not self._stopped:
            self._next = self._clock.callLater(PAUSE_SECONDS, self._write)
        assert writing is not None
        writing.callback(None)
