"""A client of the HTTPS front end for tests: the real engine and real TLS in memory, without a socket or a thread."""

from __future__ import annotations

import base64
from typing import Callable, Mapping

import attrs
import h11
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from homeftp.config import Limits
from homeftp.interfaces import IServerContext
from homeftp.server.frontends.web import WebParts
from homeftp.server.frontends.web import handlers as all_handlers
from homeftp.server.gate.requestmemory import RequestMemory
from homeftp.server.http.authentication import HttpAuthenticator
from homeftp.server.http.connection import HttpConnection
from homeftp.server.http.context import HttpContext
from homeftp.server.http.frontend import SCHEMES
from homeftp.server.http.logincache import LoginCache
from homeftp.server.http.messages import IHandler
from homeftp.server.http.router import HttpRouter
from homeftp.testing.memorylink import MemoryLink
from tests.support.folders import QuickCase
from tests.support.inmemory import PASSWORD, Server

HOST = "nas.local:8443"


def basic(name: str = "ann", password: str = PASSWORD) -> tuple[str, str]:
    """The header of Basic authentication."""
    return "Authorization", "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@attrs.frozen
class Answer:
    """A response, whole."""

    status: int
    headers: Mapping[str, str]
    """Names in small letters."""
    body: bytes


class _Bytes(Protocol):
    """Keeps what the server sends."""

    def __init__(self) -> None:
        self.received = b""
        self.closed = False

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.closed = True


class HttpClient:
    """One connection."""

    def __init__(self, server: HttpServer) -> None:
        self._end = _Bytes()
        self.protocol = HttpConnection(server.context, "192.0.2.1", "192.0.2.1:5")
        server.server.services.connections.add(self.protocol, None)
        client = TLSMemoryBIOFactory(server.client_options, True, None, server.server.clock)  # type: ignore[arg-type]
        far = TLSMemoryBIOFactory(server.server.services.web_tls, False, None, server.server.clock)  # type: ignore[arg-type]
        self.tls = client.protocol(client, self._end)
        self.link = MemoryLink(self.tls, far.protocol(far, self.protocol), server.server.clock)
        self.link.pump()

    @property
    def closed(self) -> bool:
        """Whether the server has closed the connection."""
        return self._end.closed

    @property
    def received(self) -> bytes:
        """What has come and was not taken by `answers`."""
        return self._end.received

    def send_raw(self, data: bytes) -> None:
        """Bytes as they are."""
        self.tls.write(data)
        self.link.pump()

    def send(
        self, method: str, path: str, headers: tuple[tuple[str, str], ...] = (), body: bytes | None = None
    ) -> None:
        """One request; its length is added where it has a body."""
        fields = [("Host", HOST), *headers]
        if body is not None and not any(name.lower() == "transfer-encoding" for name, _ in headers):
            fields.append(("Content-Length", str(len(body))))
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n"
        self.send_raw(head.encode("latin-1") + (body or b""))

    def answers(self, *methods: str) -> list[Answer]:
        """The responses to requests of these methods, all of which have come; what comes behind them is kept."""
        found = []
        for method in methods:
            connection = h11.Connection(h11.CLIENT)
            connection.send(h11.Request(method=method, target="/", headers=[("Host", HOST)]))
            connection.send(h11.EndOfMessage())
            connection.receive_data(self._end.received)
            if self.closed:
                connection.receive_data(b"")
            found.append(self._whole(connection))
            self._end.received = connection.trailing_data[0]
        return found

    def _whole(self, connection: h11.Connection) -> Answer:
        response, body = None, b""
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert response is not None
                headers = {name.decode(): value.decode("latin-1") for name, value in response.headers}
                return Answer(response.status_code, headers, body)
            else:
                assert isinstance(event, h11.InformationalResponse), f"no whole response: {self._end.received[:200]!r}"

    def ask(
        self, method: str, path: str, headers: tuple[tuple[str, str], ...] = (), body: bytes | None = None
    ) -> Answer:
        """The response to one request."""
        self.send(method, path, headers, body)
        (answer,) = self.answers(method)
        return answer


def web_handlers(server: Server) -> Mapping[str, IHandler]:
    """All handlers of the front end of a server."""
    parts = WebParts(
        state=server.folder,
        identity=server.json.parts.identity,
        follow_changes=server.hub.follow,
        signins=server.made.services.signins,
        visits=server.made.services.visits,
        refusals=server.json.parts.refusals,
    )
    return all_handlers(parts, server.services)


class HttpServer:
    """A server with the account ann, and the HTTPS front end with these handlers, or with its own."""

    def __init__(
        self,
        handlers: Callable[[IServerContext], Mapping[str, IHandler]] | None = None,
        *,
        limits: Limits | None = None,
        own_accounts: bool = False,
        server: Server | None = None,
    ) -> None:
        self.server = server or Server.make(limits=limits, own_accounts=own_accounts)
        services = self.server.services
        self.cache = LoginCache(lambda: services.logins, self.server.clock, "https")
        found = web_handlers(self.server) if handlers is None else handlers(services)
        self.context = HttpContext(
            server=services,
            router=HttpRouter(found, HttpAuthenticator(self.cache, SCHEMES)),
            memory=RequestMemory(services.limits),
        )
        self.client_options = CertificateOptions(acceptableProtocols=[b"http/1.1"])

    @property
    def clock(self) -> Clock:
        """The time of both ends."""
        return self.server.clock

    def connect(self) -> HttpClient:
        """A new connection."""
        return HttpClient(self)

    def close(self) -> None:
        """Close what is open."""
        self.cache.stop()
        self.server.close()


class HttpCase(QuickCase):
    """A server and one connection; a subclass names its handlers."""

    limits: Limits | None = None

    def handlers(self, context: IServerContext) -> Mapping[str, IHandler]:
        """The handlers by the first name of the path."""
        return {}

    def setUp(self) -> None:
        self.server = Server.make(limits=self.limits)
        self.web = HttpServer(self.handlers, server=self.server)
        self.addCleanup(self.web.close)
        self.client = self.web.connect()
