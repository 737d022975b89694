"""Locks in memory."""

from __future__ import annotations

from twisted.internet.task import Clock

from homeftp.server.http.dav.locks.lockset import Lock
from homeftp.server.http.dav.locks.table import LockTable
from tests.support import lockcontract


class LockTableTests(lockcontract.LocksContract):
    """All locks of a server."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.locks = self.others = LockTable(self.clock.seconds)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def fill(self, locks: list[Lock]) -> None:
        for lock in locks:
            self.done(self.locks.add(lock))
