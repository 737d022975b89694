"""The trusted time of a store: versions and partial uploads age by it, whatever the computer's clock shows.

A clock may be years wrong: a dead battery, a mistyped date. So nothing is removed because of its age without evidence
that the time has really passed: the server ran that long, or the clock is not further ahead of the last time that it
showed than a computer is usually off. If it is, only the running time counts, until the clock has kept its new time for
a day.

The file `clock` in the metadata directory keeps the evidence over restarts.
"""

from __future__ import annotations

import os
import time
from threading import Lock
from typing import Callable

import msgspec

from homeftp.config import DAY, HOUR
from homeftp.model import SECOND_US
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.metadir import CLOCK, MetadataDir
from homeftp.store.local.disk.privatefiles import open_private_file
from homeftp.syscalls import System

_FILE_BYTES = 512
"""A sector of a disk, which is written as a whole."""

OFF_SECONDS = 2 * DAY
"""How long a computer may have been off without further evidence: a weekend."""

DRIFT_SECONDS = 1 * HOUR
"""How far the clock may move in a running server and is believed: a time server corrects it when it is reached."""

KEPT_SECONDS = 1 * DAY
"""How long the server must run with a clock that jumped before it is believed: a wrong one is noticed meanwhile."""

EXPIRED_PART = 10
"""One in so many of the versions that are too old may be removed in a day: a wrong clock is noticed in time."""

EXPIRED_AT_LEAST = 100
"""The number that may be removed in a day, however few are too old."""


class _Evidence(msgspec.Struct):
    """The content of the file. Times are microseconds since 1970."""

    trusted_us: int
    """The time that has come for certain: never later than the clock has shown since."""
    expected_us: int
    """The time that the clock would show if it had not jumped."""
    seen_us: int
    """The last time that the computer's clock showed."""
    doubted: bool = False
    """Whether the clock jumped and is not believed yet."""
    kept: float = 0.0
    """Seconds for which the clock has kept the time that it jumped to."""
    counted_us: int = 0
    """When the versions that are too old were counted, by the trusted time."""
    allowed: int = 0
    """How many of those may still be removed on that day."""


class StoreClock:
    """The trusted time of one store. Thread-safe.

    `newest_us` finds the newest change that is known without the file: a store that has versions and no file is from
    an earlier homeftp.
    """

    def __init__(self, system: System, metadata_dir: MetadataDir, newest_us: Callable[[], int | None]) -> None:
        self._system = system
        self._metadata_dir = metadata_dir
        self._lock = Lock()
        self._running = system.running_seconds()
        self._jump: tuple[int, int] | None = None
        """From which time to which the clock went that is not believed yet, in microseconds since 1970."""
        wall_us = system.wall_us()
        found = self._load()
        if found is None:
            began = min(wall_us, newest_us() or wall_us)
            self._evidence = _Evidence(began, began, began)
            self._observe(wall_us, 0.0, OFF_SECONDS)
            self._jump = None  # nothing says when the clock was seen last
        else:
            self._evidence = found
            if found.doubted:
                self._jump = found.expected_us, wall_us
            self._observe(wall_us, 0.0, OFF_SECONDS)

    def now_us(self) -> int:
        """The trusted time, in microseconds since 1970."""
        with self._lock:
            running = self._system.running_seconds()
            elapsed, self._running = running - self._running, running
            self._observe(self._system.wall_us(), elapsed, DRIFT_SECONDS)
            return self._evidence.trusted_us

    def now_seconds(self) -> float:
        """The trusted time, in seconds since 1970."""
        return self.now_us() / SECOND_US

    def _observe(self, wall_us: int, elapsed: float, tolerance: float) -> None:
        """The clock shows this time, so many seconds after it was seen last."""
        evidence = self._evidence
        unexplained = (wall_us - evidence.seen_us) / SECOND_US - elapsed
        evidence.seen_us = wall_us
        evidence.expected_us += int(elapsed * SECOND_US)
        evidence.trusted_us = min(evidence.trusted_us + int(elapsed * SECOND_US), wall_us)
        evidence.kept += elapsed
        if not -DRIFT_SECONDS <= unexplained <= tolerance:
            evidence.doubted, evidence.kept = True, 0.0
            self._jump = evidence.expected_us, wall_us
        agrees = abs(wall_us - evidence.expected_us) <= DRIFT_SECONDS * SECOND_US
        if agrees or not evidence.doubted or evidence.kept >= KEPT_SECONDS:
            evidence.trusted_us = evidence.expected_us = wall_us
            evidence.doubted, self._jump = False, None

    def problem(self) -> str | None:
        """The fault of the computer's clock, for the owner; None if there is none."""
        self.now_us()
        if self._jump is None:
            return None
        before, after = (time.strftime("%Y-%m-%d %H:%M", time.gmtime(us // SECOND_US)) for us in self._jump)
        return (
            f"the computer's clock shows {after} UTC where {before} was expected: set it if that is wrong. Until the "
            f"server has run for {KEPT_SECONDS / HOUR:.0f} hours with that time, versions do not grow older by the jump"
        )

    # -- how much may be removed because of its age --------------------------------

    def allowed(self, count: Callable[[], int]) -> int:
        """How many versions may be removed now because of their age; `count` counts those that are too old."""
        now = self.now_us()
        if not 0 <= now - self._evidence.counted_us < DAY * SECOND_US:
            allowed = max(EXPIRED_AT_LEAST, count() // EXPIRED_PART)
            with self._lock:
                self._evidence.counted_us, self._evidence.allowed = now, allowed
        return self._evidence.allowed

    def removed(self, count: int) -> None:
        """Count versions that were removed because of their age."""
        with self._lock:
            self._evidence.allowed -= count

    # -- over restarts -------------------------------------------------------------

    def save(self) -> None:
        """Keep the evidence for the next start. Raises OSError."""
        self.now_us()
        with self._lock:
            content = msgspec.json.encode(self._evidence)
        fd = open_private_file(self._metadata_dir.folder, CLOCK, writable=True)
        try:
            self._system.write(fd, content.ljust(_FILE_BYTES - 1) + b"\n")  # always of one size: never cut short
        finally:
            close_quietly(fd)

    def _load(self) -> _Evidence | None:
        """The evidence of an earlier run; None if there is none, or it is damaged."""
        try:
            fd = open_private_file(self._metadata_dir.folder, CLOCK, make=False)
        except FileNotFoundError:
            return None
        try:
            return msgspec.json.decode(os.pread(fd, _FILE_BYTES, 0), type=_Evidence)
        except msgspec.MsgspecError:
            return None
        finally:
            close_quietly(fd)
