"""A relay to the object store that is slow, or cuts answers off: what a network may do."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import Any

from tests.support.cutproxy import Cutter
from tests.support.waiting import pause

_STEP = 0.02
"""Seconds between two looks whether an answer is still to wait."""


class BucketProxy(Cutter):
    """Relays connections on a loopback port. Close it."""

    def __init__(self, server: int) -> None:
        self.seconds = 0.0
        """How long each answer takes, at least. Those that wait do so no longer than this is set."""
        self.cutting = False
        """Whether the first part of each answer is all of it."""
        super().__init__(server, [])

    def _carry(self, source: socket.socket, target: socket.socket, left: int | None, upwards: bool, *how: Any) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not upwards:
                    self._wait()
                    if self.cutting:
                        target.sendall(data[: len(data) // 2])
                        break
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _wait(self) -> None:
        begun = time.monotonic()
        while time.monotonic() < begun + self.seconds:
            pause(_STEP)
