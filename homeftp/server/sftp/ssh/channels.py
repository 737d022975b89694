"""The channels of one connection (RFC 4254): sessions that speak SFTP, and nothing else."""

from __future__ import annotations

import struct
from typing import Callable, Protocol

from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.service import SSHService
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from homeftp.files.budget import MemoryBudget
from homeftp.interfaces.usage import Activity
from homeftp.server.sftp.ssh.channel import LOCAL_PACKET, MIN_WINDOW, ChannelSession, SftpChannel

GLOBAL_REQUEST, REQUEST_SUCCESS, REQUEST_FAILURE = 80, 81, 82
OPEN, OPEN_CONFIRMATION, OPEN_FAILURE, WINDOW_ADJUST, DATA = 90, 91, 92, 93, 94
EOF, CLOSE, CHANNEL_REQUEST, CHANNEL_SUCCESS, CHANNEL_FAILURE = 96, 97, 98, 99, 100
"""Messages."""

PROHIBITED, UNKNOWN_TYPE, SHORTAGE = 1, 3, 4
"""Why a channel is not opened."""

MOST_CHANNELS = 4
"""Channels of one connection at once: a client has one, or a few where it shares a connection."""

MIN_REMOTE_PACKET = 1024
"""Bytes of data in one message to a client, at least: with less, most of what is sent would be heads."""

MAX_REMOTE_PACKET = 64 * 1024
"""The largest packet that a client may ask for."""

_U32 = struct.Struct(">I")
_NUMBER_AND_SIZE = struct.Struct(">II")
_NUMBERS = 2**32
_DATA_HEAD = struct.Struct(">BII")


class ServedConnection(Protocol):
    """The connection that has the channels."""

    @property
    def may_send(self) -> bool:
        """Whether the transport takes more now."""

    def sendPacket(self, messageType: int, payload: bytes) -> None:
        """Send a message."""

    def send_parts(self, parts: tuple[bytes | memoryview, ...], size: int) -> None:
        """Send a message of several parts."""

    def fail(self, why: str, reason: int = ...) -> None:
        """Close the connection."""

    def changed(self) -> None:
        """Tell that the work or the output that waits has changed."""


