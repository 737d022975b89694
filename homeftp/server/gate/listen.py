"""Listening on one endpoint as a service, its connections, and the server's TLS options, which may be renewed."""

from __future__ import annotations

import errno
import os
import re
from typing import Callable, Generic, TypeVar

from OpenSSL import SSL
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.internet.ssl import CertificateOptions
from twisted.internet.tcp import Port, Server
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.config import KIB
from homeftp.control.ask import server_on
from homeftp.errors import OperatorError
from homeftp.interfaces import IWorkers, guest

BACKLOG = 512
"""Connections that the system keeps until the server accepts them, where the endpoint names no other number (nginx has
511). Twisted's 50 are full after a burst of a few clients; the system then drops what comes, and an honest client
tries again only after one, three and seven seconds."""

ACCEPTS = 8
"""Connections that one listener accepts at a time, at most: those among them that exceed a cap have descriptors until
the next turn of the reactor. Twisted accepts a hundred, and more in a burst."""

SMALL_WRITE = 16 * KIB
"""Bytes that are sent when they are written, at most."""

_NEWCOMERS = guest("")
"""Accepting is done for all clients that have not logged in."""

T = TypeVar("T")
"""The type of a server's identity: that of the home, or the certificate of the web."""

_WITH_BACKLOG = ("tcp:", "tcp6:", "unix:")


@implementer(IOpenSSLServerConnectionCreator)
class RenewableOptions(Generic[T]):
    """The server's TLS options. New connections use renewed ones; established connections keep theirs.

    `options` makes them of what is shown and of the lowest version, `minimum`.
    """

    def __init__(self, minimum: str, options: Callable[[T, str], CertificateOptions]) -> None:
        self._minimum = minimum
        self._options = options
        self._identity: T | None = None
        self._context: SSL.Context | None = None

    @property
    def identity(self) -> T:
        """The identity that is shown, once the server has started."""
        assert self._identity is not None, "the server has not started"
        return self._identity

    def renew(self, identity: T) -> None:
        """Use these certificates from the next connection on."""
        self._identity = identity
        self._context = self._options(identity, self._minimum).getContext()

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """The OpenSSL end of one new connection."""
        assert self._context is not None
        return SSL.Connection(self._context, None)


class PromptServer(Server):
    """The server's end of one TCP connection, which sends small answers when they are written.

    Twisted collects what is written, asks the system to tell when there is space for it, and sends it in the next turn
    of the reactor. For a small answer that costs more than sending it. Large pieces are collected as ever: a few of
    them together cost one call of the system. What TLS on top of it writes comes here too, but not where TLS began by
    `startTLS`: then this does as Twisted does.
    """

    _unsent = False
    """Whether something waits until the system has space: what comes after it must wait too."""

    def write(self, data: bytes) -> None:
        """Send what is small, if nothing waits; the system may take less than all of it."""
        if self.connected and not self._unsent and not self.TLS and 0 < len(data) <= SMALL_WRITE:
            sent = self.writeSomeData(data)
            if isinstance(sent, int):  # else the connection is lost, which the reactor finds out by itself
                data = data[sent:]
                if not data:
                    return
        super().write(data)

    def startWriting(self) -> None:
        """Something waits to be sent, or the connection is to be closed."""
        self._unsent = True
        super().startWriting()

    def stopWriting(self) -> None:
        """Nothing waits any more."""
        self._unsent = False
        super().stopWriting()

    def abortConnection(self) -> None:
        """Close at once: nothing is sent any more."""
        super().abortConnection()
        self._unsent = True


class _AcceptInTurn:
    """Lets a port accept at most `ACCEPTS` connections at a time, in turn with what is done for other clients."""

    def __init__(self, port: Port, workers: IWorkers) -> None:
        self._port = port
        self._workers = workers.of(_NEWCOMERS)
        self._accept = port.doRead
        port.doRead = self._do_read  # type: ignore[method-assign] # it has no setting for either

    def _do_read(self) -> None:
        self._port.stopReading()
        self._workers.in_turn(self._accept_some)

    def _accept_some(self) -> None:
        port = self._port
        if port.connected and not port.disconnecting:
            port.numberAccepts = min(port.numberAccepts, ACCEPTS)  # it grows in a burst
            self._accept()
            port.startReading()


class ListeningService(Service):
    """Listens on one endpoint. A port in use fails the start, where Twisted's own service only logs it."""

    def __init__(
        self, endpoint: IStreamServerEndpoint, factory: IProtocolFactory, description: str, workers: IWorkers
    ) -> None:
        self._endpoint = endpoint
        self._factory = factory
        self._workers = workers
        self.description = description
        self._port: IListeningPort | None = None

    @property
    def address(self) -> IAddress | None:
        """The address that is really listened on: with the port that "0" became."""
        return None if self._port is None else self._port.getHost()

    def privilegedStartService(self) -> None:
        """Bind the port; raises `OperatorError` where it cannot be bound."""
        failures: list[Failure] = []
        self._endpoint.listen(self._factory).addCallbacks(self._bound, failures.append)
        if failures:
            reason = failures[0].value
            reason = getattr(reason, "socketError", reason)
            why = f"cannot listen on {self.description}: {getattr(reason, 'strerror', None) or reason}"
            raise OperatorError(why + _taken_by(self.description, reason))

    def _bound(self, port: IListeningPort) -> None:
        self._port = port
        if isinstance(port, Port):
            if port.transport is Server:  # else it makes connections of a kind of its own
                port.transport = PromptServer
            _AcceptInTurn(port, self._workers)

    def startService(self) -> None:
        """Bind the port, unless that was done with privileges."""
        super().startService()
        if self._port is None:
            self.privilegedStartService()

    def stopService(self) -> Deferred[None]:
        """Stop listening."""
        super().stopService()
        port, self._port = self._port, None
        stopping = None if port is None else port.stopListening()
        return succeed(None) if stopping is None else stopping


def _taken_by(description: str, reason: object) -> str:
    """Which homeftp of this user has the port of an endpoint that is taken; "" where that is another program."""
    port = re.match(r"tcp6?:(?:port=)?(\d+)", description)
    if port is None or getattr(reason, "errno", None) != errno.EADDRINUSE:
        return ""
    other = server_on(os.environ, int(port[1]))
    return (
        "" if other is None else f": the homeftp (pid {other.pid}) that shares {other.root} has it; stop that one first"
    )


def listening(reactor: object, description: str, factory: IProtocolFactory, workers: IWorkers) -> ListeningService:
    """The service that listens on the endpoint of that description (`twisted.internet.endpoints`).

    It accepts connections in turn with what `workers` do for others.

    Raises `OperatorError` for a description that no endpoint has.
    """
    try:
        endpoint = serverFromString(reactor, _with_backlog(description))
    except Exception as error:  # noqa: BLE001 (endpoint parsers raise what they like)
        raise OperatorError(
            f"{description!r} is not an endpoint to listen on ({error}): write, for example, tcp:8421, "
            "tcp6:8421, tcp:8421:interface=127.0.0.1 or unix:/run/homeftp.sock"
        ) from None
    return ListeningService(endpoint, factory, description, workers)


def _with_backlog(description: str) -> str:
    if description.startswith(_WITH_BACKLOG) and ":backlog=" not in description:
        return f"{description}:backlog={BACKLOG}"
    return description
