"""Plain HTTP for programs that watch the server: one request on each connection, which is read whole or not at all.

The reader, and the response, are those of the HTTPS front end. Bodies are not read.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from http import HTTPStatus
from typing import Awaitable, Callable

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from homeftp.accounts.throttle import address_group
from homeftp.server.gate.output import OutputBuffer
from homeftp.server.gate.timeouts import Deadline
from homeftp.server.http.body import RequestBody
from homeftp.server.http.exchange import HttpExchange
from homeftp.server.http.messages import HttpResponse
from homeftp.server.http.reader import NO_REQUEST, Malformed, RequestHead, RequestReader

SECONDS = 15.0
"""How long a connection may last, from its first byte to its last."""

MOST_CONNECTIONS = 16
"""Connections at once: a few monitoring systems and load balancers ask now and then."""

Answer = Callable[[RequestHead], Awaitable[HttpResponse]]
"""Gives the response to a request."""


class MonitoringProtocol(Protocol):
    """One connection."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, answer: Answer, ended: Callable[[MonitoringProtocol], None]) -> None:
        self._clock = clock
        self._answer = answer
        self._ended = ended
        self._reader = RequestReader()
        self._asked = False

    def connectionMade(self) -> None:
        """Wait for the request."""
        self._deadline = Deadline(self._clock, SECONDS, self.abort)
        self._output = OutputBuffer(
            self.transport,  # type: ignore[arg-type]
            paused=lambda: None,
            resumed=lambda: None,
            failed=lambda failure: self.abort(),
        )
        self._output.attach()

    def connectionLost(self, reason: Failure = Failure(ConnectionLost())) -> None:  # noqa: B008
        """Free what it holds."""
        self._deadline.cancel()
        self._output.stopProducing()
        self._ended(self)

    def abort(self) -> None:
        """Close at once."""
        self.transport.abortConnection()  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client; behind the head of the request nothing counts."""
        if self._asked:
            return
        self._reader.receive(data)
        try:
            head = self._reader.next_event()
        except Malformed as malformed:
            self._respond(NO_REQUEST, partial(_refuse, malformed.status))
            return
        if isinstance(head, RequestHead):
            self._respond(head, self._answer)

    def _respond(self, head: RequestHead, answer: Answer) -> None:
        self._asked = True
        Deferred.fromCoroutine(self._send(head, answer)).addErrback(self._failed)

    async def _send(self, head: RequestHead, answer: Answer) -> None:
        try:
            response = await answer(head)
        except Exception:  # noqa: BLE001 (a bug: the client gets no detail)
            self._log.failure("{target} failed", target=head.target)
            response = HttpResponse(HTTPStatus.INTERNAL_SERVER_ERROR)
        await HttpExchange(head, RequestBody.none(), self._output).send(response, close=True)
        self._output.detach()
        self.transport.loseConnection()  # type: ignore[union-attr]

    def _failed(self, failure: Failure) -> None:
        if not failure.check(ConnectionLost):
            self._log.failure("a request of a monitoring system failed", failure)
            self.abort()


async def _refuse(status: int, head: RequestHead) -> HttpResponse:
    return HttpResponse(status)


class MonitoringFactory(Factory):
    """Makes the protocol of each connection.

    Where there are too many, a newcomer takes the place of the oldest one of the address that has most: otherwise
    connections that ask nothing would keep a load balancer from its answer, which would then take the server for dead.
    """

    noisy = False

    def __init__(self, clock: IReactorTime, answer: Answer) -> None:
        self._clock = clock
        self._answer = answer
        self._open: dict[MonitoringProtocol, str | None] = {}
        """Each connection with its address, the oldest first."""

    def buildProtocol(self, addr: object) -> MonitoringProtocol:
        """The protocol of a new connection."""
        if len(self._open) >= MOST_CONNECTIONS:
            self._displace()
        protocol = MonitoringProtocol(self._clock, self._answer, self._forget)
        self._open[protocol] = address_group(addr.host) if isinstance(addr, IPv4Address | IPv6Address) else None
        return protocol

    def _displace(self) -> None:
        counts = Counter(self._open.values())
        displaced = max(self._open, key=lambda each: counts[self._open[each]])  # of equals the first, the oldest
        self._forget(displaced)
        displaced.abort()

    def _forget(self, protocol: MonitoringProtocol) -> None:
        self._open.pop(protocol, None)

    def abort(self) -> None:
        """Close all connections: the server stops."""
        for each in list(self._open):
            each.abort()
