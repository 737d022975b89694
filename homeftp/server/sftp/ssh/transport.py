"""SSH's transport: Conch exchanges the keys, and everything around that is strict and bounded.

Packets have our own ciphers, which Conch lacks. During an exchange nothing is accepted that does not belong to it, and
both ends count packets anew after it where the client can do that (CVE-2023-48795). What a client sends that makes no
sense ends its connection.
"""

from __future__ import annotations

import struct
import sys
from typing import Any, Callable

from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.transport import (
    DISCONNECT_BY_APPLICATION,
    DISCONNECT_MAC_ERROR,
    DISCONNECT_PROTOCOL_ERROR,
    MSG_DISCONNECT,
    SSHServerTransport,
)
from twisted.logger import Logger, LogPublisher

from homeftp import __version__
from homeftp.config import MIB
from homeftp.server.sftp.ssh.algorithms import (
    CIPHERS,
    COMPRESSIONS,
    HOST_KEYS,
    KEY_EXCHANGES,
    MACS,
    STRICT_CLIENT,
    STRICT_SERVER,
    USER_KEYS,
    offered,
)
from homeftp.server.sftp.ssh.ciphers import BadPacket, CipherPair

MAX_PACKET = 256 * 1024
"""Bytes of an SSH packet, at most: OpenSSH's limit. RFC 4253 asks for 35,000."""

MIN_PACKET = 5
"""The smallest packet: a padding's length and four bytes of padding."""

MAX_BEFORE_LOGIN = 40 * 1024
"""The largest packet before the login."""

MOST_BEFORE_LOGIN = 256
"""Messages before the login, at most: an exchange of keys has four, and a login may take 24. Some clients send one
without a meaning beside each of them."""

MAX_VERSION = 255
"""Bytes of the line with the client's version (RFC 4253, section 4.2)."""

MOST_BLOCKED = 1024
"""Messages that wait for the end of a key exchange, at most."""

REKEY_BYTES = 1024 * MIB
"""Bytes, in either direction, after which the server asks for new keys (RFC 4253, section 9)."""

_MOST = (93, 94)
"""WINDOW_ADJUST and DATA of channels."""
_GOODBYE = 1
_HARMLESS = frozenset({2, 3, 4})
"""IGNORE, UNIMPLEMENTED and DEBUG."""
_KEX_INIT = 20
_KEX_NEWKEYS = 21
_KEX_FIRST = 30

_LENGTH = struct.Struct(">I")
_SEQUENCES = 2**32
_COOKIE_BYTES = 16
"""At the beginning of KEXINIT."""


