"""The log names requests that take too long, and those that a stopping server aborts."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer, provider

from homeftp.config import STREAM_PIECE
from homeftp.endpoint import Endpoint
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.interfaces.usage import Activity
from homeftp.model import PathLock
from homeftp.wire.messages import AtEndpoint
from tests.support.exchanges import ManualPayload
from tests.support.inmemory import Connection, Server


@implementer(IDispatcher, IPathLocking)
class Slow:
    """Answers when the test says so; it reads nothing of its payload."""

    request_type = "SLOW"
    body_type = AtEndpoint

    def __init__(self) -> None:
        self.resolution: Any = None
        self.working: Deferred[None] = Deferred()

    def path_lock(self, body: AtEndpoint) -> PathLock:
        return PathLock(body.rel_endpoint, changes=False)

    def dispatch(self, request: IRequest, resolution: IResolution) -> Deferred[None]:
        self.resolution = resolution
        return self.working


class OverdueTests(SynchronousTestCase):
    """A client, and a dispatcher that may never answer."""

    def setUp(self) -> None:
        self.slow = Slow()
        self.server = Server.make(extra=[self.slow])
        self.addCleanup(self.server.close)
        self.connection = Connection(self.server)
        self.warnings: list[str] = []

        @provider(ILogObserver)
        def observer(event: LogEvent) -> None:
            if event["log_level"] is LogLevel.warn:
                self.warnings.append(formatEvent(event))

        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def wait(self, seconds: int) -> None:
        self.server.clock.pump([1] * seconds)

    def warned(self) -> None:
        """After more than a minute, and not before, there is one line; and never another one."""
        self.wait(59)
        self.assertEqual(self.warnings, [])
        self.wait(60)
        self.assertEqual(
            self.warnings,
            ["SLOW of 192.0.2.1:5 has made no progress for 60 seconds"],
        )
        self.wait(1000)
        self.assertEqual(len(self.warnings), 1)
        self.assertFalse(self.connection.transport.aborted)

    def test_never_answered(self) -> None:
        """A dispatcher that does not answer is named, once; nothing is done to it, and it may still answer."""
        self.connection.send("SLOW", {"rel_endpoint": "a"})
        self.warned()
        self.slow.resolution.resolve(0, "at last")
        self.assertEqual([r.message for r in self.connection.responses()], ["at last"])

    def test_in_time(self) -> None:
        """The control: one that answers within the minute is not named; nor is the connection, when it idles."""
        self.connection.send("SLOW", {"rel_endpoint": "a"})
        self.wait(59)
        self.slow.resolution.resolve(0, "done")
        self.slow.working.callback(None)
        self.wait(1000)
        self.assertEqual(self.warnings, [])
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_never_ended(self) -> None:
        """So is one that has answered and does not end: requests behind it may have to wait."""
        self.connection.send("SLOW", {"rel_endpoint": "a"})
        self.slow.resolution.resolve(0, "done")
        self.warned()

    def test_innocent(self) -> None:
        """A request that only waits for earlier answers is not named."""
        self.server.put("large", bytes(300_000))
        self.connection.send("SLOW", {"rel_endpoint": "a"})
        self.connection.send("GET", {"rel_endpoint": "large"})
        self.connection.send("CMP", {"rel_endpoint": "large"})
        self.warned()

    def send_head(self, request_type: str, size: int) -> None:
        line = {"request_type": request_type, "content_length": size, "body": {"rel_endpoint": "a"}}
        self.connection.send_raw(json.dumps(line).encode() + b"\n")

    def test_payload_not_read(self) -> None:
        """A dispatcher that lets its payload lie is named."""
        self.send_head("SLOW", 3 * STREAM_PIECE)
        self.connection.send_raw(bytes(STREAM_PIECE))
        self.warned()

    def test_slow_client(self) -> None:
        """A payload that arrives slowly is the client's affair."""
        self.send_head("PUSH", 600 * 2048)
        for _ in range(600):
            self.connection.send_raw(bytes(2048))
            self.wait(1)
        self.assertEqual([r.status for r in self.connection.responses()], [0])
        self.assertEqual(self.warnings, [])

    def test_slow_reader(self) -> None:
        """So is an answer that is read slowly."""
        self.connection.send("SLOW", {"rel_endpoint": "a"})
        self.connection.protocol._output.pauseProducing()
        self.connection.protocol._deadlines.output.end()
        self.wait(1000)
        self.assertEqual(self.warnings, [])

    def test_answer_moves(self) -> None:
        """An answer's payload that makes progress is not late; one that stops is."""
        drip = ManualPayload(1000)
        self.connection.send("SLOW", {"rel_endpoint": "a"})
        self.slow.resolution.resolve(0, "here it comes", payload=drip)
        self.slow.working.callback(None)
        for _ in range(20):
            self.wait(30)
            drip.give(b"x")
        self.assertEqual(self.warnings, [])
        self.warned()

    def test_activity(self) -> None:
        """The owner sees a request, with its path, until its answer is sent; also when its dispatcher has ended."""
        drip = ManualPayload(1000)
        self.connection.send("SLOW", {"rel_endpoint": "a"})
        running = self.connection.protocol.activities()
        self.slow.resolution.resolve(0, "here it comes", payload=drip)
        self.slow.working.callback(None)
        self.wait(7)
        sending = self.connection.protocol.activities()
        drip.give(bytes(1000))
        drip.give(b"")
        sent = self.connection.protocol.activities()
        self.assertEqual(running, [Activity(request="SLOW", endpoint=Endpoint(("a",)), seconds=0)])
        self.assertEqual(sending, [Activity(request="SLOW", endpoint=Endpoint(("a",)), seconds=7)])
        self.assertEqual(sent, [])

    def test_waiting_answer(self) -> None:
        """A request whose answer only waits for earlier ones is not shown."""
        self.server.put("small", b"x")
        self.connection.send("SLOW", {"rel_endpoint": "a"})
        self.connection.send("CMP", {"rel_endpoint": "small"})
        self.assertEqual([each.request for each in self.connection.protocol.activities()], ["SLOW"])

    def test_stopping(self) -> None:
        """A server that stops says what it did not let finish; what was done, or never begun, it does not name."""
        connections = self.server.services.connections
        self.connection.send("CMP", {"rel_endpoint": "done"})
        self.connection.send("SLOW", {"rel_endpoint": "a"})
        self.wait(7)
        connections.stop()
        self.assertEqual(self.warnings, [])
        connections.abort()
        self.assertEqual(self.warnings, ["SLOW of 192.0.2.1:5 was aborted after 7 seconds: the server is stopping"])
        self.assertTrue(self.connection.transport.aborted)
