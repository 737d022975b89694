"""Cutting off who was removed, or may do less: every two seconds those who are connected are looked at."""

from __future__ import annotations

from typing import Any, Collection, Mapping

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from homeftp.accounts.access import Access, Accesses
from homeftp.accounts.devices import Devices
from homeftp.accounts.state import State
from homeftp.audit import Audit
from homeftp.interfaces import IWorkers
from homeftp.server.factory import Connections
from homeftp.server.session import Session
from homeftp.status import Status

LOOK_SECONDS = 2.0
"""A revoked device is to be out within 5."""


class Revocation:
    """Looks at the connections of one server. `own_accounts`: whether the accounts are those in `state`."""

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        connections: Connections,
        state: State,
        workers: IWorkers,
        audit: Audit,
        *,
        own_accounts: bool,
    ) -> None:
        self._connections = connections
        self._state = state
        self._workers = workers
        self._audit = audit
        self._own_accounts = own_accounts
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
            self._log.failure("it could not be looked who was removed")
        else:
            self._connections.revoke(gone)
            await self._workers.finish(self._note, gone)

    def _gone(self, sessions: Collection[Session]) -> list[Session]:
        """In a worker: those whose device or account is not there any more, or may do something else by now."""
        devices = {device.id: device.account for device in Devices(self._state).all()}
        accesses = {name: Accesses(self._state).find(name) for name in self._state.account_names()}
        return [session for session in sessions if not self._stands(session, devices, accesses)]

    def _note(self, gone: Collection[Session]) -> None:
        """In a worker: tell the audit log of those who were cut off; nothing waits for that."""
        try:
            for session in gone:
                self._audit.note("cut", session.entrance.by(), Status.FORBIDDEN)
        except OSError:
            self._log.failure("that somebody was cut off could not be written to the audit log")

    def _stands(self, session: Session, devices: Mapping[str, str], accesses: Mapping[str, Access | None]) -> bool:
        account, device = session.entrance.account, session.entrance.device
        assert account is not None  # members have one
        if device is not None and devices.get(device.id) != account.name:
            return False
        if device is None and not self._own_accounts:
            return True
        return account.name in accesses and accesses[account.name] == account.access
