"""Memory is bounded whatever a client does: how much the server reads, holds and refuses."""

from __future__ import annotations

import json
import os
import socket
from typing import Sequence

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from homeftp.config import KIB, MIB, MIN_BUFFER, READ_BUFFER, SMALL_FILE, STREAM_PIECE
from homeftp.files.upload import IncomingPayload
from homeftp.server.gate.requestmemory import Weight
from homeftp.server.gate.timeouts import HANGUP_SECONDS
from homeftp.status import Status
from homeftp.workers.pool import described
from tests.support import replay
from tests.support.inmemory import Connection
from tests.support.verbs import QueuedCase


class PaceTests(QueuedCase):
    """Memory is bounded whatever the client does."""

    def test_in_flight(self) -> None:
        """At 64 requests in flight the server reads no more, and goes on when one is answered."""
        for number in range(100):
            self.connection.send("CMP", {"rel_endpoint": f"f{number}"})
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.assertEqual(len(self.connection.protocol._pipeline), 64)
        self.work()
        self.assertEqual(self.connection.transport.producerState, "producing")
        self.assertEqual(len(self.connection.responses()), 100)

    def test_hangup_in_flight(self) -> None:
        """The requests of a client that hangs up while nothing is read from it are not carried out to their end."""
        here, there = socket.socketpair()
        self.addCleanup(here.close)
        self.connection.transport.socket = here
        for number in range(100):
            self.connection.send("CMP", {"rel_endpoint": f"f{number}"})
        self.server.clock.advance(HANGUP_SECONDS)
        self.assertFalse(self.connection.transport.aborted, "the control")
        there.close()
        self.server.clock.advance(HANGUP_SECONDS)
        self.assertTrue(self.connection.transport.aborted)

    def test_hangup_in_payload(self) -> None:
        """What a client has sent of a payload is read to its end, so that it can be resumed."""
        here, there = socket.socketpair()
        self.addCleanup(here.close)
        self.connection.transport.socket = here
        line = b'{"request_type": "PUSH", "body": {"rel_endpoint": "new"}, "content_length": 9000000}\n'
        self.connection.send_raw(line + bytes(2 * MIB))
        self.assertEqual(self.connection.transport.producerState, "paused")
        there.close()
        self.server.clock.advance(HANGUP_SECONDS)
        self.assertFalse(self.connection.transport.aborted)

    def test_small_payloads(self) -> None:
        """A mebibyte of payloads that wait is enough: the server reads no more."""
        for number in range(40):
            self.connection.send("PUSH", {"rel_endpoint": f"f{number}"}, bytes(SMALL_FILE))
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.assertLessEqual(self.connection.protocol._memory.weight.payload, 1024 * 1024)
        self.work()
        self.assertEqual([r.status for r in self.connection.responses()], [0] * 40)

    def wait_behind_get(self, connections: Sequence[Connection], size: int, pushes: int = 20) -> None:
        """Each client asks for a file and does not read it, and sends payloads that have to wait for that."""
        self.server.put("big", bytes(MIB))
        for connection in connections:
            connection.protocol._output.pauseProducing()
            connection.send("GET", {"rel_endpoint": "big"})
            self.work()
            for _ in range(pushes):
                connection.send("PUSH", {"rel_endpoint": "big"}, bytes(size))

    def waiting(self, connection: Connection) -> tuple[int, int]:
        """How many payloads wait for a path, and the bytes that they hold."""
        payloads = [exchange._payload for exchange in connection.protocol._pipeline._waiting]
        return len(payloads), sum(payload.held for payload in payloads if isinstance(payload, IncomingPayload))

    def test_arrived_payloads(self) -> None:
        """A mebibyte of large payloads that have arrived and wait is enough too: the server reads no more meanwhile."""
        size = 250_000
        self.wait_behind_get([self.connection], size)
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.assertEqual(self.waiting(self.connection), (5, 5 * size))
        self.assertGreater(5 * size, MIB)
        self.connection.protocol._output.resumeProducing()
        self.work()
        answers = [(response.status, response.more) for response in self.connection.responses()]
        self.assertEqual(answers, [(0, True), (0, False), *[(0, False)] * 20])
        self.assertEqual(self.server.services.budget.streams, 0)

    def test_many_with_arrived_payloads(self) -> None:
        """The more clients do that, the less of each is held; when they are gone, nothing is."""
        size = 250_000
        connections = [self.connection, *(Connection(self.server, login=False) for _ in range(19))]
        for connection in connections[1:]:
            connection.enter(self.server.account("ann"))
        self.wait_behind_get(connections, size, pushes=4)
        held = [self.waiting(connection)[1] for connection in connections]
        self.assertEqual(held[0], 4 * size, "the control")
        self.assertLess(held[-1], 2 * size)
        self.assertLess(sum(held), self.server.services.limits.request_memory)
        for connection in connections:
            connection.protocol.connectionLost(Failure(ConnectionDone()))
        self.work()
        self.assertEqual(self.server.services.budget.streams, 0)
        self.assertEqual(self.server.json.memory.held, 0)

    def test_buffers(self) -> None:
        """The more connections there are, the less each reads and writes at once; twice as much of a large payload."""
        memory, transport = self.server.json.memory, self.connection.protocol.transport
        head = b'{"request_type": "PUSH", "body": {"rel_endpoint": "f"}, "content_length": 1000000}\n'
        for others, size in ((0, READ_BUFFER), (199, MIN_BUFFER), (0, READ_BUFFER)):
            shares = [memory.connection_memory() for _ in range(others)]
            self.connection.send("HELLO")
            self.assertEqual(transport.bufferSize, size)
            self.assertEqual(self.connection.protocol._output.slice, size)
            self.connection.send_raw(head)
            self.assertEqual(transport.bufferSize, 2 * size)
            self.connection.send_raw(bytes(1_000_000))
            self.work()
            self.assertEqual(transport.bufferSize, size)
            for share in shares:
                share.close()
        self.connection.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(memory.connections, 0)

    def leave_little(self, left: int = 320 * KIB) -> None:
        """Another client of the account holds so much that the account may hold `left` bytes more."""
        memory = self.server.json.memory
        share = memory.connection_memory()
        share.log_in("ann")
        share.change(Weight(), Weight(held=memory.most("ann") - left))
        self.addCleanup(share.change, share.weight, Weight())

    def test_window_without_memory(self) -> None:
        """64 requests with a MiB of payloads are read from a client that does not read; those beyond its share get 51.

        So neither end waits for the other, and the client can send the refused ones again.
        """
        self.leave_little()
        self.wait_behind_get([self.connection], 16_000, pushes=62)
        self.assertEqual(self.connection.transport.producerState, "producing")
        memory = self.server.json.memory
        self.assertLess(memory.held, memory.limits.request_memory)
        self.connection.send("CMP", {"rel_endpoint": "big"})
        self.assertEqual(self.connection.transport.producerState, "paused", "the control: a 64th is the last")
        self.connection.protocol._output.resumeProducing()
        self.work()
        _, _, *answers = self.connection.responses()
        accepted = [response.status for response in answers].index(Status.BUSY)
        self.assertGreater(accepted, 1)
        self.assertEqual([response.status for response in answers], accepted * [0] + (63 - accepted) * [Status.BUSY])
        self.assertIn("send this request again", answers[-1].message)
        refused = [line for line in replay.lines(self.server.folder) if line["event"] == "refused"]
        told = [response for response in answers[:-1] if response.status == Status.BUSY]
        self.assertEqual([(line["request"], line["status"]) for line in refused], [("PUSH", Status.BUSY)] * len(told))
        self.assertEqual(self.connection.ask("HELLO").status, 0)

    def test_reading_client_without_memory(self) -> None:
        """A client that reads its answers has nothing refused: it only waits until the server has done its work."""
        self.leave_little()
        for number in range(62):
            self.connection.send("PUSH", {"rel_endpoint": f"f{number}"}, bytes(16_000))
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.assertLess(len(self.connection.protocol._pipeline), 15, "the control: the others wait")
        self.work()
        self.assertEqual([response.status for response in self.connection.responses()], [0] * 62)

    def test_client_that_stops_reading(self) -> None:
        """A client that has to wait while it still reads, and then does not read any more, need not wait any more."""
        self.leave_little(1200 * KIB)
        for _ in range(60):
            self.connection.send("PUSH", {"rel_endpoint": "big"}, b"x")
        self.assertEqual(self.connection.transport.producerState, "paused", "the control")
        self.assertGreater(len(self.connection.protocol._pipeline), 32, "the control: at half of this limit it goes on")
        self.connection.protocol._output.pauseProducing()
        self.assertEqual(self.connection.transport.producerState, "producing")
        self.assertEqual(len(self.connection.protocol._pipeline), 60)
        self.connection.protocol._output.resumeProducing()
        self.work()
        self.assertEqual(len(self.connection.responses()), 60)

    def test_long_ids(self) -> None:
        """A refused request keeps its id, which may be long: at some point the server stops reading after all."""
        self.leave_little()
        self.connection.protocol._output.pauseProducing()
        for number in range(60):
            self.connection.send("CMP", {"rel_endpoint": "f"}, id=f"{number:10000}")
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.assertLess(len(self.connection.protocol._pipeline), 30)
        self.connection.protocol._output.resumeProducing()
        self.work()
        self.assertEqual(len(self.connection.responses()), 60)

    def test_answers_without_memory(self) -> None:
        """GETs of small files begin as long as there is memory for their answers, the first in any case."""
        for share in (False, True):
            if share:
                self.leave_little()
            for _ in range(10):
                self.connection.send("GET", {"rel_endpoint": "big"})
            waiting = len(self.connection.protocol._pipeline._waiting)
            self.assertEqual(waiting > 5, share, "the control is without others")
            self.work()
            self.assertEqual(len(self.connection.responses()), 10)

    def test_large_payload(self) -> None:
        """A large payload is read only as fast as the disk takes it."""
        size = 10_000_000
        line = {"request_type": "PUSH", "content_length": size, "body": {"rel_endpoint": "big"}}
        self.connection.send_raw(json.dumps(line).encode() + b"\n")
        sent = 0
        for _ in range(10_000):
            if self.connection.transport.producerState == "paused":
                self.assertLessEqual(sent, size)
                if not self.workers.work():
                    self.fail("paused with nothing to do")
            elif sent < size:
                step = min(16_384, size - sent)
                self.connection.send_raw(bytes(step))
                sent += step
            elif not self.workers.work():
                break
            stream = self.connection.protocol._stream
            self.assertLessEqual(0 if stream is None else stream.held, STREAM_PIECE + 16_384)
        self.assertEqual([r.status for r in self.connection.responses()], [0])
        self.assertEqual(os.path.getsize(os.path.join(self.server.root, "big")), size)

    def test_payload_behind_the_end(self) -> None:
        """A large payload that still arrives when the session ends takes no more part in the common memory."""
        self.server.put("slow", bytes(100_000))
        self.connection.send("GET", {"rel_endpoint": "slow"})
        self.connection.send("QUIT")
        line = {"request_type": "PUSH", "content_length": 10_000_000, "body": {"rel_endpoint": "big"}}
        self.connection.send_raw(json.dumps(line).encode() + b"\n" + bytes(1000))
        self.assertEqual(self.server.services.budget.streams, 1, "the control")
        self.work()
        self.assertTrue(self.connection.transport.disconnecting)
        self.assertEqual(self.server.services.budget.streams, 0)

    def test_unread_answers(self) -> None:
        """While the client does not read, at most 64 answers wait, and the server reads no more."""
        self.connection.protocol._output.pauseProducing()
        for number in range(200):
            self.connection.send("HELLO", id=number)
        self.assertEqual(self.connection.responses(), [])
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.connection.protocol._output.resumeProducing()
        self.assertEqual([r.id for r in self.connection.responses()], list(range(200)))

    def test_unread_gets(self) -> None:
        """Nothing of a large file is read before its turn to be sent has come."""
        for number in range(10):
            self.server.put(f"big{number}", bytes(3_000_000))
            self.connection.send("GET", {"rel_endpoint": f"big{number}"})
        self.connection.responses()
        self.connection.protocol._output.pauseProducing()

        def pieces() -> int:
            return sum("read_piece" in described(job.call, job.args) for job in self.workers.jobs)

        read = 0
        for _ in range(20):
            read += pieces()
            self.workers.work()
        self.assertLessEqual(read, 2)
        self.connection.protocol._output.resumeProducing()
        while self.workers.jobs:
            read += pieces()
            self.workers.work()
        self.assertEqual([r.status for r in self.connection.responses()], [0] * 20)
        self.assertGreater(read, 20, "the test does not see what is read")
