"""The JSON protocol as a front end of the server: its listeners, and the protocol of each connection they accept."""

from __future__ import annotations

from typing import Sequence

import attrs
from twisted.application.service import MultiService
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from homeftp.dispatchers.table import Table
from homeftp.interfaces import IDispatcher, IFrontEnd, IServerContext
from homeftp.server.gate.listen import ListeningService, listening
from homeftp.server.json.context import NAME, JsonContext, JsonParts
from homeftp.server.json.protocol import ServerProtocol
from homeftp.status import Status
from homeftp.wire.codec import encode_response


class RejectedConnection(Protocol):
    """Answers that the server is busy, and closes; without a reason (where TLS comes first) it only closes."""

    def __init__(self, why: str | None) -> None:
        self._why = why

    def connectionMade(self) -> None:
        """Send the one line, unasked: a client takes it for the answer to its STARTTLS."""
        assert self.transport is not None
        if self._why is None:
            self.transport.abortConnection()  # type: ignore[attr-defined]
            return
        self.transport.write(encode_response(Status.BUSY, f"{self._why}: try again later") + b"\n")
        self.transport.loseConnection()


@attrs.define(eq=False)
class ServerFactory(Factory):
    """Makes the protocol of each connection that one listener accepts."""

    noisy = False
    _log = Logger()

    _context: JsonContext
    _immediate_tls: bool

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:  # type: ignore[override]
        """The protocol of a new connection; a `RejectedConnection` where there are too many."""
        connections = self._context.server.connections
        host: str | None = getattr(addr, "host", None)
        why = connections.full(host)
        if why is not None:
            self._context.traffic.reject()
            self._log.info("rejected a connection from {host}: {why}", host=host, why=why)
            return RejectedConnection(None if self._immediate_tls else why)
        peer = f"{host}:{getattr(addr, 'port', '')}" if host is not None else "a local socket"
        protocol = ServerProtocol(self._context, peer, immediate_tls=self._immediate_tls)
        connections.add(protocol, host)
        return protocol


@implementer(IFrontEnd)
@attrs.define(eq=False, kw_only=True)
class JsonFrontEnd:
    """Speaks the JSON protocol on `listen` (STARTTLS) and `listen_tls` (TLS from the first byte)."""

    name = NAME

    listen: Sequence[str]
    """Endpoint descriptions."""
    listen_tls: Sequence[str]
    dispatchers: Sequence[IDispatcher]
    """The built-in ones, and those of third parties."""
    parts: JsonParts
    plain: list[ListeningService] = attrs.field(factory=list, init=False)
    """The listeners of `listen`."""
    tls: list[ListeningService] = attrs.field(factory=list, init=False)
    """The listeners of `listen_tls`."""

    def service(self, context: IServerContext) -> MultiService:
        """All listeners. Raises `OperatorError` for a wrong endpoint description and for two dispatchers of a type."""
        shared = JsonContext(server=context, parts=self.parts, table=Table(self.dispatchers))
        service = MultiService()
        for description in self.listen:
            self.plain.append(
                listening(context.reactor, description, ServerFactory(shared, immediate_tls=False), context.workers)
            )
        for description in self.listen_tls:
            factory: IProtocolFactory = ServerFactory(shared, immediate_tls=True)
            factory = TLSMemoryBIOFactory(context.tls, False, factory, context.reactor)
            self.tls.append(listening(context.reactor, description, factory, context.workers))
        for each in (*self.plain, *self.tls):
            each.setServiceParent(service)
        return service
