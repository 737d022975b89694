"""Processes that draw: their turns, and how they are ended."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.errors import Busy, Changed, ShuttingDown
from homeftp.interfaces import IPayload
from homeftp.server.http.page.thumbnails import drawing
from homeftp.server.http.page.thumbnails.renderer import (
    HUNG_SECONDS,
    IDLE_SECONDS,
    MOST_PROCESSES,
    MOST_WAITING,
    ThumbnailRenderer,
    is_available,
)
from tests.support.drawingprocess import PlayedProcesses


@implementer(IPayload)
class BrokenPayload:
    """A file that changes while it is read."""

    size = 10

    def __init__(self) -> None:
        self._pieces = [b"half."]

    async def read(self) -> bytes:
        if self._pieces:
            return self._pieces.pop()
        raise Changed("it was changed")

    async def read_all(self, limit: int) -> bytes:
        raise AssertionError("it is read piece by piece")


class ArtistTests(SynchronousTestCase):
    """`ThumbnailRenderer` with processes that the test plays."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.processes = PlayedProcesses()
        self.renderer = ThumbnailRenderer(self.clock, lambda: self.processes)
        self.drawn: list[Deferred[bytes]] = []

    def tearDown(self) -> None:
        self.renderer.close()
        for each in self.drawn:
            each.addErrback(lambda failure: failure.trap(ShuttingDown) and b"")

    def draw(self, account: str = "ann", content: bytes = b"picture") -> Deferred[bytes]:
        self.drawn.append(Deferred.fromCoroutine(self.renderer.draw(account, content)))
        return self.drawn[-1]

    def test_drawn(self) -> None:
        """A picture is sent to a process, which serves the next one too."""
        for _ in range(2):
            found = self.draw()
            (process,) = self.processes.started
            self.assertEqual(process.sent, drawing.SIZE.pack(7) + b"picture")
            self.assertNoResult(found)
            process.answer(b"small")
            self.assertEqual(self.successResultOf(found), b"small")
            process.sent = b""
        self.assertIn("-I", self.processes.commands[0], "it looks at no folder and no environment")

    def test_in_turn(self) -> None:
        """An account has one drawn at a time, whatever waits; another account does not wait for it."""
        many = [self.draw("ann") for _ in range(5)]
        self.assertEqual(len(self.processes.started), 1)
        other = self.draw("bob")
        self.assertEqual(len(self.processes.started), MOST_PROCESSES)
        third = self.draw("eve")
        self.processes.started[1].answer(b"bob's")
        self.assertEqual(self.successResultOf(other), b"bob's")
        self.assertEqual(len(self.processes.started), MOST_PROCESSES, "there are no more than these")
        self.processes.started[1].answer(b"eve's")
        self.assertEqual(self.successResultOf(third), b"eve's")
        for each in many:
            self.processes.started[0].answer(b"ann's") if self.processes.started[0].sent else None
            self.assertEqual(self.successResultOf(each), b"ann's")

    def test_busy(self) -> None:
        """More than a page asks for at once is refused, for that account only."""
        for _ in range(MOST_WAITING + 1):
            self.draw("ann")
        self.failureResultOf(self.draw("ann"), Busy)
        self.assertNoResult(self.draw("bob"))

    def test_hangs(self) -> None:
        """A process that does not answer is killed: its picture has no thumbnail, and the next one a new process."""
        found = self.draw()
        self.clock.advance(HUNG_SECONDS - 1)
        self.assertNoResult(found)
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(found), b"")
        self.assertEqual(self.processes.started[0].signals, ["KILL"])
        again = self.draw()
        self.processes.started[1].answer(b"small")
        self.assertEqual(self.successResultOf(again), b"small")

    def test_dies(self) -> None:
        """A process that ends by itself leaves a picture without a thumbnail."""
        found = self.draw()
        self.processes.started[0].end()
        self.assertEqual(self.successResultOf(found), b"")

    def test_says_too_much(self) -> None:
        """A process that says more than it was asked, or unasked, is killed."""
        first = self.draw()
        self.processes.started[0].protocol.outReceived(drawing.SIZE.pack(1) + b"12")
        self.assertEqual(self.successResultOf(first), b"")
        second = self.draw()
        self.processes.started[1].protocol.outReceived(drawing.SIZE.pack(drawing.MAX_THUMBNAIL + 1))
        self.assertEqual(self.successResultOf(second), b"")
        third = self.draw()
        self.processes.started[2].answer(b"ok")
        self.assertEqual(self.successResultOf(third), b"ok")
        self.processes.started[2].answer(b"more")
        self.assertEqual([each.signals for each in self.processes.started], [["KILL"]] * 3)

    def test_changed(self) -> None:
        """A file that changes while it is read ends the process, which has half of it."""
        found = Deferred.fromCoroutine(self.renderer.draw("ann", BrokenPayload()))
        self.failureResultOf(found, Changed)
        self.assertEqual(self.processes.started[0].sent, drawing.SIZE.pack(10) + b"half.")
        self.assertEqual(self.processes.started[0].signals, ["KILL"])

    def test_back_pressure(self) -> None:
        """A process that reads slowly is not sent more than its pipe takes."""
        self.draw("ann", b"first")
        process = self.processes.started[0]
        process.answer(b"")
        process.sent = b""
        process.producer.pauseProducing()
        self.draw("ann", b"second")
        self.assertEqual(process.sent, b"")
        process.producer.resumeProducing()
        self.assertEqual(process.sent, drawing.SIZE.pack(6) + b"second")

    def test_idle(self) -> None:
        """A process that has nothing to do ends after a while, and not while it has."""
        self.draw()
        process = self.processes.started[0]
        self.clock.advance(HUNG_SECONDS - 1)
        process.answer(b"small")
        self.clock.advance(IDLE_SECONDS - 1)
        self.assertIsNotNone(process.pid)
        self.clock.advance(1)
        self.assertIsNone(process.pid)
        self.assertEqual((process.signals, self.clock.getDelayedCalls()), ([], []))

    def test_close(self) -> None:
        """All of them end with the server; what was not drawn because of that is refused."""
        found = [self.draw() for _ in range(3)]
        self.renderer.close()
        self.renderer.close()
        for each in found:
            self.failureResultOf(each, ShuttingDown)
        self.assertEqual((self.clock.getDelayedCalls(), len(self.processes.started)), ([], 1))

    def test_available(self) -> None:
        """The extra is installed where the tests run."""
        self.assertTrue(is_available())
