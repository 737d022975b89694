"""A client, a server and a file that go away, or change, while a request is in progress."""

from __future__ import annotations

import json
import os

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from homeftp.config import KEEPALIVE_SECONDS
from homeftp.status import Status
from tests.support.verbs import QueuedCase


class InProgressTests(QueuedCase):
    """What ends, or changes, while a request is in progress."""

    def begin_get(self) -> bytes:
        """A GET of a large file of which a part has been sent; gives that part."""
        self.connection.responses()
        self.server.put("big", bytes(5_000_000))
        self.connection.send("GET", {"rel_endpoint": "big"})
        for _ in range(3):
            self.workers.work()
        sent: bytes = self.connection.transport.value()
        self.assertLess(len(sent), 3_000_000)
        self.assertGreater(len(sent), 1000)
        return sent

    def test_closing(self) -> None:
        """While a connection that is to be closed still works, it reads no more; then it reads the client's goodbye."""
        self.connection.send("PUSH", {"rel_endpoint": "a"}, b"x")
        self.assertEqual(self.connection.transport.producerState, "producing", "the control")
        self.connection.send("QUIT")
        self.connection.send_raw(b"no request\n")
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.work()
        self.assertEqual([r.status for r in self.connection.responses()], [0, 0])
        self.assertTrue(self.connection.transport.disconnecting)
        self.assertEqual(self.connection.transport.producerState, "producing")

    def test_client_vanishes(self) -> None:
        """When the client goes in the middle of a PUSH, nothing of it stays, and nothing is replaced."""
        self.server.put("big", b"old")
        line = {"request_type": "PUSH", "content_length": 10_000_000, "body": {"rel_endpoint": "big"}}
        self.connection.send_raw(json.dumps(line).encode() + b"\n" + bytes(3_000_000))
        self.work()
        self.connection.protocol.connectionLost(Failure(ConnectionDone()))
        self.work()
        self.assertTrue(self.connection.ended)
        self.assertEqual(os.listdir(os.path.join(self.server.root, ".homeftp", "incoming")), [])
        self.assertEqual(self.server.read("big"), b"old")
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_no_keepalive_in_payload(self) -> None:
        """No sign of life comes between the bytes of a payload, however long the next ones take."""
        self.connection.ask("HELLO", {"keepalive": True})
        self.begin_get()
        self.connection.transport.clear()
        self.server.clock.pump([1] * 4 * KEEPALIVE_SECONDS)
        self.assertEqual(self.connection.transport.value(), b"")
        self.work()
        self.connection.send("CMP", {"rel_endpoint": "big"})
        self.connection.transport.clear()
        self.server.clock.pump([1] * 4 * KEEPALIVE_SECONDS)
        self.assertIn(b"\n", self.connection.transport.value(), "the control: it comes while a request waits")

    def test_file_gets_shorter(self) -> None:
        """A file that gets shorter while it is sent breaks the connection: no padding, no line in its place."""
        self.begin_get()
        os.truncate(os.path.join(self.server.root, "big"), 4_000_000)
        self.work()
        self.assertTrue(self.connection.transport.aborted)
        _, _, content = self.connection.transport.value().partition(b"\n")
        self.assertEqual(content, bytes(len(content)))
        self.assertLessEqual(len(content), 4_000_000)

    def test_file_changes(self) -> None:
        """A file that changes while it is sent is given the verdict 44; one that does not, 0."""
        for change, status in ((False, Status.OK), (True, Status.CHANGED)):
            self.begin_get()
            if change:
                with open(os.path.join(self.server.root, "big"), "r+b") as file:
                    file.seek(2_900_000)
                    file.write(b"new")
            self.work()
            self.assertEqual([r.status for r in self.connection.responses()], [Status.OK, status])
            self.assertFalse(self.connection.transport.aborted)

    def test_file_changes_unseen(self) -> None:
        """Nor does it help to set its time back, as programs do that copy over a file; a new name is no change."""
        for change, status in ((False, Status.OK), (True, Status.CHANGED)):
            self.begin_get()
            path = os.path.join(self.server.root, "big")
            before = os.stat(path)
            if change:
                with open(path, "r+b") as file:
                    for place in (0, 2_900_000):  # of which the first has been sent
                        file.seek(place)
                        file.write(b"new")
            else:
                os.link(path, path + ".link")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            self.work()
            *_, verdict = self.connection.responses()
            self.assertEqual(verdict.status, status)
            if not change:
                self.assertIn("hash", verdict.body)

    def test_stop(self) -> None:
        """A stopping server finishes what is in flight, refuses what comes, and closes."""
        self.connection.send("PUSH", {"rel_endpoint": "a"}, b"x")
        self.connection.protocol.stop()
        self.assertFalse(self.connection.transport.disconnecting)
        self.connection.send("PUSH", {"rel_endpoint": "b"}, b"x")
        self.work()
        self.assertEqual([r.status for r in self.connection.responses()], [0, Status.SHUTTING_DOWN])
        self.assertTrue(self.connection.transport.disconnecting)
        self.assertEqual(sorted(os.listdir(self.server.root)), [".homeftp", "a"])

    def test_stop_idle(self) -> None:
        """A connection with nothing in flight is closed at once."""
        self.connection.protocol.stop()
        self.assertTrue(self.connection.transport.disconnecting)
