"""One SSH connection as the server sees it: counted, within deadlines, logged in, stopped and disconnected."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from twisted.conch.ssh.service import SSHService
from twisted.conch.ssh.transport import MSG_SERVICE_ACCEPT
from twisted.cred.credentials import ICredentials
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.accounts.throttle import address_group
from homeftp.config import READ_BUFFER, SOCKET_WRITE
from homeftp.errors import Forbidden, LoginFailed
from homeftp.interfaces import IConnection, IFiles, ILogin, IServerContext, guest
from homeftp.interfaces.traffic import IMeteredConnection
from homeftp.interfaces.usage import Activity, IActiveConnection
from homeftp.server.gate.timeouts import StallTimer
from homeftp.server.sftp.session import REQUEST_TYPES, Session
from homeftp.server.sftp.shared import SftpParts, SharedSessions
from homeftp.server.sftp.ssh.channel import SftpChannel
from homeftp.server.sftp.ssh.channels import Channels
from homeftp.server.sftp.ssh.transport import StrictTransport
from homeftp.server.sftp.ssh.userauth import UserAuthentication
from homeftp.tcp import detect_dead_peer, send_at_once

NAME = "sftp"
"""The front end's name, in audit records too."""

InTurn = Callable[[Callable[[], None]], None]
"""Makes a call when its account, or its address, has its turn."""

PACKETS_PER_TURN = 16
"""Packets that are decrypted and begun before other accounts have their turn: each takes some 50 µs."""


