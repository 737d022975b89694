"""How long a client may take, and what it hears while the server takes long."""

from __future__ import annotations

import json
import os

from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer, provider

from homeftp.config import GOODBYE_BYTES, KEEPALIVE_SECONDS
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.messages import AtEndpoint
from tests.support.inmemory import Connection, Server


class DeadlineTests(SynchronousTestCase):
    """How long a client may take."""

    def setUp(self) -> None:
        self.server = Server.make()
        self.addCleanup(self.server.close)
        self.clock = self.server.clock

    def test_no_tls(self) -> None:
        """Ten seconds for TLS, whatever trickles in."""
        connection = Connection(self.server, tls=False)
        for _ in range(9):
            connection.send_raw(b"x")
            self.clock.advance(1)
        self.assertFalse(connection.transport.aborted)
        self.clock.advance(1)
        self.assertTrue(connection.transport.aborted)

    def test_no_login(self) -> None:
        """Thirty seconds for a login."""
        connection = Connection(self.server, login=False)
        self.clock.advance(29.9)
        self.assertFalse(connection.transport.aborted)
        self.clock.advance(0.1)
        self.assertTrue(connection.transport.aborted)

    def test_member_may_idle(self) -> None:
        """A client that has logged in may be silent."""
        connection = Connection(self.server)
        self.clock.advance(100_000)
        self.assertFalse(connection.transport.aborted)
        self.assertEqual(connection.ask("HELLO").status, 0)

    def test_stalled_bodies(self) -> None:
        """A payload that stalls for 60 seconds is answered 53, nothing of it stays, and the connection is closed."""
        for size in (1000, 1_000_000):
            connection = Connection(self.server)
            line = {"request_type": "PUSH", "id": 5, "content_length": size, "body": {"rel_endpoint": "a"}}
            connection.send_raw(json.dumps(line).encode() + b"\n" + bytes(size // 2))
            self.clock.advance(59)
            self.assertEqual(connection.responses(), [])
            self.clock.advance(1)
            [response] = connection.responses()
            self.assertEqual((response.status, response.id), (Status.TIMEOUT, 5), size)
            self.assertTrue(connection.transport.disconnecting)
            self.assertEqual(os.listdir(os.path.join(self.server.root, ".homeftp", "incoming")), [])
            self.assertFalse(os.path.exists(os.path.join(self.server.root, "a")))

    def test_refused_without_end(self) -> None:
        """A refused request's payload is read to its declared end, however far off; when it stalls, 53 and closed."""
        connection = Connection(self.server)
        line = {"request_type": "PUSH", "id": 5, "content_length": 2**63 - 1, "body": {"rel_endpoint": "../a"}}
        connection.send_raw(json.dumps(line).encode() + b"\n")
        self.assertEqual([(r.status, r.id) for r in connection.responses()], [(Status.BAD_ENDPOINT, 5)])
        for _ in range(100):
            connection.send_raw(b'{"request_type": "HELLO"}\n' * 2000)
            self.clock.advance(30)
        self.assertEqual(connection.responses(), [], "nothing in it is a request")
        self.assertFalse(connection.transport.disconnecting)
        self.clock.advance(60)
        self.clock.advance(60)
        self.assertEqual([(r.status, r.id) for r in connection.responses()], [(Status.TIMEOUT, None)])
        self.assertTrue(connection.transport.disconnecting)

    def test_stalled_line(self) -> None:
        """Half a line is a stall too."""
        connection = Connection(self.server)
        connection.send_raw(b'{"request')
        self.clock.advance(60)
        self.assertEqual([r.status for r in connection.responses()], [Status.TIMEOUT])
        self.assertTrue(connection.transport.disconnecting)

    def test_finished_in_time(self) -> None:
        """The control: the same payload, ended after 59 seconds, is stored."""
        connection = Connection(self.server)
        line = {"request_type": "PUSH", "content_length": 1000, "body": {"rel_endpoint": "a"}}
        connection.send_raw(json.dumps(line).encode() + b"\n" + bytes(500))
        self.clock.advance(59)
        connection.send_raw(bytes(500))
        self.clock.advance(1000)
        self.assertEqual([r.status for r in connection.responses()], [0])
        self.assertFalse(connection.transport.disconnecting)

    def test_unread_answers(self) -> None:
        """The connection of a client that reads nothing for 60 seconds is aborted."""
        connection = Connection(self.server)
        connection.protocol._output.pauseProducing()
        self.clock.advance(59)
        self.assertFalse(connection.transport.aborted)
        self.clock.advance(1)
        self.assertTrue(connection.transport.aborted)

    def test_sending_after_goodbye(self) -> None:
        """The connection of a peer that continues to send after the close is aborted after about a mebibyte."""
        cut: list[str] = []

        @provider(ILogObserver)
        def observer(event: dict[str, object]) -> None:
            cut.extend(line for line in [formatEvent(event)] if "after the last answer" in line)

        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        for piece in (bytes(16_384), b"\n" * 16_384, b'{"request_type": "HELLO"}\n' * 600, b"x" * 1000):
            connection = Connection(self.server)
            connection.send_raw(b"x" * 20_000)
            self.assertEqual([r.status for r in connection.responses()], [Status.TOO_LARGE])
            for _ in range(GOODBYE_BYTES // len(piece)):
                connection.send_raw(piece)
            self.assertFalse(connection.transport.aborted, "the control: what was on its way is let come")
            for _ in range(20):  # of what has been read already, Twisted hands on the rest
                connection.send_raw(piece)
            self.assertTrue(connection.transport.aborted, piece[:30])
            self.assertEqual(connection.responses(), [])
            self.assertEqual(len(cut), 1, "it is logged once")
            cut.clear()

    def test_member_may_send(self) -> None:
        """The control: as much is taken in where there was no goodbye."""
        connection = Connection(self.server)
        request = b'{"request_type": "HELLO"}'.ljust(1023) + b"\n"
        for _ in range(GOODBYE_BYTES // 16_384 + 2):
            connection.send_raw(request * 16)
        self.assertEqual({r.status for r in connection.responses()}, {Status.OK})
        self.assertFalse(connection.transport.aborted)

    def test_goodbye_unheard(self) -> None:
        """The connection of a peer that does not close its end is aborted after a while."""
        connection = Connection(self.server)
        connection.send("QUIT")
        self.assertFalse(connection.transport.aborted)
        self.clock.advance(10)
        self.assertTrue(connection.transport.aborted)


@implementer(IDispatcher, IPathLocking)
class _Working:
    """Works on its request until the test says that it is done."""

    request_type = "WORK"
    body_type = AtEndpoint

    def __init__(self) -> None:
        self.working: Deferred[None] = Deferred()

    def path_lock(self, body: AtEndpoint) -> PathLock:
        return PathLock(body.rel_endpoint, changes=False)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        await self.working
        resolution.resolve(0, "done")


class KeepAliveTests(SynchronousTestCase):
    """The server shows that it works, by empty lines, to those who asked for that."""

    def setUp(self) -> None:
        self.dispatcher = _Working()
        self.server = Server.make(extra=[self.dispatcher])
        self.addCleanup(self.server.close)
        self.connection = Connection(self.server)

    def wait(self, seconds: int) -> bytes:
        """What it sends within so many seconds."""
        self.server.clock.pump([1] * seconds)
        said: bytes = self.connection.transport.value()
        self.connection.transport.clear()
        return said

    def test_shown(self) -> None:
        """While it works there is a line every 15 to 30 seconds, and none while nothing is asked."""
        answer = self.connection.ask("HELLO", {"keepalive": True})
        self.assertEqual(answer.body["keepalive"], KEEPALIVE_SECONDS)
        self.assertEqual(self.wait(1000), b"")
        self.connection.send("WORK", {"rel_endpoint": "a"})
        self.assertIn(self.wait(20 * KEEPALIVE_SECONDS), (b"\n" * 19, b"\n" * 20))
        self.dispatcher.working.callback(None)
        self.assertEqual([response.message for response in self.connection.responses()], ["done"])
        self.assertEqual(self.wait(1000), b"")

    def test_not_asked(self) -> None:
        """The control: nothing comes to a client that did not ask for it, and HELLO does not mention it."""
        self.assertNotIn("keepalive", self.connection.ask("HELLO").body)
        self.connection.send("WORK", {"rel_endpoint": "a"})
        self.assertEqual(self.wait(1000), b"")

    def test_not_read(self) -> None:
        """A client that does not read gets none; the control is that it gets some as soon as it reads."""
        self.connection.ask("HELLO", {"keepalive": True})
        self.connection.send("WORK", {"rel_endpoint": "a"})
        self.connection.protocol._output.pauseProducing()
        self.assertEqual(self.wait(3 * KEEPALIVE_SECONDS), b"")
        self.connection.protocol._output.resumeProducing()
        self.assertIn(b"\n", self.wait(2 * KEEPALIVE_SECONDS))

    def test_ended(self) -> None:
        """A connection that has ended leaves nothing on the clock."""
        self.connection.ask("HELLO", {"keepalive": True})
        self.connection.protocol.connectionLost()
        self.assertEqual(self.server.clock.getDelayedCalls(), [])
