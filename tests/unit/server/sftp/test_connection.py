"""One connection: its deadlines, revoked access, and the stop of the server."""

from __future__ import annotations

import os
from typing import Any, Callable, TypeVar

import attrs
from twisted.internet.defer import Deferred

from homeftp.config import MIB
from homeftp.interfaces import guest
from homeftp.server.sftp.connection import PACKETS_PER_TURN, shown_peer
from homeftp.server.status import client_fields
from homeftp.testing.memorylink import MemoryLink
from homeftp.workers import InlineWorkers
from tests.support.namedqueues import NamedQueues
from tests.support.queuedworkers import QueuedTurns
from tests.support.sftppackets import Raw, request, text, u32, u64
from tests.support.sftppackets import attrs as attributes
from tests.support.sshclient import SshCase, SshClient

T = TypeVar("T")

IGNORE = 2
"""A message without a meaning."""


class HeldJobs(InlineWorkers):
    """Runs jobs at once, until they are `held`: then none ends."""

    held = False

    def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call it, or keep it for ever."""
        return Deferred() if self.held else super().run(job, *args)

    run_unbounded = run_slice = run_hash = run


class StatusTests(SshCase):
    """The requests of one client, as `homeftp status` shows them."""

    workers = HeldJobs()

    def test_doing(self) -> None:
        """A request that is being carried out is told with its endpoint and since when; otherwise nothing is."""
        self.addCleanup(setattr, self.workers, "held", False)
        self.server.put("d/a", b"x")
        self.assertEqual(self.attach(SshClient()).activities(), ())
        client = self.member()
        (login,) = self.server.services.logins.logins()
        shown = client_fields(login)
        self.assertEqual((shown["front_end"], shown["connections"], shown["doing"]), ("sftp", 1, []))
        self.workers.held = True
        client.write(request(13, 1, b"/d/a"))
        self.clock.advance(2)
        self.assertEqual(client_fields(login)["doing"], [{"request": "REMOVE", "path": "d/a", "seconds": 2.0}])


class ConnectionTests(SshCase):
    """Clients of one server."""

    def begun(self, content: bytes = b"new") -> SshClient:
        """A client that has begun to write a file."""
        client = self.member()
        client.write(request(3, 1, b"/a", 0x1A, Raw(attributes())))
        (opened,) = client.answers()
        client.write(request(6, 2, opened.string, Raw(u64(0)), content))
        self.assertEqual([answer.code for answer in client.answers()], [0])
        self.handle = opened.string
        return client

    def left(self) -> list[str]:
        """The names in the shared folder, and what is left of uploads."""
        return [name for name in os.listdir(self.server.root) if name != ".homeftp"] + os.listdir(
            os.path.join(self.server.root, ".homeftp", "incoming")
        )

    def test_in_turn(self) -> None:
        """What a client sends waits for the turn of its address, and nothing more is read meanwhile."""
        turns = QueuedTurns()
        self.server.services = attrs.evolve(self.server.services, workers=turns)
        client, link = self.waiting(turns)
        self.assertFalse(client.session_id, "nothing happens before the turn")
        self.assertFalse(link.far.reading)
        self.make(turns, client)
        self.assertTrue(client.session_id)
        self.assertEqual(set(turns.accounts), {guest("192.0.2.1")})
        self.assertTrue(link.far.reading, "the control")
        waiting, _ = self.waiting(turns)
        assert waiting.link is not None
        waiting.link.cut()
        self.make(turns, waiting)
        self.assertFalse(waiting.session_id, "it has gone before its turn")

    def waiting(self, turns: QueuedTurns) -> tuple[SshClient, MemoryLink]:
        """A client that has sent something, and whose turn has not come."""
        client = SshClient()
        self.attach(client)
        client.pump()
        self.assertEqual(len(turns.calls), 1)
        assert client.link is not None
        return client, client.link

    def make(self, turns: QueuedTurns, client: SshClient) -> None:
        """Let a client have its turns."""
        while turns.calls:
            turns.calls.pop()()
            client.pump()

    def test_many_packets(self) -> None:
        """Of many packets that come together few are read in one turn; then the others have theirs."""
        queues = NamedQueues()
        self.server.services = attrs.evolve(self.server.services, workers=queues)
        client = self.member()
        for packets, needed in ((PACKETS_PER_TURN - 1, 1), (3 * PACKETS_PER_TURN - 1, 3)):
            queues.turns.clear()
            for _ in range(packets):
                client.send(IGNORE, text(b""))
            client.pump()
            self.assertEqual(queues.turns, ["ann"] * needed)
        client.write(request(17, 1, b"/none"))
        self.assertEqual(len(client.answers()), 1)

    def test_turn_of_account(self) -> None:
        """The turns of a client that is logged in are those of its account."""
        queues = NamedQueues()
        self.server.services = attrs.evolve(self.server.services, workers=queues)
        client = self.member()
        self.assertEqual(set(queues.turns), {guest("192.0.2.1"), "ann"})
        queues.turns.clear()
        client.write(request(17, 1, b"/none"))
        self.assertEqual((len(client.answers()), set(queues.turns)), (1, {"ann"}))

    def test_no_login(self) -> None:
        """A client that does not log in is disconnected; one that did stays."""
        member = self.member()
        idle = self.connect()
        self.clock.advance(31)
        idle.pump()
        member.pump()
        self.assertEqual((idle.closed, member.closed), (True, False))

    def test_lost(self) -> None:
        """A connection that is lost leaves nothing of what was not closed, and no login."""
        for content in (b"small", bytes(MIB)):
            client = self.begun(content[:200_000])
            assert client.link is not None
            client.link.cut()
            self.assertEqual((self.left(), self.server.services.logins.logins()), ([], []))
            self.assertEqual(len(self.server.services.connections), 0)

    def test_disconnected(self) -> None:
        """Where access is revoked the connection ends at once, and nothing of its drafts is left."""
        client = self.begun()
        (login,) = self.server.services.logins.logins()
        client.send(94, u32(0) + text(request(4, 3, self.handle)))
        login.disconnect()
        client.pump()
        self.assertEqual((client.closed, self.left()), (True, []))

    def test_stopped(self) -> None:
        """When the server stops, connections without a request in progress end."""
        client = self.begun()
        self.connection.stop()
        client.pump()
        self.assertEqual((client.closed, self.left()), (True, []))

    def test_stalled(self) -> None:
        """A client that begins a packet and does not end it is disconnected; one that is idle is not."""
        idle, client = self.member(), self.member()
        client.write(request(17, 1, b"/")[:9])
        self.clock.advance(61)
        client.pump()
        idle.pump()
        self.assertEqual((client.closed, idle.closed), (True, False))

    def test_not_read(self) -> None:
        """Of a client that does not read nothing is read either, and after a while it is disconnected."""
        self.server.put("big", bytes(4 * MIB))
        client = self.member()
        client.write(request(3, 1, b"/big", 1, Raw(attributes())))
        (opened,) = client.answers()
        assert client.link is not None
        client.link.near.reading = False
        for number in range(100):
            client.send(94, u32(0) + text(request(5, number, opened.string, Raw(u64(0)), 200_000)))
        client.pump()
        self.assertLess(len(client.link.far.outgoing), MIB)
        self.assertFalse(client.link.far.reading)
        self.clock.advance(61)
        client.pump()
        self.assertTrue(client.link.far.aborted)

    def test_peer(self) -> None:
        """A local socket has no address."""

        class Address:
            host, port = "192.0.2.1", 5

        self.assertEqual(shown_peer(Address()), ("192.0.2.1", "192.0.2.1:5"))
        self.assertEqual(shown_peer(None), ("a local socket", "a local socket"))