@implementer(IConnection, IActiveConnection, IMeteredConnection, IPushProducer)
class SftpConnection(StrictTransport):
    """One connection."""

    _events = Logger()

    packets_at_once = PACKETS_PER_TURN

    def __init__(
        self, context: IServerContext, parts: SftpParts, shared: SharedSessions, address: str, peer: str
    ) -> None:
        super().__init__()
        self._context = context
        self._parts = parts
        self._shared = shared
        self._address = address
        self._peer = peer
        self._in_turn: InTurn = context.workers.of(guest(address_group(address))).in_turn
        self._traffic = context.traffic(NAME, REQUEST_TYPES)
        self._login: ILogin | None = None
        self._channels: Channels | None = None
        self._waiting: bytes | None = None
        """The bytes of the client that wait for their turn."""
        self._paused = False
        self._reads = True
        """Whether the transport reads."""
        self._taking = False
        """Whether bytes of the client are being taken: what has changed is looked at once, behind all of them."""
        self._lost = False
        self._stopping = False
        limits, clock = context.limits, context.reactor
        self._input_timer = StallTimer(
            clock, limits.stall_seconds, lambda: self.received, lambda: self._expire("it does not complete its packet")
        )
        self._output_timer = StallTimer(
            clock, limits.stall_seconds, lambda: self.written, lambda: self._expire("it does not read its answers")
        )

    # -- the connection --------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Begin the exchange of keys."""
        self.transport.bufferSize = READ_BUFFER
        self.transport.SEND_LIMIT = SOCKET_WRITE
        detect_dead_peer(self.transport)
        send_at_once(self.transport)
        self._traffic.opened(self)
        self.transport.registerProducer(self, True)
        super().connectionMade()
        if self._ended:
            self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client wait for the turn of its account, or address; nothing more is read meanwhile."""
        if self._waiting is not None:
            self._waiting += data
            return
        self._waiting = data
        self._in_turn(self._take)
        self._update_reading()

    def _take(self) -> None:
        data, self._waiting = self._waiting, None
        if data is None:
            return
        self._taking = True
        try:
            super().dataReceived(data)
        except BaseException:
            self.abort()
            raise
        finally:
            self._taking = False
        more = self.has_more and not self._ended
        if more:
            self._waiting = b""
        self._update_reading()
        self.changed()
        if more:
            self._in_turn(self._take)  # last: it may be the connection's turn at once

    def _update_reading(self) -> None:
        """Read from the client, or not."""
        reads = not self._paused and self._waiting is None
        if reads != self._reads and not self._lost:
            self._reads = reads
            (self.transport.resumeProducing if reads else self.transport.pauseProducing)()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Free what the connection holds, and discard what was not committed."""
        self._lost = self._ended = True
        self._waiting = self.channel_message = None
        self._input_timer.stop()
        self._output_timer.stop()
        if self.service is not None:
            self.service.serviceStopped()
            self.service = None
        login, self._login = self._login, None
        if login is not None:
            login.remove_connection(self)
            login.close()
        self._context.connections.remove(self)
        self._traffic.closed(self)

    def activities(self) -> Sequence[Activity]:
        """The requests that are being carried out."""
        return () if self._channels is None else self._channels.activities()

    def transferred(self) -> tuple[int, int]:
        """Bytes that were received and sent, encrypted."""
        return self.received, self.written

    def pauseProducing(self) -> None:
        """The client does not read: nothing more is read of it either."""
        self._paused = True
        self._update_reading()
        self.changed()

    def resumeProducing(self) -> None:
        """The client reads again."""
        self._paused = False
        if not self._lost:
            self._update_reading()
            self._resume()

    def stopProducing(self) -> None:
        """The transport has ended."""

    def exchange_ended(self) -> None:
        """Keys were exchanged: the sessions go on."""
        self._resume()

    def _resume(self) -> None:
        if self._channels is not None and self.may_send:
            self._channels.resume()
        self.changed()

    # -- deadlines and the end ---------------------------------------------------------------

    def changed(self) -> None:
        """Look what the client owes; where the server stops, whether everything is done."""
        if self._lost or self._taking:
            return
        channels = self._channels
        owes = channels is not None and (self.partial or channels.partial)
        (self._input_timer.begin if owes and not self._paused else self._input_timer.end)()
        unread = self._paused or (channels is not None and channels.pending)
        (self._output_timer.begin if unread else self._output_timer.end)()
        if self._stopping and not (channels is not None and channels.busy):
            self.goodbye("the server stops")

    def _expire(self, reason: str) -> None:
        self._events.info("closing the connection of {peer}: {reason}", peer=self._peer, reason=reason)
        self.abort()

    def stop(self) -> None:
        """The server stops: what was begun is completed."""
        self._stopping = True
        if self._channels is not None:
            self._channels.stop()
        self.changed()

    def abort(self) -> None:
        """Close at once. A connection that is only being made is closed when it is."""
        self._ended = True
        if self.transport is not None:
            self.transport.abortConnection()

    def disconnect(self) -> None:
        """Access was revoked: nothing that was not committed is kept."""
        self.channel_message = None
        if self.service is not None:
            self.service.serviceStopped()
        self.abort()

    # -- logging in ----------------------------------------------------------------------------

    def ssh_SERVICE_REQUEST(self, packet: bytes) -> None:
        """The client wants to log in."""
        if self.service is not None or packet != b"\0\0\0\x0cssh-userauth":
            self.fail("log in first, once")
            return
        self.sendPacket(MSG_SERVICE_ACCEPT, packet)
        self._serve(UserAuthentication(self._context.limits.login_attempts))

    def _serve(self, service: SSHService) -> None:
        if self.service is not None:
            self.service.serviceStopped()
        self.service = service
        service.transport = self

    async def _logged_in(self, credentials: ICredentials) -> None:
        login = await self._context.logins.login(credentials, self._address, NAME)
        if self._ended:
            login.close()
            raise LoginFailed("the connection has ended")
        self._login = login
        self._in_turn = self._context.workers.of(login.account).in_turn

    def log_in(self, credentials: ICredentials) -> Deferred[None]:
        """Log in; fails with a refusal."""
        return Deferred.fromCoroutine(self._logged_in(credentials))

    def knows_key(self, user: bytes, blob: bytes) -> Deferred[bool]:
        """Whether an account has a key."""
        return self._parts.knows_key(user, blob)

    def begin_service(self) -> None:
        """The client knows that it is logged in: serve it."""
        assert self._login is not None
        self.logged_in = True
        self._channels = Channels(self._make_session, self._shared.windows, self._context.reactor)
        self.channel_message = self._channels.channel_message
        self._serve(self._channels)
        self._context.connections.authenticated(self, self._login.account)
        self._login.add_connection(self)

    def _make_session(self, channel: SftpChannel) -> Session:
        login = self._login
        assert login is not None
        context = self._context
        return Session(
            self._files,
            login.account,
            channel,
            home=login.home,
            rights_at=login.rights_at,
            shared=self._shared,
            budget=self._parts.budget,
            clock=context.reactor,
            traffic=self._traffic,
            in_turn=self._in_turn,
            confirm=self._confirm,
        )

    def _confirm(self) -> Deferred[None] | None:
        login = self._login
        return None if login is not None and login.was_granted() else Deferred.fromCoroutine(self._look_up())

    async def _look_up(self) -> None:
        if self._login is None or not await self._login.look_up():
            raise Forbidden("access was revoked")

    def _files(self, request: str) -> IFiles:
        assert self._login is not None
        return self._login.files(request)

    # -- sending -------------------------------------------------------------------------------

    @property
    def may_send(self) -> bool:
        """Whether the transport takes more now."""
        return not (self._paused or self._ended or self.in_exchange)


def shown_peer(address: Any) -> tuple[str, str]:
    """The name of a client's address where logins are counted, and the one in the log."""
    host = getattr(address, "host", None)
    if host is None:
        return "a local socket", "a local socket"
    return host, f"{host}:{getattr(address, 'port', '')}"
