"""What listens: one endpoint as a service, and the certificates of its connections, which may be renewed."""

from __future__ import annotations

from OpenSSL import SSL
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.crypto.ca import Identity
from homeftp.crypto.tls import server_options
from homeftp.errors import OperatorError


@implementer(IOpenSSLServerConnectionCreator)
class RenewableOptions:
    """The server's TLS options, which may change under new connections while old ones go on."""

    def __init__(self, minimum: str) -> None:
        self._minimum = minimum
        self._context: SSL.Context | None = None

    def renew(self, identity: Identity) -> None:
        """Use these certificates from the next connection on."""
        self._context = server_options(identity, self._minimum).getContext()

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """The OpenSSL end of one new connection."""
        assert self._context is not None
        return SSL.Connection(self._context, None)


class ListeningService(Service):
    """One endpoint that is listened on. A taken port fails the start, where Twisted's own service only logs it."""

    def __init__(self, endpoint: IStreamServerEndpoint, factory: IProtocolFactory, description: str) -> None:
        self._endpoint = endpoint
        self._factory = factory
        self.description = description
        self._port: IListeningPort | None = None

    @property
    def address(self) -> IAddress | None:
        """What is really listened on: the port that "0" became."""
        return None if self._port is None else self._port.getHost()

    def privilegedStartService(self) -> None:
        """Listen; raises `OperatorError` when that cannot be."""
        failures: list[Failure] = []
        self._endpoint.listen(self._factory).addCallbacks(self._bound, failures.append)
        if failures:
            reason = failures[0].value
            reason = getattr(reason, "socketError", reason)
            raise OperatorError(f"cannot listen on {self.description}: {getattr(reason, 'strerror', None) or reason}")

    def _bound(self, port: IListeningPort) -> None:
        self._port = port

    def startService(self) -> None:
        """Listen, unless that was done with privileges."""
        super().startService()
        if self._port is None:
            self.privilegedStartService()

    def stopService(self) -> Deferred[None]:
        """Listen no more."""
        super().stopService()
        port, self._port = self._port, None
        stopping = None if port is None else port.stopListening()
        return succeed(None) if stopping is None else stopping
