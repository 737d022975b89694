"""One request on its way: when it has finished, what becomes of its payload, and whether it makes progress."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import PIECE
from homeftp.dispatchers.table import EVERYTHING
from homeftp.files.budget import MemoryBudget
from homeftp.files.upload import IncomingPayload
from homeftp.server.gate.output import OutputBuffer
from homeftp.server.gate.stuckrequests import StuckRequestLog
from homeftp.server.gate.traffic import Traffic
from homeftp.server.json.exchange import Exchange
from homeftp.server.json.resolution import Resolution
from homeftp.server.json.router import Route


class ExchangeTests(SynchronousTestCase):
    """An exchange with a payload that streams."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.log = StuckRequestLog(self.clock, 60, "192.0.2.1:5")
        self.traffic = Traffic(self.clock.seconds).of("json", ["PUSH"])
        self.addCleanup(self.log.stop)
        self.output = OutputBuffer(
            StringTransport(), paused=lambda: None, resumed=lambda: None, failed=lambda failure: None
        )
        self.resolution = Resolution(1, self.output, lambda: None)
        self.payload = IncomingPayload(10 * PIECE, lambda: None, MemoryBudget(PIECE))
        self.running: Deferred[None] | None = Deferred()

    def make(self) -> Exchange:
        route = Route(EVERYTHING, lambda payload, resolution: self.running)
        return Exchange("PUSH", route, self.payload, self.resolution, self.log, self.traffic)

    def test_path_lock(self) -> None:
        """It is that of its route."""
        self.assertIs(self.make().path_lock, EVERYTHING)

    def test_at_once(self) -> None:
        """A request that finishes at once gives no Deferred, and is never watched."""
        self.running = None
        self.resolution.resolve(0, "")
        self.assertIsNone(self.make().start())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertTrue(self.payload.discarding)

    def test_payload_after_the_end(self) -> None:
        """When the work has ended, the rest of the payload is discarded as it arrives."""
        finished = self.make().start()
        assert finished is not None and self.running is not None
        self.assertFalse(self.payload.discarding, "the control")
        self.resolution.resolve(0, "")
        self.running.callback(None)
        self.successResultOf(finished)
        self.assertTrue(self.payload.discarding)

    def test_payload_of_a_streaming_answer(self) -> None:
        """An answer that is read from the request's own payload keeps it until it is sent."""
        exchange = self.make()
        exchange.start()
        assert self.running is not None
        self.resolution.resolve(0, "", payload=self.payload)
        self.running.callback(None)
        self.assertFalse(self.payload.discarding)
        exchange.close()
        self.assertTrue(self.payload.discarding)

    def test_disconnected(self) -> None:
        """Once the client is gone a request that runs keeps its payload until it ends."""
        exchange = self.make()
        exchange.start()
        assert self.running is not None
        self.resolution.resolve(0, "", payload=self.payload)
        exchange.disconnect()
        self.assertFalse(self.payload.discarding)
        self.running.callback(None)
        self.assertTrue(self.payload.discarding)

    def test_disconnected_at_the_end(self) -> None:
        """The answer of a request that has ended is not sent any more: nothing reads the payload."""
        exchange = self.make()
        exchange.start()
        assert self.running is not None
        self.resolution.resolve(0, "", payload=self.payload)
        self.running.callback(None)
        self.assertFalse(self.payload.discarding, "the control")
        exchange.disconnect()
        self.assertTrue(self.payload.discarding)

    def test_progress(self) -> None:
        """Waiting for the client is no state of its own; a payload that was delivered is progress."""
        exchange = self.make()
        exchange.start()
        self.resolution.reach_head()
        self.assertIsNone(exchange.progress(), "the client owes the payload")
        self.payload.deliver(bytes(PIECE))
        first = exchange.progress()
        self.assertIsNotNone(first, "now it is the dispatcher's to read")
        self.successResultOf(Deferred.fromCoroutine(self.payload.read()))
        self.payload.deliver(bytes(2 * PIECE))
        self.assertNotEqual(exchange.progress(), first)
        self.output.pauseProducing()
        self.assertIsNone(exchange.progress(), "the client does not read")

    def test_counted(self) -> None:
        """An answer counts once it is sent, with its status and the time since the request began."""
        exchange = self.make()
        exchange.start()
        self.clock.advance(2)
        self.assertEqual(self.traffic.answers["PUSH"].by_status, {}, "the control")
        self.resolution.resolve(51, "")
        exchange.close()
        answers = self.traffic.answers["PUSH"]
        self.assertEqual((answers.by_status, answers.seconds.total), ({51: 1}, 2.0))

    def test_not_counted(self) -> None:
        """A request whose client hung up was not answered, nor one that was dropped before it began."""
        exchange = self.make()
        exchange.start()
        self.resolution.resolve(0, "", payload=self.payload)
        exchange.disconnect()
        dropped = self.make()
        dropped.close()
        self.assertEqual(self.traffic.answers["PUSH"].by_status, {})
