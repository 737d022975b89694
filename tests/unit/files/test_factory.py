"""The parts that the files of all logins of a server have in common."""

from __future__ import annotations

from homeftp.config import SMALL_FILE, STREAM_PIECE
from homeftp.endpoint import parse
from homeftp.files.download import FilePayload
from homeftp.model import Actor
from homeftp.store.memory import MemoryStore
from tests.support.filestores import FilesTestCase
from tests.support.inmemory import Connection, Server
from tests.support.queuedworkers import QueuedWorkers


class FactoryTests(FilesTestCase):
    """Several logins, of several stores."""

    def test_shared(self) -> None:
        """Those of one account share its batches, and all share the memory for streams."""
        self.lay({"a": b"x" * (SMALL_FILE + 1)})
        first, second, other = (self.factory.files(MemoryStore(), Actor(name)) for name in ("bob", "bob", "eve"))
        for files in (first, second, first, second):
            self.start(files.stat(parse("a")))
        self.assertEqual([self.workers.work() for _ in range(3)], [1, 1, 0])
        for files in (first, second, other):
            self.start(files.stat(parse("a")))
        self.assertEqual([self.workers.work() for _ in range(3)], [2, 1, 0])
        payloads = []
        for _ in range(2):
            stream = self.result_of(self.files.open(parse("a")))
            payloads.append(stream.payload(0, SMALL_FILE))
        for payload in payloads:
            assert isinstance(payload, FilePayload)
            self.result_of(payload.read())
        self.assertEqual(self.budget.streams, 2)


class OneBudgetTests(FilesTestCase):
    """The memory of a server's streams."""

    def test_both_directions(self) -> None:
        """A file that is sent and one that is received count in the same budget, and give it back."""
        workers = QueuedWorkers()
        server = Server.make(workers=workers)
        self.addCleanup(server.close)
        server.put("large", bytes(4 * STREAM_PIECE))
        connections = [Connection(server, login=False) for _ in range(2)]
        for connection in connections:
            connection.enter(server.account("ann"))
        line = b'{"request_type": "PUSH", "body": {"rel_endpoint": "new"}, "content_length": 5000000}\n'
        connections[0].send_raw(line + bytes(1000))
        connections[1].transport.producerState = "paused"
        connections[1].send("GET", {"rel_endpoint": "large"})
        workers.work()
        self.assertEqual(server.services.budget.streams, 2)
        for connection in connections:
            connection.protocol.connectionLost()
        workers.work_all()
        self.assertEqual(server.services.budget.streams, 0)
