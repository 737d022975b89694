"""What one client can cost: a session begins, reads and keeps only so much."""

from __future__ import annotations

from typing import Any

from homeftp.config import KIB, MIB
from homeftp.server.sftp.handles import MOST_HANDLES
from homeftp.server.sftp.session import MAX_IN_FLIGHT, REQUESTS_PER_TURN
from homeftp.server.sftp.wire.numbers import MAX_READ
from tests.support.sftppackets import FAILURE, HANDLE, NEW, NO_SUCH_FILE, OK, READ, Raw, attrs, request, u64
from tests.support.sftpsessions import SessionCase


class BoundTests(SessionCase):
    """What a client can cost."""

    def test_in_flight(self) -> None:
        """Only so many requests are begun at once; the others wait as bytes."""
        for _ in range(3 * MAX_IN_FLIGHT):
            self.send(17, b"/none")
        self.assertEqual(self.session.held, 3 * MAX_IN_FLIGHT * len(request(17, 1, b"/none")))
        self.workers.work_all()
        found = self.output.take()
        self.assertEqual([answer.code for answer in found], [NO_SUCH_FILE] * 3 * MAX_IN_FLIGHT)
        self.assertEqual((self.session.held, self.session.busy), (0, False))

    def test_activities(self) -> None:
        """What is being carried out is told with its endpoint and since when; nothing once it is answered."""
        self.lay({"d/a": b"x"})
        handle, folder = self.open("d/new", NEW), self.ask(11, b"d").string
        self.assertEqual(self.session.activities(), [])
        self.send(4, handle)
        self.clock.advance(2)
        self.send(12, folder)
        self.send(13, b"d/a")
        found = [(each.request, str(each.endpoint), each.seconds) for each in self.session.activities()]
        self.assertEqual(found, [("CLOSE", "d/new", 2.0), ("READDIR", "d", 0.0), ("REMOVE", "d/a", 0.0)])
        self.workers.work_all()
        self.assertEqual(self.session.activities(), [])

    def test_in_turn(self) -> None:
        """A few requests are begun at once; the next ones wait until other accounts have had their turn."""
        turns: list[Any] = []
        self.workers.in_turn = turns.append
        self.session.data_received(b"".join(request(16, number, b"/a") for number in range(2 * REQUESTS_PER_TURN + 1)))
        answered = [len(self.output.take())]
        while turns:
            turns.pop()()
            answered.append(len(self.output.take()))
        self.assertEqual(answered, [REQUESTS_PER_TURN, REQUESTS_PER_TURN, 1])

    def test_turn_at_once(self) -> None:
        """Where no other account waits the next turn comes at once, and nothing stays unanswered."""
        self.workers.in_turn = lambda call: call()
        self.session.data_received(b"".join(request(16, number, b"/a") for number in range(2 * REQUESTS_PER_TURN + 1)))
        self.assertEqual(len(self.output.take()), 2 * REQUESTS_PER_TURN + 1)

    def test_not_read(self) -> None:
        """Nothing is read for a client that does not read, however much it asks for."""
        self.lay({"a": bytes(4 * MIB)})
        handle = self.open("/a", READ)
        self.output.writable = False
        for number in range(10_000):
            self.send(5, handle, Raw(u64(32 * KIB * (number % 100))), 2**32 - 1)
        self.workers.work_all()
        self.assertEqual((self.output.take(), self.workers.jobs), ([], []))
        self.output.writable = True
        self.session.resume()
        self.output.writable = False
        self.workers.work_all()
        self.assertLess(sum(map(len, self.output.sent)), 2 * MAX_READ)
        self.assertEqual(len(self.output.take()), 1, "the control")
        self.session.close()
        self.workers.work_all()

    def test_in_order(self) -> None:
        """A file that is read in order is read in few jobs; one that is not, only where a client asks."""
        content = bytes(range(256)) * (8 * KIB)
        self.lay({"a": content})
        handle, jobs, found = self.open("/a", READ), 0, {}
        for offset in range(0, len(content), 32 * KIB):
            self.send(5, handle, Raw(u64(offset)), 32 * KIB)
        while done := self.workers.work():
            jobs += done
        for answer, offset in zip(self.output.take(), range(0, len(content), 32 * KIB), strict=True):
            found[offset] = answer.string
        self.assertEqual(b"".join(found[offset] for offset in sorted(found)), content)
        self.assertLess(jobs, 10)
        for offset in (MIB, 3, 2 * MIB - 5):
            self.assertEqual(self.read(handle, offset, 4).string, content[offset : offset + 4])

    def test_idle(self) -> None:
        """A file that is open and not read holds nothing of what was read ahead."""
        self.lay({"a": bytes(2 * MIB)})
        handle = self.open("/a", READ)
        self.read(handle, 0, 32 * KIB)
        self.read(handle, 32 * KIB, 32 * KIB)
        self.clock.advance(10)
        self.assertGreater(self.budget.granted, 0)
        self.clock.advance(10)
        self.assertEqual(self.budget.granted, 0)

    def test_stopped(self) -> None:
        """When the server stops nothing more is begun, and what was begun is answered."""
        self.send(17, b"/none")
        self.session.stop()
        self.send(17, b"/none")
        self.workers.work_all()
        self.assertEqual([answer.id for answer in self.output.take()], [1])
        self.assertFalse(self.session.busy)

    def test_handles(self) -> None:
        """A session has so many handles; where it closes one it can open another."""
        self.lay({"a": b"a"})
        handles = [self.open("/a", READ) for _ in range(MOST_HANDLES - 1)]
        self.assertEqual(self.ask(11, b"/").kind, HANDLE)
        self.assertEqual(self.code(3, b"/a", READ, Raw(attrs())), FAILURE)
        self.assertEqual(self.code(11, b"/"), FAILURE)
        self.assertEqual(self.code(4, handles[0]), OK)
        self.assertEqual(self.code(3, b"/none", READ, Raw(attrs())), NO_SUCH_FILE)
        self.open("/a", READ)
