"""The connections of all front ends: counted against the server's limits, and notified when the server stops."""

from __future__ import annotations

from collections import Counter
from typing import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from homeftp.config import Limits
from homeftp.interfaces import IConnection, IConnections
from homeftp.server.gate.timeouts import Deadline


@implementer(IConnections)
class Connections:
    """Counts the connections of all listeners against the caps of `Limits`, and aborts those that do not log in."""

    _log = Logger()

    def __init__(self, limits: Limits, clock: IReactorTime) -> None:
        self._limits = limits
        self._clock = clock
        self._all: dict[IConnection, str | None] = {}
        self._by_address: Counter[str] = Counter()
        self._unauthenticated: dict[IConnection, Deadline] = {}
        self._empty: Deferred[None] | None = None

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, connection: object) -> bool:
        return connection in self._all

    def full(self, address: str | None) -> str | None:
        """Why no further connection from `address` can be accepted; None when one can."""
        limits = self._limits
        if len(self._all) >= limits.connections:
            return f"the server has {limits.connections} connections already"
        if address is not None and self._by_address[address] >= limits.connections_per_address:
            return f"there are {limits.connections_per_address} connections from your address already"
        if len(self._unauthenticated) >= limits.unauthenticated:
            return f"{limits.unauthenticated} connections are logging in already"
        return None

    def add(self, connection: IConnection, address: str | None) -> None:
        """A connection was accepted; it counts as unauthenticated, and is aborted after `login_seconds`."""
        self._all[connection] = address
        self._unauthenticated[connection] = Deadline(
            self._clock, self._limits.login_seconds, lambda: self._expire(connection)
        )
        if address is not None:
            self._by_address[address] += 1

    def authenticated(self, connection: IConnection) -> None:
        """Its client has logged in."""
        deadline = self._unauthenticated.pop(connection, None)
        if deadline is not None:
            deadline.cancel()

    def remove(self, connection: IConnection) -> None:
        """The connection has ended."""
        address = self._all.pop(connection)
        self.authenticated(connection)  # it does not count any more
        if address is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]
        if self._empty is not None and not self._all:
            empty, self._empty = self._empty, None
            empty.callback(None)

    def stop(self) -> Deferred[None]:
        """Let each connection finish what is in progress; fires when all have ended."""
        if not self._all:
            return succeed(None)
        empty = self._empty = Deferred()
        for connection in list(self._all):
            self._tell(connection, connection.stop)
        return empty

    def abort(self) -> None:
        """End all connections at once."""
        for connection in list(self._all):
            self._tell(connection, connection.abort)

    def _expire(self, connection: IConnection) -> None:
        self._log.info("closing a connection from {address}: no login in time", address=self._all[connection])
        self._tell(connection, connection.abort)

    def _tell(self, connection: IConnection, what: Callable[[], None]) -> None:
        """A fault of one front end must not keep the others' connections."""
        try:
            what()
        except Exception:  # noqa: BLE001
            address = self._all.get(connection)
            self._log.failure("a connection from {address} could not be closed", address=address)
