"""An SSH client for tests, written by the RFCs and not with the server's code, so that it can do what no client does.

It speaks curve25519-sha256 and AES-128-GCM or AES-256-CTR, over a connection in memory.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from homeftp.config import Limits
from homeftp.interfaces import IWorkers
from homeftp.server.sftp.connection import SftpConnection
from homeftp.server.sftp.frontend import SftpFactory
from homeftp.server.sftp.shared import SftpParts, SharedSessions
from homeftp.server.sftp.ssh.hostkey import open_host_key
from homeftp.testing.memorylink import MemoryLink
from tests.support.folders import QuickCase
from tests.support.inmemory import PASSWORD, Server
from tests.support.sftppackets import INIT, Answer, answers, text, u32

GCM, CTR = b"aes128-gcm@openssh.com", b"aes256-ctr"


def mpint(value: int) -> bytes:
    """An integer of any size."""
    return text(value.to_bytes(value.bit_length() // 8 + 1, "big") if value else b"")


def strings(data: bytes, count: int) -> list[bytes]:
    """The first strings, and what follows them."""
    found = []
    for _ in range(count):
        size = struct.unpack_from(">I", data)[0]
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return [*found, data]


class _Keys:
    """The keys of one direction."""

    def __init__(self, cipher: bytes, iv: bytes, key: bytes, mac: bytes, *, encrypts: bool) -> None:
        self.gcm = AESGCM(key[:16]) if cipher == GCM else None
        self.iv = iv[:12]
        aes = Cipher(algorithms.AES(key[:32]), modes.CTR(iv[:16]))
        self.stream = aes.encryptor() if encrypts else aes.decryptor()
        self.mac = mac[:32]
        self.tag = 16 if self.gcm else 32

    def nonce(self) -> bytes:
        iv = self.iv
        self.iv = iv[:4] + (int.from_bytes(iv[4:], "big") + 1).to_bytes(8, "big")
        return iv


class SshClient(Protocol):
    """One client. `messages` are those that came and were not looked at."""

    def __init__(self, *, cipher: bytes = GCM, strict: bool = True) -> None:
        self.cipher = cipher
        self.strict = strict
        self.closed = False
        self.messages: list[tuple[int, bytes]] = []
        self.data = b""
        """Of the channel."""
        self.session_id = b""
        self.out_sequence = self.in_sequence = 0
        self._buffer = b""
        self._server_version = b""
        self._sending: _Keys | None = None
        self._receiving: _Keys | None = None
        self._next: tuple[_Keys, _Keys] | None = None
        self._ours = b""
        self._theirs = b""
        self._private = X25519PrivateKey.generate()
        self.host_key = b""
        self.link: MemoryLink | None = None
        self.window_used = 0

    # -- packets ---------------------------------------------------------------------------

    def connectionMade(self) -> None:
        self.transport.write(b"SSH-2.0-test\r\n")  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.closed = True

    def send(self, kind: int, payload: bytes = b"") -> None:
        """Send a message."""
        keys = self._sending
        plain, counted = bytes([kind]) + payload, 1 if keys else 5
        block = 16 if keys else 8
        padding = block - (len(plain) + counted) % block
        padding += block if padding < 4 else 0
        self.seal(bytes([padding]) + plain + bytes(padding))

    def seal(self, body: bytes) -> None:
        """Send a packet that has all this between its length and its MAC."""
        keys, length = self._sending, u32(len(body))
        if keys is None:
            packet = length + body
        elif keys.gcm is not None:
            packet = length + keys.gcm.encrypt(keys.nonce(), body, length)
        else:
            encrypted = keys.stream.update(body)
            packet = length + encrypted + hmac.digest(keys.mac, u32(self.out_sequence) + length + encrypted, "sha256")
        self.out_sequence += 1
        self.transport.write(packet)  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        if not self._server_version:
            line, end, rest = self._buffer.partition(b"\r\n")
            if not end:
                return
            self._server_version, self._buffer = line, rest
        while len(self._buffer) >= 4:
            keys = self._receiving
            length = struct.unpack_from(">I", self._buffer)[0]
            end = 4 + length + (keys.tag if keys else 0)
            if len(self._buffer) < end:
                return
            head, packet, self._buffer = self._buffer[:4], self._buffer[4:end], self._buffer[end:]
            if keys is not None and keys.gcm is not None:
                packet = keys.gcm.decrypt(keys.nonce(), packet, head)
            elif keys is not None:
                packet, tag = packet[:length], packet[length:]
                assert hmac.digest(keys.mac, u32(self.in_sequence) + head + packet, "sha256") == tag
                packet = keys.stream.update(packet)
            self.in_sequence += 1
            self._received(packet[1], packet[2 : length - packet[0]])

    def _received(self, kind: int, payload: bytes) -> None:
        if kind == 20:
            self._theirs = bytes([20]) + payload
            if not self._ours:
                self.begin_exchange()
            public = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            self.send(30, text(public))
        elif kind == 31:
            self._exchange(payload)
            self.send(21)
            if self.strict:
                self.out_sequence = 0
            assert self._next is not None
            self._sending = self._next[0]
        elif kind == 21:
            assert self._next is not None
            self._receiving = self._next[1]
            if self.strict:
                self.in_sequence = 0
            self._ours = b""
        elif kind == 94:
            self.data += payload[8:]
            self.window_used += len(payload) - 8
        else:
            self.messages.append((kind, payload))

    def begin_exchange(self) -> None:
        """Send KEXINIT."""
        kex = b"curve25519-sha256,ext-info-c" + (b",kex-strict-c-v00@openssh.com" if self.strict else b"")
        mac = b"hmac-sha2-256-etm@openssh.com"
        names = [kex, b"ssh-ed25519", self.cipher, self.cipher, mac, mac, b"none", b"none"]
        payload = os.urandom(16) + b"".join(map(text, [*names, b"", b""])) + bytes(5)
        self._ours = bytes([20]) + payload
        self.send(20, payload)

    def _exchange(self, payload: bytes) -> None:
        self.host_key, public, signature, _ = strings(payload, 3)
        shared = mpint(int.from_bytes(self._private.exchange(X25519PublicKey.from_public_bytes(public)), "big"))
        ours = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        parts = (b"SSH-2.0-test", self._server_version, self._ours, self._theirs, self.host_key, ours, public)
        digest = hashlib.sha256(b"".join(map(text, parts)) + shared).digest()
        Ed25519PublicKey.from_public_bytes(strings(self.host_key, 2)[1]).verify(strings(signature, 2)[1], digest)
        self.session_id = self.session_id or digest

        def key(letter: bytes) -> bytes:
            first = hashlib.sha256(shared + digest + letter + self.session_id).digest()
            return first + hashlib.sha256(shared + digest + first).digest()

        a, b, c, d, e, f = (key(bytes([letter])) for letter in b"ABCDEF")
        self._next = (
            _Keys(self.cipher, a, c, e, encrypts=True),
            _Keys(self.cipher, b, d, f, encrypts=False),
        )

    # -- what tests do ---------------------------------------------------------------------

    def pump(self) -> None:
        """Deliver what is under way."""
        assert self.link is not None
        self.link.pump()

    def take(self, kind: int) -> bytes:
        """The first message of that kind, which has to be there."""
        found = next((each for each in self.messages if each[0] == kind), None)
        assert found is not None, (kind, self.messages)
        self.messages.remove(found)
        return found[1]

    def kinds(self) -> list[int]:
        """The kinds of the messages that came."""
        return [kind for kind, _ in self.messages]

    def log_in(self, user: bytes = b"ann", password: str = PASSWORD) -> bool:
        """Log in with a password; whether that was right."""
        if not any(kind == 6 for kind in self.kinds()):
            self.send(5, text(b"ssh-userauth"))
        self.send(50, text(user) + text(b"ssh-connection") + text(b"password") + b"\0" + text(password.encode()))
        self.pump()
        return 52 in self.kinds()

    def sign_in(self, key: Ed25519PrivateKey, user: bytes = b"ann", *, wrong: bool = False) -> bool:
        """Log in with a key; whether that was right."""
        blob = text(b"ssh-ed25519") + text(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        asked = text(user) + text(b"ssh-connection") + text(b"publickey") + b"\1" + text(b"ssh-ed25519") + text(blob)
        signature = key.sign((b"wrong" if wrong else b"") + text(self.session_id) + bytes([50]) + asked)
        self.send(5, text(b"ssh-userauth"))
        self.send(50, asked + text(text(b"ssh-ed25519") + text(signature)))
        self.pump()
        return 52 in self.kinds()

    def open_sftp(self, window: int = 2**31) -> None:
        """Open a channel, with an SFTP session in it."""
        self.send(90, text(b"session") + u32(7) + u32(window) + u32(32768))
        self.pump()
        assert self.take(91)[:8] == u32(7) + u32(0)
        self.send(98, u32(0) + text(b"subsystem") + b"\1" + text(b"sftp"))
        self.pump()
        self.take(99)
        self.write(INIT)
        (version,) = self.answers()
        assert version.kind == 2

    def write(self, data: bytes) -> None:
        """Send data on the channel."""
        for start in range(0, len(data), 32768):
            piece = data[start : start + 32768]
            self.send(94, u32(0) + text(piece))
        self.pump()

    def answers(self) -> list[Answer]:
        """The answers that came on the channel, whole ones only."""
        end = 0
        while end + 4 <= len(self.data) and end + 4 + struct.unpack_from(">I", self.data, end)[0] <= len(self.data):
            end += 4 + struct.unpack_from(">I", self.data, end)[0]
        whole, self.data = self.data[:end], self.data[end:]
        return answers(whole)


class SshCase(QuickCase):
    """A server with the account ann, and clients of its SFTP front end."""

    limits: Limits | None = None
    own_accounts = False
    workers: IWorkers | None = None

    def setUp(self) -> None:
        self.server = Server.make(limits=self.limits, own_accounts=self.own_accounts, workers=self.workers)
        self.addCleanup(self.server.close)
        self.shared = SharedSessions()
        self.windows = self.shared.windows
        self.parts = SftpParts(
            state=self.server.folder,
            knows_key=self.server.made.services.ssh_keys.knows,
            budget=self.server.services.budget,
        )
        self.factory = SftpFactory(self.server.services, self.parts, self.shared)
        self.factory.set_host_key(open_host_key(self.server.folder))
        self.clock = self.server.clock

    def connect(self, **options: Any) -> SshClient:
        """A client, once keys are exchanged."""
        client = SshClient(**options)
        self.attach(client)
        client.pump()
        return client

    def attach(self, client: Any) -> SftpConnection:
        """Connect a client; nothing is delivered yet."""
        connection = SftpConnection(self.server.services, self.parts, self.shared, "192.0.2.1", "192.0.2.1:5")
        connection.factory = self.factory  # type: ignore[assignment]
        self.server.services.connections.add(connection, "192.0.2.1")
        client.link = MemoryLink(client, connection, self.clock)
        self.connection = connection
        return connection

    def member(self, **options: Any) -> SshClient:
        """A client that is logged in and has a session."""
        client = self.connect(**options)
        self.assertTrue(client.log_in())
        client.open_sftp()
        return client
