"""HTTPS as a front end of the server: its listeners, and the protocol of each connection they accept."""

from __future__ import annotations

from typing import Callable, Iterable, Mapping, Sequence

import attrs
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from homeftp.host import own_address
from homeftp.interfaces import IServerContext, IShownFrontEnd, IWebFrontEnd
from homeftp.interfaces.frontend import HTTPS
from homeftp.server.gate.listen import ListeningService, listening
from homeftp.server.gate.requestmemory import RequestMemory
from homeftp.server.http.authentication import BasicScheme, HttpAuthenticator, IScheme
from homeftp.server.http.connection import HttpConnection
from homeftp.server.http.context import HttpContext
from homeftp.server.http.logincache import LoginCache
from homeftp.server.http.messages import IClosableHandler, IHandler
from homeftp.server.http.router import HttpRouter
from homeftp.server.http.signin.cookie import CookieScheme

SCHEMES: Sequence[IScheme] = (BasicScheme(), CookieScheme())
"""How a client may say who it is, the first that it uses counts."""

Handlers = Callable[[IServerContext], Mapping[str, IHandler]]
"""Makes the handlers, by the first name of the path."""


class FullServer(Protocol):
    """A connection for which there is no place: it is closed before TLS begins."""

    def connectionMade(self) -> None:
        """Close the connection at once."""
        self.transport.abortConnection()  # type: ignore[union-attr]


@attrs.define(eq=False)
class HttpFactory(Factory):
    """Makes the protocol of each connection that one listener accepts."""

    noisy = False
    _log = Logger()

    _context: HttpContext

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:  # type: ignore[override]
        """The protocol of a new connection; a `FullServer` where there are too many."""
        connections = self._context.server.connections
        host: str | None = getattr(addr, "host", None)
        why = connections.full(host)
        if why is not None:
            self._context.traffic.reject()
            self._log.info("rejected a connection from {host}: {why}", host=host, why=why)
            return FullServer()
        peer = f"{host}:{getattr(addr, 'port', '')}" if host is not None else "a local socket"
        protocol = HttpConnection(self._context, host or peer, peer)
        connections.add(protocol, host)
        return protocol


class HttpService(MultiService):
    """The listeners, and what is held between requests, logins and handlers: it is closed when the server stops."""

    def __init__(self, cache: LoginCache, handlers: Iterable[IHandler]) -> None:
        super().__init__()
        self._cache = cache
        self._handlers = handlers

    def stopService(self) -> Deferred[None]:
        """Stop listening, and close the logins and the handlers."""
        self._cache.stop()
        for each in self._handlers:
            if IClosableHandler.providedBy(each):
                each.close()
        stopping: Deferred[None] = super().stopService()
        return stopping


@implementer(IWebFrontEnd, IShownFrontEnd)
@attrs.define(eq=False, kw_only=True)
class HttpsFrontEnd:
    """Speaks HTTPS on `listen`: WebDAV, the web page and what belongs to it."""

    name = HTTPS

    listen: Sequence[str]
    """Endpoint descriptions; TLS is spoken from the first byte."""
    make_handlers: Handlers
    listeners: list[ListeningService] = attrs.field(factory=list, init=False)
    """The listeners, once the service was made."""

    def service(self, context: IServerContext) -> MultiService:
        """All listeners. Raises `OperatorError` for a wrong endpoint description."""
        cache = LoginCache(lambda: context.logins, context.reactor, HTTPS)
        handlers = self.make_handlers(context)
        shared = HttpContext(
            server=context,
            router=HttpRouter(handlers, HttpAuthenticator(cache, SCHEMES)),
            memory=RequestMemory(context.limits),
        )
        service = HttpService(cache, handlers.values())
        for description in self.listen:
            factory = TLSMemoryBIOFactory(context.web_tls, False, HttpFactory(shared), context.reactor)
            listener = listening(context.reactor, description, factory, context.workers)
            listener.setServiceParent(service)
            self.listeners.append(listener)
        return service

    def origin(self) -> str | None:
        """The address of the web page."""
        return _url(self.listeners[0]).rstrip("/") if self.listeners else None

    def lines(self) -> Sequence[str]:
        """The URLs, for the owner: of the page, and for WebDAV programs."""
        return [f"web        {url}    WebDAV programs: {url}dav/" for url in map(_url, self.listeners)]


def _url(listener: ListeningService) -> str:
    address = listener.address
    host = getattr(address, "host", None)
    if host is None:
        return listener.description
    shown = own_address() if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"https://{shown}:{getattr(address, 'port', 0)}/"
