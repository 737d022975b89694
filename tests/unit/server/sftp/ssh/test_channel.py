"""One channel: what it holds, and when it sends."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.interfaces.usage import Activity
from homeftp.server.sftp.ssh.channel import LOCAL_PACKET, MIN_WINDOW, MOST_PENDING, SftpChannel


class FakeConnection:
    """Keeps what a channel sends."""

    def __init__(self) -> None:
        self.may_send = True
        self.sent: list[bytes] = []
        self.reopened = 0
        self.lost = False

    def send_data(self, channel: int, parts: list[bytes | memoryview], size: int) -> None:
        """Keep it."""
        self.sent.append(b"".join(parts))
        assert len(self.sent[-1]) == size

    def reopen(self, channel: int, size: int) -> None:
        """Count it."""
        self.reopened += size

    def channel_changed(self, channel: SftpChannel) -> None:
        """Nothing to do."""

    def channel_lost(self, channel: SftpChannel) -> None:
        """Note it."""
        self.lost = True


class FakeSession:
    """Holds what a test says."""

    held = 0
    partial = busy = False
    resumed = 0

    def activities(self) -> list[Activity]:
        """Nothing."""
        return []

    def data_received(self, data: bytes | memoryview) -> None:
        """Keep it."""
        self.held += len(data)

    def resume(self) -> None:
        """Count it."""
        self.resumed += 1

    def stop(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


class ChannelTests(SynchronousTestCase):
    """A channel with a window of 64 KiB, whose client takes 1,000 bytes in messages of 100."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.connection = FakeConnection()
        self.session = FakeSession()
        self.channel = SftpChannel(
            self.connection, 3, window=MIN_WINDOW, remote_window=1000, remote_packet=100, clock=self.clock
        )
        self.channel.session = self.session

    def test_widened(self) -> None:
        """The session goes on when the client takes what was written, and is not asked where nothing waits."""
        self.channel.widen(10)
        self.assertEqual(self.session.resumed, 0)
        self.channel.write(bytes(MOST_PENDING + 1010))
        self.assertFalse(self.channel.writable)
        self.channel.widen(MOST_PENDING)
        self.assertEqual((self.session.resumed, self.channel.writable), (1, True))
        self.assertEqual(sum(map(len, self.connection.sent)), MOST_PENDING + 1010)

    def test_gathered(self) -> None:
        """Full messages are sent at once, and the rest when everything of this turn is there."""
        for size in (70, 70, 70):
            self.channel.write(bytes(size))
        self.assertEqual([len(each) for each in self.connection.sent], [100, 100])
        self.session.busy = True
        self.channel.consumed()
        self.channel.consumed()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(0)
        self.assertEqual(([len(each) for each in self.connection.sent], self.channel.pending), ([100, 100, 10], 0))

    def test_alone(self) -> None:
        """An answer is sent at once where nothing else is to be answered; nothing is left to do then."""
        self.channel.write(bytes(70))
        self.assertEqual(self.connection.sent, [])
        self.channel.consumed()
        self.assertEqual(([len(each) for each in self.connection.sent], self.channel.pending), ([70], 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_client_window(self) -> None:
        """No more is sent than the client takes."""
        self.channel.write(bytes(1300))
        self.channel.consumed()
        self.assertEqual((sum(map(len, self.connection.sent)), self.channel.pending), (1000, 300))
        self.assertTrue(self.channel.widen(250))
        self.assertEqual((self.channel.pending, self.session.resumed), (50, 1))
        self.assertTrue(self.channel.widen(2**32 - 51))
        self.assertFalse(self.channel.widen(2**32 - 1))

    def test_wider_and_nothing_waits(self) -> None:
        """A wider window resumes the session also where nothing waits to be sent, if the session was told to wait."""
        self.connection.may_send = False
        self.assertFalse(self.channel.writable)
        self.connection.may_send = True
        self.assertTrue(self.channel.widen(250))
        self.assertEqual((self.session.resumed, self.connection.sent), (1, []))
        self.assertTrue(self.channel.widen(250))
        self.assertEqual(self.session.resumed, 1, "it waits no more")

    def test_writable(self) -> None:
        """It is writable while little waits, and the transport takes more."""
        self.connection.may_send = False
        self.assertFalse(self.channel.writable)
        self.channel.write(bytes(MOST_PENDING))
        self.connection.may_send = True
        self.assertFalse(self.channel.writable)
        self.channel.resume()
        self.assertTrue(self.channel.writable)
        self.channel.stop()
        self.assertEqual((self.channel.pending, self.clock.getDelayedCalls()), (0, []))

    def test_window(self) -> None:
        """What is held is not reopened; a client that sends more than it may is refused."""
        piece = memoryview(bytes(LOCAL_PACKET))
        self.assertTrue(self.channel.received(piece))
        self.channel.consumed()
        self.assertEqual(self.connection.reopened, 0)
        self.assertTrue(self.channel.received(piece))
        self.assertFalse(self.channel.received(piece[:1]))
        self.session.held = 100
        self.channel.consumed()
        self.assertEqual(self.connection.reopened, MIN_WINDOW - 100)
        self.assertFalse(self.channel.received(memoryview(bytes(LOCAL_PACKET + 1))))
        self.channel.lose()
        self.assertTrue(self.connection.lost)
