"""When and where each device was connected last, for the owner. No login waits for this, or depends on it."""

from __future__ import annotations

import time
from typing import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from homeftp.accounts.devices import Device, Devices
from homeftp.config import MINUTE
from homeftp.interfaces import IWorkers

PAUSE_SECONDS = 1 * MINUTE
"""Between two records of a device that tell nothing new but the time: a script may log in many times a second."""

MOST_DEVICES = 1000
"""Devices whose last record is remembered; more are merely recorded more often."""

_Seen = tuple[str, "str | None", "float | None"]


class Sightings:
    """Records the connections of devices in `devices`, in `workers`. A failure is logged: no login depends on it."""

    _log = Logger()

    def __init__(self, devices: Devices, workers: IWorkers, clock: Callable[[], float] = time.time) -> None:
        self._devices = devices
        self._workers = workers
        self._clock = clock
        self._last: dict[str, tuple[float, _Seen]] = {}

    def saw(
        self, device: Device, address: str, *, client: str | None = None, expires: float | None = None
    ) -> Deferred[None]:
        """A device is connected from `address` with `client`; its certificate ends at `expires`. Never fails."""
        now, seen = self._clock(), (address, client, expires)
        at, before = self._last.get(device.id, (0.0, None))
        if before == seen and 0 <= now - at < PAUSE_SECONDS:
            return succeed(None)
        self._last.pop(device.id, None)
        self._last[device.id] = now, seen
        if len(self._last) > MOST_DEVICES:
            del self._last[next(iter(self._last))]
        recorded = self._workers.run_unbounded(self._devices.saw, device.id, now, address, client, expires)
        return recorded.addErrback(
            lambda failure: self._log.failure("when a device was connected could not be recorded", failure)
        )
