"""What the front ends have done, counted."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from homeftp.interfaces.traffic import IMeteredConnection, ITraffic
from homeftp.server.gate.traffic import OTHER, Traffic


@implementer(IMeteredConnection)
class FakeConnection:
    """A connection that has moved so many bytes."""

    def __init__(self, received: int, sent: int) -> None:
        self.received, self.sent = received, sent

    def transferred(self) -> tuple[int, int]:
        return self.received, self.sent


class TrafficTests(SynchronousTestCase):
    """The counts of one front end."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.counts = Traffic(self.clock.seconds)
        self.traffic = self.counts.of("json", ["GET", "PUSH"])

    def test_interface(self) -> None:
        """It is what front ends expect."""
        verifyObject(ITraffic, self.traffic)

    def test_connections(self) -> None:
        """The bytes of a connection count while it is open, and once when it has ended, however often that is said."""
        first, second = FakeConnection(10, 20), FakeConnection(1, 2)
        for each in (first, second):
            self.traffic.opened(each)
        self.traffic.reject()
        self.assertEqual(self.traffic.transferred(), (11, 22))
        first.received = 15
        self.assertEqual(self.traffic.transferred(), (16, 22))
        for _ in range(2):
            self.traffic.closed(first)
        self.assertEqual(self.traffic.transferred(), (16, 22))
        self.assertEqual((self.traffic.accepted, self.traffic.connections, self.traffic.rejected), (2, 1, 1))

    def test_never_open(self) -> None:
        """A connection that was not accepted does not count when it ends."""
        self.traffic.closed(FakeConnection(10, 20))
        self.assertEqual(self.traffic.transferred(), (0, 0))

    def test_answers(self) -> None:
        """Answers are counted by type and status, and how long they took by type."""
        began = self.traffic.now()
        self.clock.advance(0.3)
        for status in (0, 0, 51):
            self.traffic.answered("GET", status, began)
        answers = self.traffic.answers["GET"]
        self.assertEqual(answers.by_status, {0: 2, 51: 1})
        self.assertEqual((answers.seconds.cumulative()[-1], round(answers.seconds.total, 6)), (3, 0.9))
        self.assertEqual(self.traffic.answers["PUSH"].by_status, {})

    def test_invented(self) -> None:
        """Types that clients invent are counted together: however many they are, there is nothing more to hold."""
        before = len(self.traffic.answers)
        for number in range(1000):
            self.traffic.answered(f"INVENTED{number}", 21, 0.0)
        self.assertEqual(len(self.traffic.answers), before)
        self.assertEqual(self.traffic.answers[OTHER].by_status, {21: 1000})

    def test_same(self) -> None:
        """All parts of one front end have the same counts, and those of another are others."""
        self.assertIs(self.counts.of("json", ["WATCH"]), self.traffic)
        self.assertIn("WATCH", self.traffic.answers)
        self.assertIsNot(self.counts.of("sftp", []), self.traffic)
        self.assertEqual(list(self.counts.front_ends), ["json", "sftp"])
