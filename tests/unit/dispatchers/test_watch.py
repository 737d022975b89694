"""WATCH, as a client meets it."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure

from homeftp.config import KEEPALIVE_SECONDS, Limits
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.watch import WatchDispatcher
from homeftp.endpoint import parse
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.messages import WatchBody
from tests.support.inmemory import Connection
from tests.support.verbs import QueuedCase


class WatchTests(QueuedCase):
    """`WatchDispatcher`, on a connection of its own."""

    dispatchers = (WatchDispatcher(), DeleteDispatcher())
    limits = Limits(account_watches=2)

    def setUp(self) -> None:
        super().setUp()
        self.watching = self.connect()

    def watch(self, name: str = "", connection: Connection | None = None) -> None:
        """Begin to watch."""
        connection = connection or self.watching
        connection.send("WATCH", {"rel_endpoint": name}, id="w")
        [begun] = connection.responses()
        self.assertEqual((begun.status, begun.more, begun.id, begun.body), (0, True, "w", {"changed": []}))

    def change(self, request_type: str, name: str, data: bytes = b"") -> None:
        """Change something by the other connection."""
        self.connection.send(request_type, {"rel_endpoint": name}, data)
        self.work()
        self.assertEqual(self.connection.responses()[-1].status, 0)

    def changes(self) -> list[dict[str, Any]]:
        """What the watching client was told."""
        self.work()
        responses = self.watching.responses()
        self.assertEqual({(each.status, each.more) for each in responses} - {(0, True)}, set())
        return [each.body for each in responses]

    def producer(self) -> Any:
        """What the transport pauses while the client does not read."""
        return self.watching.transport.producer

    def test_reported(self) -> None:
        """Each change is told by an interim answer, with the name and nothing else; nothing is told without one."""
        self.watch("d")
        self.assertEqual(self.changes(), [])
        self.change("PUSH", "d/a", b"x")
        self.assertEqual(self.changes(), [{"changed": ["", "a"]}])
        self.change("PUSH", "b", b"x")
        self.assertEqual(self.changes(), [])
        self.change("DELETE", "d/a")
        self.assertEqual(self.changes(), [{"changed": ["a"]}])

    def test_anything(self) -> None:
        """Where more has changed than is kept, anything may have."""
        self.watch()
        self.server.hub.tell(None)
        self.assertEqual(self.changes(), [{"changed": [], "anything": True}])

    def test_message(self) -> None:
        """A person who types WATCH is told what is watched."""
        for name, shown in (("", "the root"), ("d", "d")):
            connection = self.connect()
            connection.send("WATCH", {"rel_endpoint": name})
            self.assertEqual(connection.responses()[0].message, f"watching {shown}")

    def test_lock(self) -> None:
        """It only reads, so that no refusal of it counts as a refused change; and it runs alone."""
        lock = WatchDispatcher().path_lock(WatchBody(rel_endpoint=parse("d")))
        self.assertEqual(lock, PathLock(parse("d"), changes=False, alone=True))

    def test_shown(self) -> None:
        """The owner is shown what is watched, as of other requests."""
        self.watch("d/e")
        [activity] = self.watching.protocol.activities()
        self.assertEqual((activity.request, activity.endpoint), ("WATCH", parse("d/e")))

    def test_behind(self) -> None:
        """What the client sends behind a WATCH waits, and is not carried out."""
        self.watch("d")
        self.watching.send("PUSH", {"rel_endpoint": "other"}, b"x")
        self.assertEqual(self.changes(), [])
        self.assertEqual(self.server.store.stat(parse("other")), None)
        self.change("PUSH", "other", b"x")
        self.assertIsNotNone(self.server.store.stat(parse("other")), "the control")

    def test_before(self) -> None:
        """A WATCH begins when all before it are answered."""
        self.watching.send("PUSH", {"rel_endpoint": "a"}, b"x")
        self.watching.send("WATCH", {"rel_endpoint": ""})
        self.assertEqual(self.watching.responses(), [])
        self.work()
        self.assertEqual([each.more for each in self.watching.responses()], [False, True])

    def test_disconnected(self) -> None:
        """When the client goes away the watch ends at once; so no account uses up its watches."""
        for _ in range(3 * self.limits.account_watches):
            connection = self.connect()
            self.watch(connection=connection)
            self.assertEqual(len(self.server.hub), 1)
            connection.protocol.connectionLost(Failure(ConnectionDone()))
            self.assertEqual(len(self.server.hub), 0)

    def test_busy(self) -> None:
        """A watch too many is refused, and the connection goes on."""
        for _ in range(self.limits.account_watches):
            self.watch(connection=self.connect())
        refused = self.connection.ask("WATCH", {"rel_endpoint": ""})
        self.assertEqual((refused.status, refused.more), (Status.BUSY, False))
        self.change("PUSH", "a", b"x")

    def test_stop(self) -> None:
        """When the server stops, the watch is answered 54, and the connection is closed."""
        self.watch()
        self.server.hub.stop()
        self.watching.protocol.stop()
        self.work()
        [end] = self.watching.responses()
        self.assertEqual((end.status, end.more), (Status.SHUTTING_DOWN, False))
        self.assertTrue(self.watching.transport.disconnecting)

    def test_idle(self) -> None:
        """An idle watch shows a client that asked for it that the server is there, and is not logged as stuck."""
        self.watching.ask("HELLO", {"keepalive": True})
        self.watch()
        with capturedLogs() as events:
            self.server.clock.pump([1] * 20 * KEEPALIVE_SECONDS)
        self.assertGreaterEqual(self.watching.transport.value().count(b"\n"), 10)
        self.assertEqual(self.watching.transport.value().strip(b"\n"), b"")
        self.assertEqual([each for each in map(formatEvent, events) if "progress" in each], [])
        self.connection.send("DELETE", {"rel_endpoint": "a"})
        with capturedLogs() as events:
            self.server.clock.pump([1] * 20 * KEEPALIVE_SECONDS)
        stuck = [each for each in map(formatEvent, events) if "progress" in each]
        self.assertEqual([each.split()[0] for each in stuck], ["DELETE"], "the control")

    def test_slow_reader(self) -> None:
        """A client that does not read is told what it missed in few answers, however much that was."""
        self.watch()
        producer = self.producer()
        producer.pauseProducing()
        for number in range(20):
            self.change("PUSH", "ab"[number % 2], str(number).encode())
        self.assertEqual(self.watching.responses(), [])
        producer.resumeProducing()
        self.assertEqual(self.changes(), [{"changed": ["a"]}, {"changed": ["b", "a"]}])

    def test_no_reader(self) -> None:
        """A client that does not read at all is disconnected, as in any other request."""
        self.watch()
        self.producer().pauseProducing()
        self.change("PUSH", "a", b"x")
        self.server.clock.pump([1] * (round(self.limits.stall_seconds) + 1))
        self.assertTrue(self.watching.transport.aborted)
