"""SSH packets that were changed, cut, or made wrong by a client that has the keys."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from homeftp.server.sftp.ssh.transport import MAX_PACKET
from tests.support.repeatable import REPEATABLE
from tests.support.sftppackets import request, text, u32
from tests.support.sshclient import CTR, GCM, SshCase, SshClient

STAT = u32(0) + text(request(17, 1, b"/"))

IGNORE = 2
"""A message without a meaning."""

MESSAGES = (
    (94, STAT),
    (93, u32(0) + u32(1000)),
    (90, text(b"session") + u32(7) + u32(1000) + u32(1000)),
    (98, u32(0) + text(b"subsystem") + b"\1" + text(b"sftp")),
    (96, u32(0)),
    (97, u32(0)),
    (80, text(b"keepalive@openssh.com") + b"\1"),
    (5, text(b"ssh-userauth")),
    (50, text(b"ann") + text(b"ssh-connection") + text(b"none")),
    (20, bytes(16) + text(b"curve25519-sha256") * 10 + bytes(5)),
)
"""One of each kind that a client sends."""


class FuzzedTests(SshCase):
    """Clients that are logged in."""

    def sealed(self, client: SshClient, kind: int, payload: bytes) -> bytes:
        """A packet as it is on its way; nothing of it is delivered."""
        assert client.link is not None
        client.send(kind, payload)
        return client.link.near.take()

    def deliver(self, client: SshClient, data: bytes) -> None:
        """Let bytes arrive at the server."""
        client.transport.write(data)  # type: ignore[union-attr]
        client.pump()

    def test_cut(self) -> None:
        """A packet that comes in two parts, cut at any byte, is answered once both are there, and not before."""
        for cipher in (GCM, CTR):
            client = self.member(cipher=cipher)
            for cut in range(1, len(self.sealed(self.member(cipher=cipher), 94, STAT))):
                sent = self.sealed(client, 94, STAT)
                self.deliver(client, sent[:cut])
                self.assertEqual(client.answers(), [], cut)
                self.deliver(client, sent[cut:])
                self.assertEqual(len(client.answers()), 1, cut)

    def test_changed(self) -> None:
        """A packet of which any byte was changed is never answered, and ends the connection, whatever follows it."""
        for cipher in (GCM, CTR):
            self.assertEqual(self.outcome(cipher, None), (1, False), "the control")
            for index in range(len(self.sealed(self.member(cipher=cipher), 94, STAT))):
                self.assertEqual(self.outcome(cipher, index), (0, True), (cipher, index))

    def outcome(self, cipher: bytes, index: int | None) -> tuple[int, bool]:
        """How many answers come to a packet whose byte at `index` was changed, and whether the server closes then."""
        client = self.member(cipher=cipher)
        sent = bytearray(self.sealed(client, 94, STAT))
        if index is not None:
            sent[index] ^= 1 << index % 8
            sent += bytes(MAX_PACKET)  # its length may have become a larger one
        self.deliver(client, bytes(sent))
        return len(client.answers()), client.closed

    def test_order(self) -> None:
        """A packet that is repeated, left out or exchanged with the next one ends the connection."""
        for cipher in (GCM, CTR):
            for order, answered in (((0, 1), 2), ((0, 0), 1), ((1,), 0), ((1, 0), 0)):
                client = self.member(cipher=cipher)
                sent = [self.sealed(client, 94, STAT) for _ in range(2)]
                self.deliver(client, b"".join(sent[each] for each in order))
                self.assertEqual((len(client.answers()), client.closed), (answered, answered != 2), order)

    def test_padding(self) -> None:
        """A packet from a client that has the keys, but with an impossible padding or length, ends the connection."""
        message = bytes([94]) + STAT
        right = 16 - (1 + len(message)) % 16 + 16
        for cipher in (GCM, CTR):
            for padding, more, answered in (
                (right, 0, 1),
                (255, 0, 0),
                (len(message) + right, 0, 0),
                (right, 1, 0),
                (right + 1, 1, 0),  # the message itself is right: only the length is wrong
            ):
                client = self.member(cipher=cipher)
                client.seal(bytes([padding]) + message + bytes(right + more))
                client.pump()
                self.assertEqual((len(client.answers()), client.closed), (answered, not answered), (padding, more))

    def test_all_padding(self) -> None:
        """A packet whose padding takes in the type of its message ends the connection, also where that means nothing.

        The control: a message without a meaning whose padding is one byte less.
        """
        for cipher in (GCM, CTR):
            for padding in (14, 15):
                client = self.member(cipher=cipher)
                client.seal(bytes([padding, IGNORE]) + bytes(14))
                client.pump()
                self.assertEqual(client.closed, padding == 15, cipher)

    @REPEATABLE
    @given(
        st.sampled_from([GCM, CTR]),
        st.sampled_from(MESSAGES),
        st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=3), st.integers(0, 9)), min_size=1, max_size=3),
    )
    def test_mutated(self, cipher: bytes, message: tuple[int, bytes], changes: list[tuple[int, bytes, int]]) -> None:
        """A message with a right MAC and any change inside: the server closes, or goes on, and keeps nothing."""
        kind, payload = message
        for at, new, removed in changes:
            start = at % (len(payload) + 1)
            payload = payload[:start] + new + payload[start + removed :]
        client = self.member(cipher=cipher)
        client.send(kind, payload)
        client.send(80, text(b"keepalive@openssh.com") + b"\1")
        client.pump()
        self.assertEqual(self.flushLoggedErrors(), [])
        if kind not in (20, 80):  # an exchange of keys that has begun ends first
            self.assertNotEqual(client.closed, 82 in client.kinds(), "it is closed, or the keepalive is answered")
        client.transport.loseConnection()  # type: ignore[union-attr]
        client.pump()
        self.assertEqual((len(self.server.services.connections), self.windows.granted), (0, 0))
        self.assertEqual(len(self.shared.handles), 0)
