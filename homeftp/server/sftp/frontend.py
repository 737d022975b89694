"""SFTP as a front end of the server: its listeners, its key, and the protocol of each connection they accept."""

from __future__ import annotations

from typing import Any, Sequence, cast

import attrs
from twisted.application.service import MultiService
from twisted.conch.ssh.keys import Key
from twisted.internet.interfaces import IAddress, IProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from zope.interface import implementer

from homeftp.crypto.secretfiles import private_folder
from homeftp.host import own_address
from homeftp.interfaces import IFrontEnd, IServerContext, IShownFrontEnd
from homeftp.server.gate.listen import ListeningService, listening
from homeftp.server.sftp.connection import NAME, SftpConnection, shown_peer
from homeftp.server.sftp.session import REQUEST_TYPES
from homeftp.server.sftp.shared import SftpParts, SharedSessions
from homeftp.server.sftp.ssh.hostkey import fingerprint, open_host_key


class FullSshServer(Protocol):
    """A connection for which there is no place: it is closed at once."""

    def connectionMade(self) -> None:
        """Close the connection at once."""
        self.transport.abortConnection()  # type: ignore[union-attr]


class SftpFactory(Factory):
    """Makes the protocol of each connection; Conch takes the server's key from here."""

    noisy = False
    _log = Logger()

    def __init__(self, context: IServerContext, parts: SftpParts, shared: SharedSessions) -> None:
        self._context = context
        self._parts = parts
        self._shared = shared
        self._traffic = context.traffic(NAME, REQUEST_TYPES)
        self.publicKeys: dict[bytes, Key] = {}
        self.privateKeys: dict[bytes, Key] = {}

    def set_host_key(self, key: Key) -> None:
        """Prove with this key that it is this server."""
        self.publicKeys = {b"ssh-ed25519": key.public()}
        self.privateKeys = {b"ssh-ed25519": key}

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:  # type: ignore[override]
        """The protocol of a new connection; a `FullSshServer` where there are too many."""
        host: str | None = getattr(addr, "host", None)
        why = self._context.connections.full(host)
        if why is not None:
            self._traffic.reject()
            self._log.info("rejected a connection from {host}: {why}", host=host, why=why)
            return FullSshServer()
        protocol = SftpConnection(self._context, self._parts, self._shared, *shown_peer(addr))
        protocol.factory = cast(Any, self)
        self._context.connections.add(protocol, host)
        return protocol


class SftpService(MultiService):
    """The listeners; the key is opened, or made, before they accept anybody."""

    def __init__(self, state: str, factory: SftpFactory) -> None:
        super().__init__()
        self._state = state
        self._factory = factory
        self.key: Key | None = None

    def startService(self) -> None:
        """Open the key, and serve. Raises `OperatorError`."""
        self.key = open_host_key(private_folder(self._state))
        self._factory.set_host_key(self.key)
        super().startService()


@implementer(IFrontEnd, IShownFrontEnd)
@attrs.define(eq=False, kw_only=True)
class SftpFrontEnd:
    """Speaks SFTP on `listen`."""

    name = NAME

    listen: Sequence[str]
    """Endpoint descriptions."""
    parts: SftpParts
    listeners: list[ListeningService] = attrs.field(factory=list, init=False)
    """The listeners, once the service was made."""
    _service: SftpService | None = attrs.field(default=None, init=False)

    def service(self, context: IServerContext) -> SftpService:
        """All listeners. Raises `OperatorError` for a wrong endpoint description."""
        factory = SftpFactory(context, self.parts, SharedSessions())
        self._service = service = SftpService(self.parts.state, factory)
        for description in self.listen:
            listener = listening(context.reactor, description, factory, context.workers)
            listener.setServiceParent(service)
            self.listeners.append(listener)
        return service

    def lines(self) -> Sequence[str]:
        """The commands, for the owner, and what they show at the first connection."""
        assert self._service is not None
        key = self._service.key
        assert key is not None, "the server has not started"
        return [*map(_command, self.listeners), f"           its key: ED25519 {fingerprint(key)}"]


def _command(listener: ListeningService) -> str:
    address = listener.address
    host = getattr(address, "host", None)
    if host is None:
        return f"sftp       {listener.description}"
    shown = own_address() if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"sftp       sftp -P {getattr(address, 'port', 0)} ACCOUNT@{shown}"
