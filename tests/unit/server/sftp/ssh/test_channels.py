"""Channels: SFTP and nothing else, so many of them, and no more data than the window."""

from __future__ import annotations

from homeftp.config import MIB
from homeftp.server.sftp.ssh.channel import MIN_WINDOW
from homeftp.server.sftp.ssh.channels import MOST_CHANNELS
from tests.support.sftppackets import Raw, attrs, request, text, u32, u64
from tests.support.sshclient import SshCase


class ChannelsTests(SshCase):
    """One connection."""

    def test_only_sftp(self) -> None:
        """Other channels, a shell, commands and forwarding are refused; a keepalive is answered."""
        client = self.connect()
        client.log_in()
        for kind in (b"direct-tcpip", b"x11", b"auth-agent@openssh.com", b"nonsense"):
            client.send(90, text(kind) + u32(7) + u32(1000) + u32(1000))
            client.pump()
            self.assertEqual(client.take(92)[:4], u32(7))
        client.send(90, text(b"session") + u32(7) + u32(MIB) + u32(32768))
        client.pump()
        client.take(91)
        for wanted in (
            text(b"shell") + b"\1",
            text(b"exec") + b"\1" + text(b"id"),
            text(b"pty-req") + b"\1",
            text(b"env") + b"\1" + text(b"A") + text(b"b"),
            text(b"subsystem") + b"\1" + text(b"shell"),
            text(b"auth-agent-req@openssh.com") + b"\1",
        ):
            client.send(98, u32(0) + wanted)
            client.pump()
            client.take(100)
        for name in (b"tcpip-forward", b"keepalive@openssh.com"):
            client.send(80, text(name) + b"\1")
            client.pump()
            client.take(82)
        client.send(80, text(b"no-more-sessions@openssh.com") + b"\0")
        client.pump()
        self.assertFalse(client.closed)
        self.assertNotIn(82, client.kinds())

    def test_many(self) -> None:
        """A connection has so many channels; where one ends another can be opened."""
        client = self.connect()
        client.log_in()
        for number in range(MOST_CHANNELS):
            client.send(90, text(b"session") + u32(number) + u32(MIB) + u32(32768))
        client.send(90, text(b"session") + u32(99) + u32(MIB) + u32(32768))
        client.pump()
        self.assertEqual(client.take(92)[:8], u32(99) + u32(4))
        granted = self.windows.granted
        client.send(97, u32(0))
        client.pump()
        self.assertEqual(client.take(97), u32(0))
        self.assertLess(self.windows.granted, granted)
        client.send(90, text(b"session") + u32(99) + u32(MIB) + u32(32768))
        client.pump()
        client.transport.loseConnection()  # type: ignore[union-attr]
        client.pump()
        self.assertEqual(self.windows.granted, 0)

    def test_end(self) -> None:
        """A client that sends no more gets its answers and an exit status; what makes no sense ends the channel too."""
        for data, status in ((request(17, 1, b"/"), 0), (u32(0), 1)):
            client = self.member()
            client.write(data)
            if not status:
                client.send(96, u32(0))
            client.pump()
            self.assertIn(text(b"exit-status") + b"\0" + u32(status), client.take(98))
            self.assertEqual(client.take(97), u32(7))
            self.assertEqual(len(client.answers()), 1 - status)
            client.send(97, u32(0))
            client.pump()
            self.assertFalse(client.closed)

    def test_window(self) -> None:
        """A client may send as much as the window; the window is reopened by what was answered."""
        client = self.member()
        client.write(request(3, 1, b"/a", 0x1A, Raw(attrs())))
        (opened,) = client.answers()
        sent, offset = 0, 0
        while sent < 3 * MIB:
            data = request(6, 2, opened.string, Raw(u64(offset)), bytes(32000))
            client.write(data)
            sent, offset = sent + len(data), offset + 32000
        adjusted = sum(int.from_bytes(payload[4:8], "big") for kind, payload in client.messages if kind == 93)
        self.assertTrue(2 * MIB < adjusted <= sent + 100, adjusted)
        self.assertEqual({answer.code for answer in client.answers()}, {0})
        client.send(94, u32(0) + text(bytes(32769)))
        client.pump()
        self.assertTrue(client.closed)

    def test_client_window(self) -> None:
        """Nothing is sent beyond what a client takes; more comes when it takes more."""
        self.server.put("big", bytes(MIB))
        client = self.connect()
        client.log_in()
        client.open_sftp(window=MIN_WINDOW)
        client.write(request(3, 1, b"/big", 1, Raw(attrs())))
        (opened,) = client.answers()
        for number in range(16):
            client.write(request(5, number, opened.string, Raw(u64(65536 * number)), 65536))
        self.assertEqual(client.window_used, MIN_WINDOW)
        client.send(93, u32(0) + u32(2 * MIB))
        client.pump()
        self.assertEqual(sum(len(answer.string) for answer in client.answers()), MIB)
        client.send(93, u32(0) + u32(2**32 - 1))
        client.pump()
        self.assertTrue(client.closed)

    def test_malformed(self) -> None:
        """A message whose length is wrong ends the connection; one for a channel that has ended does nothing."""
        client = self.member()
        client.send(94, u32(5) + text(b"x"))
        client.send(93, u32(5) + u32(1))
        client.pump()
        self.assertFalse(client.closed)
        client.send(94, u32(0) + u32(9) + b"x")
        client.pump()
        self.assertTrue(client.closed)
        for kind in (93, 94):
            client = self.member()
            client.send(kind, u32(0) + b"x")
            client.pump()
            self.assertTrue(client.closed, kind)
