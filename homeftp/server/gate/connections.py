"""The connections of one server: who is let in, and how all of them are told to end."""

from __future__ import annotations

from collections import Counter
from typing import Callable, Collection

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IOpenSSLServerConnectionCreator, IProtocol, IReactorTime
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger

from homeftp.config import Limits
from homeftp.server.gate.context import ServerContext
from homeftp.server.json.protocol import ConnectionConfig, ServerProtocol
from homeftp.server.json.router import Router
from homeftp.status import Status
from homeftp.wire.codec import encode_response


class Connections:
    """Counts the connections of all listeners together, against the caps of `Limits`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._all: dict[ServerProtocol, str | None] = {}
        self._by_host: Counter[str] = Counter()
        self._strangers: set[ServerProtocol] = set()
        self._emptied: Deferred[None] | None = None

    def __len__(self) -> int:
        return len(self._all)

    def full(self, host: str | None) -> str | None:
        """Why no more can be let in from `host`; None when one can. A local socket has no host."""
        limits = self._limits
        if len(self._all) >= limits.connections:
            return f"the server has {limits.connections} connections already"
        if host is not None and self._by_host[host] >= limits.connections_per_address:
            return f"there are {limits.connections_per_address} connections from your address already"
        if len(self._strangers) >= limits.unauthenticated:
            return f"{limits.unauthenticated} connections are logging in already"
        return None

    def add(self, connection: ServerProtocol, host: str | None) -> None:
        """A connection has been made."""
        self._all[connection] = host
        self._strangers.add(connection)
        if host is not None:
            self._by_host[host] += 1

    def identified(self, connection: ServerProtocol) -> None:
        """Its client has logged in."""
        self._strangers.discard(connection)

    def gone(self, connection: ServerProtocol) -> None:
        """A connection has ended."""
        host = self._all.pop(connection)
        self._strangers.discard(connection)
        if host is not None:
            self._by_host[host] -= 1
            if not self._by_host[host]:
                del self._by_host[host]
        if self._emptied is not None and not self._all:
            emptied, self._emptied = self._emptied, None
            emptied.callback(None)

    def members(self) -> list[Router]:
        """The sessions of those who have logged in."""
        return [connection.session for connection in self._all if connection.session.account is not None]

    def revoke(self, sessions: Collection[Router]) -> None:
        """End these sessions at once, and what they are doing."""
        for connection in list(self._all):
            if connection.session in sessions:
                connection.revoke()

    def stop(self) -> Deferred[None]:
        """Let each finish what is in flight; fires when all have ended."""
        if not self._all:
            return succeed(None)
        emptied = self._emptied = Deferred()
        for connection in list(self._all):
            connection.stop()
        return emptied

    def abort(self) -> None:
        """End all of them at once; the log says what was not finished."""
        for connection in list(self._all):
            connection.cut()


class RejectedConnection(Protocol):
    """Says why there is no room, and closes; without a reason, where TLS comes first, just that."""

    def __init__(self, why: str | None) -> None:
        self._why = why

    def connectionMade(self) -> None:
        """The one line, unasked; a client takes it for the answer to its STARTTLS."""
        assert self.transport is not None
        if self._why is None:
            self.transport.abortConnection()  # type: ignore[attr-defined]
            return
        self.transport.write(encode_response(Status.BUSY, f"{self._why}: try again in a while") + b"\n")
        self.transport.loseConnection()


@attrs.define(eq=False)
class ServerFactory(Factory):
    """Makes the protocol of each connection that one endpoint accepts."""

    noisy = False
    _log = Logger()

    _clock: IReactorTime
    _services: Callable[[], ServerContext]
    _options: IOpenSSLServerConnectionCreator
    _connections: Connections
    _immediate_tls: bool

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:  # type: ignore[override]
        """A protocol for a new connection, or one that turns it away."""
        host: str | None = getattr(addr, "host", None)
        why = self._connections.full(host)
        if why is not None:
            self._log.info("turned away {host}: {why}", host=host, why=why)
            return RejectedConnection(None if self._immediate_tls else why)
        peer = f"{host}:{getattr(addr, 'port', '')}" if host is not None else "a local socket"
        setup = ConnectionConfig(
            clock=self._clock,
            services=self._services(),
            options=self._options,
            immediate_tls=self._immediate_tls,
            gone=self._connections.gone,
            identified=self._connections.identified,
        )
        protocol = ServerProtocol(setup, peer)
        self._connections.add(protocol, host)
        return protocol
