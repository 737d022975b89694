"""Deadlines: absolute ones, and the least rate of a stream."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.server.gate.timeouts import HANGUP_SECONDS, Deadline, HangupCheck, IdleTimer, KeepAlive, StallTimer


class DeadlineTests(SynchronousTestCase):
    """One absolute deadline."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.expired: list[None] = []
        self.deadline = Deadline(self.clock, 10, lambda: self.expired.append(None))

    def test_expires_once(self) -> None:
        """At its time, not before, and once."""
        self.clock.advance(9.9)
        self.assertEqual(len(self.expired), 0)
        self.clock.advance(0.1)
        self.clock.advance(100)
        self.assertEqual(len(self.expired), 1)
        self.deadline.cancel()

    def test_met(self) -> None:
        """A cancelled deadline does not expire, and leaves no timer."""
        self.deadline.cancel()
        self.deadline.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(100)
        self.assertEqual(len(self.expired), 0)


class StallTests(SynchronousTestCase):
    """A stream must make 1 KiB a second over its window."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.total = 0
        self.expired: list[None] = []
        self.stall = StallTimer(self.clock, 60, lambda: self.total, lambda: self.expired.append(None))

    def test_silence(self) -> None:
        """A silent peer is found out after the window."""
        self.stall.begin()
        self.clock.advance(59)
        self.assertEqual(len(self.expired), 0)
        self.clock.advance(1)
        self.assertEqual(len(self.expired), 1)

    def test_trickle(self) -> None:
        """A byte a second is silence."""
        self.stall.begin()
        self.clock.pump([1] * 59)
        self.total = 60
        self.clock.advance(1)
        self.assertEqual(len(self.expired), 1)

    def test_steady(self) -> None:
        """A peer that keeps the rate goes on for as long as it likes; then silence is found out."""
        self.stall.begin()
        for _ in range(5):
            self.total += 60 * 1024
            self.clock.advance(60)
        self.assertEqual(len(self.expired), 0)
        self.clock.advance(60)
        self.assertEqual(len(self.expired), 1)

    def test_nothing_owed(self) -> None:
        """A peer that owes nothing may be silent for ever."""
        self.stall.begin()
        self.stall.begin()
        self.stall.end()
        self.stall.end()
        self.clock.advance(1000)
        self.assertEqual(len(self.expired), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_each_beginning_counts(self) -> None:
        """The time runs from the last beginning, though the timer is an older one's."""
        self.stall.begin()
        self.clock.advance(50)
        self.stall.end()
        self.stall.begin()
        self.clock.advance(59)
        self.assertEqual(len(self.expired), 0)
        self.clock.advance(1)
        self.assertEqual(len(self.expired), 1)

    def test_stop(self) -> None:
        """Stopped, it leaves no timer."""
        self.stall.begin()
        self.stall.stop()
        self.stall.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class KeepAliveTests(SynchronousTestCase):
    """`KeepAlive`."""

    def test_silence(self) -> None:
        """It sends only after a time in which nothing was sent."""
        clock, sent, total = Clock(), list[float](), [0]
        keepalive = KeepAlive(clock, 15, lambda: total[0], lambda: sent.append(clock.seconds()))
        keepalive.start()
        keepalive.start()
        for _ in range(4):
            clock.advance(15)
            total[0] += 1
        self.assertEqual(sent, [])
        for _ in range(3):
            clock.advance(15)
        self.assertEqual(sent, [90.0, 105.0])
        keepalive.stop()
        self.assertEqual(clock.getDelayedCalls(), [])


class HangupCheckTests(SynchronousTestCase):
    """`HangupCheck`."""

    def setUp(self) -> None:
        self.clock, self.waits, self.closed = Clock(), True, False
        self.hung_up: list[float] = []
        self.check = HangupCheck(
            self.clock,
            lambda: self.waits,
            lambda: self.closed,
            lambda: self.hung_up.append(self.clock.seconds()),
        )

    def test_noticed(self) -> None:
        """It is noticed within its time that the client has closed a connection that is not read, and told once."""
        self.check.start()
        self.check.start()
        self.clock.pump([HANGUP_SECONDS] * 3)
        self.assertEqual(self.hung_up, [], "the control")
        self.closed = True
        self.clock.pump([HANGUP_SECONDS] * 3)
        self.assertEqual(self.hung_up, [4 * HANGUP_SECONDS])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_read_again(self) -> None:
        """A connection that is read tells that itself: there is no timer until it is paused again."""
        self.check.start()
        self.waits, self.closed = False, True
        self.clock.advance(HANGUP_SECONDS)
        self.assertEqual((self.hung_up, self.clock.getDelayedCalls()), ([], []))
        self.waits = True
        self.check.start()
        self.clock.advance(HANGUP_SECONDS)
        self.assertEqual(len(self.hung_up), 1)

    def test_stop(self) -> None:
        """Stopped, it leaves no timer."""
        self.check.start()
        self.check.stop()
        self.check.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class IdleTests(SynchronousTestCase):
    """A connection without a request."""

    def test_idle(self) -> None:
        """It expires once it has been idle for long enough, and not while it is busy from time to time."""
        clock, since = Clock(), [0.0]
        expired: list[float] = []
        timer = IdleTimer(clock, 10, lambda: clock.seconds() - since[0], lambda: expired.append(clock.seconds()))
        timer.start()
        for _ in range(5):
            clock.advance(9)
            since[0] = clock.seconds()
        self.assertEqual(expired, [])
        clock.pump([1] * 20)
        self.assertEqual(len(expired), 1)
        self.assertLessEqual(expired[0] - since[0], 20)

    def test_stopped(self) -> None:
        """A timer that is stopped does not expire."""
        clock = Clock()
        timer = IdleTimer(clock, 10, lambda: 100.0, self.fail)
        timer.start()
        timer.stop()
        clock.advance(20)
        self.assertEqual(clock.getDelayedCalls(), [])
