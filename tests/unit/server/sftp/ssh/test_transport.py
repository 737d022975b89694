"""SSH's transport: what a client may send when, and that nothing that was changed on its way is taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from homeftp.server.sftp.ssh.transport import MOST_BEFORE_LOGIN, MOST_BLOCKED
from tests.support.repeatable import REPEATABLE
from tests.support.sftppackets import request, text, u32
from tests.support.sshclient import CTR, GCM, SshCase, SshClient


class TransportTests(SshCase):
    """Clients that do what they should, and others."""

    def test_ciphers(self) -> None:
        """Each cipher works in both directions, with the strict exchange and without."""
        for cipher in (GCM, CTR):
            for strict in (True, False):
                client = self.member(cipher=cipher, strict=strict)
                client.write(request(17, 1, b"/"))
                self.assertEqual([answer.kind for answer in client.answers()], [105])
                self.assertIn(b"server-sig-algs", client.take(7))
                client.transport.loseConnection()  # type: ignore[union-attr]
                client.pump()

    def test_new_keys(self) -> None:
        """Keys are exchanged anew when a client asks for it, and when the server has sent so much with one key."""
        client = self.member()
        client.begin_exchange()
        client.write(b"")
        client.write(request(17, 1, b"/"))
        self.assertEqual(len(client.answers()), 1)
        self.connection.rekey_bytes = 1000
        before = client._receiving
        for number in range(50):
            client.write(request(17, number, b"/"))
        self.assertEqual(len(client.answers()), 50)
        self.assertIsNot(client._receiving, before)
        self.assertFalse(client.closed)

    def test_changed(self) -> None:
        """A packet of which one bit was changed ends the connection."""
        for cipher in (GCM, CTR):
            client = self.member(cipher=cipher)
            assert client.link is not None
            client.send(94, u32(0) + text(request(17, 1, b"/")))
            sent = client.link.near.take()
            client.link.near.outgoing = sent[:-1] + bytes([sent[-1] ^ 1])
            client.pump()
            self.assertTrue(client.closed)
            self.assertEqual(client.data, b"")

    def test_strict(self) -> None:
        """With the strict exchange nothing else is taken before the keys; without it, what has no meaning is."""
        for strict in (True, False):
            client = SshClient(strict=strict)
            self.attach(client)
            client.send(2, text(b"ignored"))
            client.pump()
            self.assertEqual(client.closed, strict)

    def test_early(self) -> None:
        """Nothing is taken before keys are exchanged that needs them, nor a second exchange before the login."""
        for kind in (5, 50, 80, 90, 21, 30, 94):
            client = SshClient()
            self.attach(client)
            client.send(kind, text(b"ssh-userauth"))
            client.pump()
            self.assertTrue(client.closed, kind)
        client = self.connect()
        client.begin_exchange()
        client.pump()
        self.assertTrue(client.closed)

    def test_many_before_login(self) -> None:
        """A client that does not log in may send few messages, even those without a meaning; later any number."""
        visitor, member = self.connect(), self.member()
        for client, closed in ((visitor, True), (member, False)):
            for _ in range(MOST_BEFORE_LOGIN):
                client.send(2, text(b"ignored"))
            client.pump()
            self.assertEqual(client.closed, closed)

    def test_within_exchange(self) -> None:
        """While a client exchanges keys it may send nothing else, and no part of it twice."""
        for kind in (94, 80, 20, 21):
            client = self.member()
            client._received = lambda *args: None  # type: ignore[method-assign]
            client.begin_exchange()
            client.send(kind, u32(0) + text(request(17, 1, b"/")))
            client.pump()
            self.assertTrue(client.closed, kind)

    def test_blocked(self) -> None:
        """What waits for the end of an exchange that a client does not end is bounded."""
        client = self.member()
        client._received = lambda *args: None  # type: ignore[method-assign]
        self.connection.sendKexInit()
        for _ in range(MOST_BLOCKED + 1):
            client.send(80, text(b"keepalive@openssh.com") + b"\1")
        client.pump()
        self.assertTrue(client.closed)

    def test_versions(self) -> None:
        """A client that speaks something else is closed, and so is one whose first line does not end."""
        for line in (b"GET / HTTP/1.1\r\n", b"SSH-1.5-old\r\n", b"x" * 256, b"SSH-2.0-" + b"x" * 300 + b"\r\n"):
            client = SshClient()
            client.connectionMade = lambda: None  # type: ignore[method-assign]
            self.attach(client)
            client.transport.write(line)  # type: ignore[union-attr]
            client.pump()
            self.assertTrue(client.closed, line)

    def test_lengths(self) -> None:
        """A packet of an impossible length ends the connection before it has arrived."""
        for length in (0, 4, 13, 41 * 1024, 2**32 - 1):
            client = SshClient()
            self.attach(client)
            client.transport.write(u32(length) + bytes(100))  # type: ignore[union-attr]
            client.pump()
            self.assertTrue(client.closed, length)

    @REPEATABLE
    @given(st.binary(max_size=300), st.integers(1, 99), st.booleans())
    def test_fuzzed(self, data: bytes, kind: int, member: bool) -> None:
        """Whatever is in a message, before the login or after it, the server answers or closes, and raises nothing."""
        client = self.member() if member else self.connect()
        client.send(kind, data)
        client.pump()
        self.flushLoggedErrors()
        self.assertTrue(client.closed or not client.link.far.lost)  # type: ignore[union-attr]
        client.transport.loseConnection()  # type: ignore[union-attr]
        client.pump()
        self.assertEqual(self.server.services.connections.__len__(), 0)

    @REPEATABLE
    @given(st.binary(max_size=100))
    def test_noise(self, data: bytes) -> None:
        """The same for bytes that are no message."""
        client = SshClient()
        self.attach(client)
        client.transport.write(data)  # type: ignore[union-attr]
        client.pump()
        client.transport.loseConnection()  # type: ignore[union-attr]
        client.pump()
        self.assertEqual(len(self.server.services.connections), 0)