class StrictTransport(SSHServerTransport):
    """One connection's transport. `logged_in` is set when its client has logged in."""

    _log = Logger(observer=LogPublisher())
    """For Conch, which logs each exchange of keys."""
    _events = Logger()

    version = b"homeftp_" + __version__.encode()
    ourVersionString = b"SSH-2.0-homeftp_" + __version__.encode()
    rekey_bytes = REKEY_BYTES
    packets_at_once = sys.maxsize
    """Packets that are read in one call of `dataReceived`, at most; the next call reads on, also one without bytes."""

    transport: Any
    currentEncryptions: CipherPair
    nextEncryptions: CipherPair

    def __init__(self) -> None:
        self.supportedCiphers = list(CIPHERS)
        self.supportedMACs = list(MACS)
        self.supportedCompressions = list(COMPRESSIONS)
        self.supportedKeyExchanges = [*offered(KEY_EXCHANGES, SSHServerTransport.supportedKeyExchanges), STRICT_SERVER]
        self.supportedPublicKeys = list(HOST_KEYS)
        self.logged_in = False
        self._before_login = 0
        """Messages that have come before the login."""
        self.received = 0
        """Bytes from the client."""
        self.written = 0
        self._input = b""
        self.has_more = False
        """Whether packets may have arrived that were not read: `packets_at_once`."""
        self._ended = False
        self._strict = False
        self._exchanged = False
        """Whether keys were exchanged once."""
        self._in_exchange = False
        """Whether the client has begun an exchange that has not ended."""
        self._since_rekey = 0
        self.channel_message: Callable[[int, memoryview], None] | None = None
        """Takes the most frequent messages, data and wider windows, once the client is logged in."""

    # -- sending -------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Tell our version, and which algorithms there are."""
        self.transport.write(self.ourVersionString + b"\r\n")
        self.currentEncryptions = CipherPair(b"none", b"none", b"none", b"none")
        self.sendKexInit()

    @property
    def in_exchange(self) -> bool:
        """Whether keys are being exchanged: what is sent waits."""
        return bool(self._keyExchangeState != self._KEY_EXCHANGE_NONE)

    def sendPacket(self, messageType: int, payload: bytes) -> None:
        """Send a message; while keys are exchanged most have to wait."""
        if self._ended:
            return
        if self.in_exchange and not self._allowedKeyExchangeMessageType(messageType):
            self._blockedByKeyExchange.append((messageType, payload))
            if len(self._blockedByKeyExchange) > MOST_BLOCKED:
                self.fail("too many messages wait for the exchange of keys")
            return
        self.send_parts((bytes((messageType,)), payload), 1 + len(payload))

    def send_parts(self, parts: tuple[bytes | memoryview, ...], size: int) -> None:
        """Send a message of several parts, at once."""
        packet = self.currentEncryptions.sealing.encrypt(self.outgoingPacketSequence, parts, size)
        self.outgoingPacketSequence = (self.outgoingPacketSequence + 1) % _SEQUENCES
        self.written += len(packet)
        self.transport.write(packet)
        self._count(len(packet))

    def _count(self, size: int) -> None:
        self._since_rekey += size
        if self._since_rekey > self.rekey_bytes and self.logged_in and not self.in_exchange:
            self.sendKexInit()

    def sendKexInit(self) -> None:
        """Begin to exchange keys."""
        self._since_rekey = 0
        super().sendKexInit()

    def sendExtInfo(self, extensions: list[tuple[bytes, bytes]]) -> None:
        """Tell a client how it may sign; Conch would tell it how the server does."""
        super().sendExtInfo([(b"server-sig-algs", b",".join(USER_KEYS))])

    def sendDisconnect(self, reason: int, desc: bytes | str) -> None:
        """Say why, and close."""
        if not self._ended:
            text = desc.encode() if isinstance(desc, str) else desc
            self.sendPacket(MSG_DISCONNECT, struct.pack(">L", reason) + NS(text) + NS(b""))
            self._ended = True
            self.transport.loseConnection()

    def fail(self, why: str, reason: int = DISCONNECT_PROTOCOL_ERROR) -> None:
        """Disconnect a client that breaks the protocol."""
        if not self._ended:
            self._events.info("closing an SSH connection: {why}", why=why)
            self.sendDisconnect(reason, why)

    def goodbye(self, why: str) -> None:
        """Close without blame."""
        self.sendDisconnect(DISCONNECT_BY_APPLICATION, why)

    # -- receiving -----------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        self.received += len(data)
        if self._ended:
            return
        try:
            self._input = self._input + data if self._input else data
            if self.gotVersion or self._read_version():
                self._read_packets()
        except BadPacket as error:
            self.fail(str(error), DISCONNECT_MAC_ERROR)
        except Exception as error:  # noqa: BLE001 (Conch's parsers raise what they like for malformed messages)
            self._events.debug("a message could not be read: {error!r}", error=error)
            self.fail("malformed message")

    @property
    def partial(self) -> bool:
        """Whether a packet has begun and is not complete."""
        return bool(self._input) and not self.has_more

    def _read_version(self) -> bool:
        line, end, rest = self._input.partition(b"\n")
        if (not end and len(line) > MAX_VERSION) or len(line) > MAX_VERSION:
            self.fail("the version is too long")
        elif end and not line.startswith((b"SSH-2.0-", b"SSH-1.99-")):
            self.fail("this is an SSH server")
        elif end:
            self.otherVersionString = line.rstrip(b"\r")
            self.gotVersion = True
            self._input = rest
            return True
        return False

    def _read_packets(self) -> None:
        """The packets that have arrived whole."""
        view, start, size = memoryview(self._input), 0, len(self._input)
        left = self.packets_at_once
        while left and not self._ended and size - start >= _LENGTH.size:
            left -= 1
            cipher = self.currentEncryptions.opening
            (length,) = _LENGTH.unpack_from(view, start)
            if not MIN_PACKET <= length <= (MAX_PACKET if self.logged_in else MAX_BEFORE_LOGIN):
                raise BadPacket("a packet has an impossible length")
            body = start + _LENGTH.size
            end = body + length + cipher.tag
            if (length + cipher.counted) % cipher.block:
                raise BadPacket("a packet has an impossible length")
            if end > size:
                break
            plain = cipher.decrypt(self.incomingPacketSequence, view[start:body], view[body:end])
            self.incomingPacketSequence = (self.incomingPacketSequence + 1) % _SEQUENCES
            self._count(end - start)
            start = end
            padding = plain[0]
            if padding + 2 > length:
                raise BadPacket("a packet is all padding")
            self._received_message(plain, length - padding)
        self._input = bytes(view[start:])
        self.has_more = not left and size - start >= _LENGTH.size

    def _received_message(self, plain: bytes, end: int) -> None:
        """One message; `end` is that of its payload, which begins behind the first byte."""
        kind = plain[1]
        if kind in _MOST and self.channel_message is not None and not self._in_exchange:
            self.channel_message(kind, memoryview(plain)[2:end])
            return
        if not self._may_come(kind):
            self.fail("a message at the wrong time")
            return
        if not self.logged_in:
            self._before_login += 1
            if self._before_login > MOST_BEFORE_LOGIN:
                self.fail("too many messages before the login")
                return
        self.dispatchMessage(kind, plain[2:end])

    def _may_come(self, kind: int) -> bool:
        """Whether a message may be sent now (RFC 4253, section 7.1, and OpenSSH's strict exchange)."""
        if kind == _GOODBYE:
            return True
        if kind in _HARMLESS:
            return self._exchanged or not self._strict
        if kind == _KEX_INIT:
            return not self._in_exchange and (not self._exchanged or self.logged_in)
        if kind == _KEX_FIRST:
            return self._in_exchange and not self.nextEncryptions.has_keys
        if kind == _KEX_NEWKEYS:
            return self._in_exchange and self.nextEncryptions.has_keys
        return self._exchanged and not self._in_exchange

    def ssh_KEXINIT(self, packet: bytes) -> None:
        """The client's algorithms."""
        if not self._exchanged:
            names, _ = getNS(packet[_COOKIE_BYTES:])
            self._strict = STRICT_CLIENT in names.split(b",")
            if self._strict and self.incomingPacketSequence != 1:
                self.fail("something came before the exchange of keys")
                return
        self._in_exchange = True
        super().ssh_KEXINIT(packet)
        if self._ended:
            return
        found = self.nextEncryptions
        self.nextEncryptions = CipherPair(found.outCipType, found.inCipType, found.outMACType, found.inMACType)

    def _keySetup(self, sharedSecret: bytes, exchangeHash: bytes) -> None:
        """The keys are known, and NEWKEYS is sent: Conch sends nothing before the client's."""
        super()._keySetup(sharedSecret, exchangeHash)
        if self._strict:
            self.outgoingPacketSequence = 0

    def ssh_NEWKEYS(self, packet: bytes) -> None:
        """The client uses the new keys from here on, and so does the server."""
        if self._strict:
            self.incomingPacketSequence = 0
        self._in_exchange = False
        self._exchanged = True
        super().ssh_NEWKEYS(packet)
        self.exchange_ended()

    def exchange_ended(self) -> None:
        """Keys were exchanged: what waited has been sent."""

    def ssh_DISCONNECT(self, packet: bytes) -> None:
        """The client says goodbye."""
        self._ended = True
        self.transport.loseConnection()

    def ssh_DEBUG(self, packet: bytes) -> None:
        """Nothing that we want to know."""

    def ssh_UNIMPLEMENTED(self, packet: bytes) -> None:
        """The client does not know a message of ours: it does without it."""
