"""The watchdog of a connection complains once, when nothing has moved for too long; then the connection ends."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.connection.timeouts import PendingWait, Watchdog
from homeftp.config import STREAM_PIECE, ClientTimeouts
from tests.support.exchanges import ConnectedCase, ManualPayload, RecordingHandler


class WatchdogTests(SynchronousTestCase):
    """One watchdog and its clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.complaints: list[str] = []
        timeouts = ClientTimeouts(tls_seconds=10, stall_seconds=60)
        self.watchdog = Watchdog(self.clock, timeouts, self.complaints.append)
        self.addCleanup(self.watchdog.stop)
        self.wait: PendingWait | None = PendingWait(60, "stalled")

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)

    def test_tls(self) -> None:
        """TLS has ten seconds, whatever arrives meanwhile."""
        self.watchdog.await_tls()
        for _ in range(9):
            self.pass_time(1)
            self.watchdog.progress()
        self.assertEqual(self.complaints, [])
        self.pass_time(1)
        self.assertEqual(len(self.complaints), 1)

    def test_stall(self) -> None:
        """Without progress it complains once, at most a quarter of the time late."""
        self.watchdog.watch(lambda: self.wait)
        self.pass_time(59)
        self.assertEqual(self.complaints, [])
        self.pass_time(16)
        self.assertEqual(self.complaints, ["stalled"])
        self.pass_time(1000)
        self.assertEqual(self.complaints, ["stalled"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_progress(self) -> None:
        """With progress it does not."""
        self.watchdog.watch(lambda: self.wait)
        for _ in range(10):
            self.pass_time(50)
            self.watchdog.progress()
        self.assertEqual(self.complaints, [])

    def test_nothing_awaited(self) -> None:
        """Time in which nothing is waited for does not count."""
        wait, self.wait = self.wait, None
        self.watchdog.watch(lambda: self.wait)
        self.pass_time(1000)
        self.wait = wait
        self.pass_time(45)
        self.assertEqual(self.complaints, [])
        self.pass_time(45)
        self.assertEqual(self.complaints, ["stalled"])

    def test_call_later(self) -> None:
        """A later `call_later` replaces the earlier one."""
        self.watchdog.await_tls()
        called: list[int] = []
        self.watchdog.call_later(20, lambda: called.append(1))
        self.pass_time(20)
        self.assertEqual((called, self.complaints), ([1], []))

    def test_stop(self) -> None:
        """Stopped, even twice, it leaves nothing on the clock."""
        self.watchdog.watch(lambda: self.wait)
        self.watchdog.stop()
        self.watchdog.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class TimeoutTests(ConnectedCase):
    """How long the client waits, by its own clock."""

    timeouts = ClientTimeouts(stall_seconds=60, answer_seconds=3600)

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.wire.clock.advance(1)
            self.wire.pump()

    def test_stalled_payload(self) -> None:
        """A payload that stops arriving is given up; one that trickles is not."""
        told = RecordingHandler()
        self.client.request(told, "GET")
        self.wire.say({"status": 0, "message": "", "id": 1, "content_length": 100}, b"x")
        for _ in range(5):
            self.wait(50)
            self.wire.far.write(b"x")
        self.assertIsNone(told.reason)
        self.wait(80)
        self.assertIn("stalled", str(told.reason))

    def test_stalled_line(self) -> None:
        """So is a line that was begun."""
        told = RecordingHandler()
        self.client.request(told, "GET")
        self.wire.far.write(b'{"status"')
        self.wait(80)
        self.assertIn("stalled", str(told.reason))

    def test_server_that_works(self) -> None:
        """A server that does not show that it is there may take an hour to begin its answer, no more."""
        told = RecordingHandler()
        self.client.keepalive = 0
        self.client.request(told, "CMP")
        self.wait(3500)
        self.assertIsNone(told.reason)
        self.wait(200)
        self.assertIn("does not answer", str(told.reason))

    def test_dead_server(self) -> None:
        """One that should show it, or has not said whether it does, is given up after a minute; a person is told."""
        for keepalive in (None, 15.0, 1e-9):
            self.setUp()
            told, notices = RecordingHandler(), list[str]()
            self.client.keepalive = keepalive
            self.client.on_silence(notices.append)
            self.client.request(told, "CMP")
            self.wait(59)
            self.assertIsNone(told.reason)
            self.assertEqual(notices, [f"no answer from the server for {seconds} s" for seconds in (15, 30, 45)])
            self.wait(16)
            self.assertIn("does not answer", str(told.reason))

    def test_keepalive(self) -> None:
        """Empty lines show that a server works, and are no answer; a hostile interval is no reason to wait longer."""
        for keepalive in (15.0, 1e300):
            self.setUp()
            told, notices = RecordingHandler(), list[str]()
            self.client.keepalive = keepalive
            self.client.on_silence(notices.append)
            self.client.request(told, "CMP")
            for _ in range(300):
                self.wait(14)
                self.wire.far.write(b"\n")
                self.wire.pump()
            self.assertEqual((told.reason, notices), (None, []))
            self.wire.say({"status": 14, "message": "", "id": 1})
            self.wire.pump()
            self.assertIsNone(told.reason)
            self.client.request(told, "CMP")
            self.wait(3700)
            self.assertIn("does not answer", str(told.reason))

    def test_server_that_does_not_read(self) -> None:
        """A payload that the server does not take is given up."""
        told, payload = RecordingHandler(), ManualPayload(50 * STREAM_PIECE)
        self.client.request(told, "PUSH", {}, payload)
        self.wire.far.reading = False
        while payload.reading is not None:
            payload.give(bytes(STREAM_PIECE))
        self.wait(80)
        self.assertIn("stalled", str(told.reason))

    def test_idle(self) -> None:
        """A connection on which nothing is open may stay idle for ever."""
        self.wait(5000)
        self.assertFalse(self.wire.near.lost)

    def test_paused(self) -> None:
        """While the client itself does not read, the server has not stalled."""
        told = RecordingHandler()
        self.client.request(told, "GET")
        self.wire.say({"status": 0, "message": "", "id": 1, "content_length": 2}, b"x")
        self.wire.pump()
        self.client.pauseProducing()
        self.wait(500)
        self.client.resumeProducing()
        self.wire.far.write(b"y")
        self.wire.pump()
        self.assertTrue(told.ended)