class Channels(SSHService):
    """The service `ssh-connection` of one connection. `windows` is the memory of the windows of all channels."""

    name = b"ssh-connection"
    transport: ServedConnection  # type: ignore[assignment] # it is set before the first message
    _log = Logger()

    def __init__(
        self, make_session: Callable[[SftpChannel], ChannelSession], windows: MemoryBudget, clock: IReactorTime
    ) -> None:
        self._make_session = make_session
        self._windows = windows
        self._clock = clock
        self._open: dict[int, SftpChannel] = {}
        self._next = 0

    # -- what the connection asks ----------------------------------------------------------

    @property
    def pending(self) -> int:
        """Bytes that wait to be sent."""
        pending = 0
        for channel in self._open.values():
            pending += channel.pending
        return pending

    @property
    def partial(self) -> bool:
        """Whether a client has begun a packet that is not complete."""
        return any(channel.session is not None and channel.session.partial for channel in self._open.values())

    @property
    def busy(self) -> bool:
        """Whether requests are being carried out, or answers wait."""
        return any(
            channel.pending or (channel.session is not None and channel.session.busy) for channel in self._open.values()
        )

    def activities(self) -> list[Activity]:
        """The requests of all sessions that are being carried out."""
        sessions = [channel.session for channel in self._open.values() if channel.session is not None]
        return [activity for session in sessions for activity in session.activities()]

    def resume(self) -> None:
        """The transport takes more."""
        for channel in list(self._open.values()):
            channel.resume()

    def stop(self) -> None:
        """The server stops: begin nothing more."""
        for channel in self._open.values():
            if channel.session is not None:
                channel.session.stop()

    def serviceStopped(self) -> None:
        """The connection has ended: nothing that was not committed is kept."""
        for number in list(self._open):
            self._end(number)

    # -- what channels ask -----------------------------------------------------------------

    @property
    def may_send(self) -> bool:
        """Whether the transport takes more now."""
        return self.transport.may_send

    def send_data(self, channel: int, parts: list[bytes | memoryview], size: int) -> None:
        """Send data to the client's end of a channel."""
        self.transport.send_parts((_DATA_HEAD.pack(DATA, channel, size), *parts), _DATA_HEAD.size + size)

    def reopen(self, channel: int, size: int) -> None:
        """Let the client send so many more bytes."""
        self.transport.sendPacket(WINDOW_ADJUST, _NUMBER_AND_SIZE.pack(channel, size))

    def channel_changed(self, channel: SftpChannel) -> None:
        """A client that sends nothing more has its last answers, or something else has changed."""
        if channel.eof and not channel.pending and channel.session is not None and not channel.session.busy:
            self._close(channel)
        self.transport.changed()

    def channel_lost(self, channel: SftpChannel) -> None:
        """Close a channel whose data makes no sense."""
        self._close(channel, status=1)

    # -- messages --------------------------------------------------------------------------

    def channel_message(self, kind: int, message: memoryview) -> None:
        """A wider window, or data for a channel: its number, a size, and the data."""
        if len(message) < _NUMBER_AND_SIZE.size:
            self.transport.fail("malformed message")
            return
        number, size = _NUMBER_AND_SIZE.unpack_from(message)
        channel = self._open.get(number)
        if kind == WINDOW_ADJUST:
            if channel is not None and not channel.widen(size):
                self.transport.fail("an impossible window")
            return
        data = message[_NUMBER_AND_SIZE.size :]
        if size != len(data):
            self.transport.fail("malformed message")
        elif channel is not None and not channel.received(data):
            self.transport.fail("more data than the channel takes")

    def packetReceived(self, messageNum: int, packet: bytes) -> None:
        """A message of the client; what it has wrong raises."""
        if messageNum == GLOBAL_REQUEST:
            _, rest = getNS(packet)
            if rest[:1] != b"\0":
                self.transport.sendPacket(REQUEST_FAILURE, b"")
        elif messageNum == OPEN:
            self._open_channel(packet)
        elif messageNum == WINDOW_ADJUST:
            self.channel_message(messageNum, memoryview(packet))
        elif messageNum in (EOF, CLOSE, CHANNEL_REQUEST):
            number = _U32.unpack_from(packet)[0]
            channel = self._open.get(number)
            if channel is not None:
                self._about(channel, number, messageNum, packet[_U32.size :])
        elif messageNum not in (REQUEST_SUCCESS, REQUEST_FAILURE, CHANNEL_SUCCESS, CHANNEL_FAILURE):
            self.transport.fail("this server speaks SFTP only")

    def _open_channel(self, packet: bytes) -> None:
        kind, rest = getNS(packet)
        sender, window, largest = struct.unpack_from(">III", rest)
        reason = None
        if kind != b"session":
            reason = PROHIBITED if kind in (b"direct-tcpip", b"x11", b"auth-agent@openssh.com") else UNKNOWN_TYPE
        elif len(self._open) >= MOST_CHANNELS:
            reason = SHORTAGE
        if reason is not None:
            why = b"this server speaks SFTP only" if reason != SHORTAGE else b"too many channels"
            self.transport.sendPacket(OPEN_FAILURE, _U32.pack(sender) + _U32.pack(reason) + NS(why) + NS(b"en"))
            return
        number, self._next = self._next, (self._next + 1) % _NUMBERS
        local_window = max(MIN_WINDOW, self._windows.grant((self, number)))
        self._open[number] = SftpChannel(
            self,
            sender,
            window=local_window,
            remote_window=window,
            remote_packet=min(max(largest, MIN_REMOTE_PACKET), MAX_REMOTE_PACKET),
            clock=self._clock,
        )
        self.transport.sendPacket(OPEN_CONFIRMATION, struct.pack(">IIII", sender, number, local_window, LOCAL_PACKET))

    def _about(self, channel: SftpChannel, number: int, kind: int, rest: bytes) -> None:
        if kind == EOF:
            channel.eof = True
            if channel.session is None:
                self._close(channel)
            else:
                self.channel_changed(channel)
        elif kind == CLOSE:
            self.transport.sendPacket(CLOSE, _U32.pack(channel.number))
            self._end(number)
        else:
            self._request(channel, rest)

    def _request(self, channel: SftpChannel, rest: bytes) -> None:
        kind, rest = getNS(rest)
        wants_answer, rest = rest[:1] != b"\0", rest[1:]
        done = kind == b"subsystem" and getNS(rest)[0] == b"sftp" and channel.session is None
        if done:
            channel.session = self._make_session(channel)
        if wants_answer:
            self.transport.sendPacket(CHANNEL_SUCCESS if done else CHANNEL_FAILURE, _U32.pack(channel.number))

    def _close(self, channel: SftpChannel, *, status: int = 0) -> None:
        """End a channel: the client learns how its subsystem has ended."""
        number = next((number for number, each in self._open.items() if each is channel), None)
        if number is not None:
            there = _U32.pack(channel.number)
            self.transport.sendPacket(CHANNEL_REQUEST, there + NS(b"exit-status") + b"\0" + _U32.pack(status))
            self.transport.sendPacket(EOF, there)
            self.transport.sendPacket(CLOSE, there)
            self._end(number)

    def _end(self, number: int) -> None:
        channel = self._open.pop(number)
        channel.stop()
        self._windows.leave((self, number))
        if channel.session is not None:
            channel.session.close()
