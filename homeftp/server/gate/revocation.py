"""Cutting off who was removed, or may do less: every two seconds those who are connected are looked at."""

from __future__ import annotations

from typing import Any, Collection

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from homeftp.accounts.validator import AccessValidator
from homeftp.audit import Audit
from homeftp.interfaces import IWorkers
from homeftp.server.gate.connections import Connections
from homeftp.server.json.router import Router
from homeftp.status import Status

LOOK_SECONDS = 2.0
"""A revoked device is to be out within 5."""

FAILURES = 5
"""In a row, after which whoever is connected is cut off: who cannot be looked up may have been revoked."""


class RevocationMonitor:
    """Looks at the connections of one server."""

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        connections: Connections,
        standing: AccessValidator,
        workers: IWorkers,
        audit: Audit,
    ) -> None:
        self._connections = connections
        self._standing = standing
        self._workers = workers
        self._audit = audit
        self._failures = 0
        self._call = LoopingCall(self.look)
        self._call.clock = reactor

    def start(self) -> None:
        """Look from now on."""
        self._call.start(LOOK_SECONDS, now=False)

    def stop(self) -> None:
        """Look no more."""
        if self._call.running:
            self._call.stop()

    def look(self) -> Deferred[None]:
        """Cut off those that are not to be here."""
        return Deferred.fromCoroutine(self._look())

    async def _look(self) -> None:
        sessions = [session for session in self._connections.members() if not session.revoked]
        if not sessions:
            return
        try:
            gone = await self._workers.finish(self._gone, sessions)
        except Exception:  # noqa: BLE001 (the disk may fail: the log tells, and it is tried again)
            self._failures += 1
            self._log.failure("it could not be looked who was removed")
            if self._failures >= FAILURES:
                self._log.error("nobody can be looked up any more: who is connected is cut off")
                self._connections.revoke(sessions)
        else:
            self._failures = 0
            self._connections.revoke(gone)
            await self._workers.finish(self._note, gone)

    def _gone(self, sessions: Collection[Router]) -> list[Router]:
        """In a worker: those whose device or account is not there any more, or may do something else by now."""
        came_in = [session.entrance.came_in() for session in sessions]
        return [session for session, stands in zip(sessions, self._standing.of(came_in), strict=True) if not stands]

    def _note(self, gone: Collection[Router]) -> None:
        """In a worker: tell the audit log of those who were cut off; nothing waits for that."""
        try:
            for session in gone:
                self._audit.note("cut", session.entrance.actor(), Status.FORBIDDEN)
        except OSError:
            self._log.failure("that somebody was cut off could not be written to the audit log")
