"""The watchdog of a connection: it complains once, when nothing has moved for too long."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.connection.timeouts import PendingWait, Watchdog
from homeftp.config import ClientTimeouts


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
