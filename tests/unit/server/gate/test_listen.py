"""Listening as a service, and certificates that change while connections are up."""

from __future__ import annotations

import socket
from typing import Any, Callable

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.testing import MemoryReactor
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.crypto.tls import server_options
from homeftp.errors import OperatorError
from homeftp.interfaces import IWorkers, is_guest
from homeftp.server.gate.listen import ACCEPTS, BACKLOG, SMALL_WRITE, ListeningService, RenewableOptions, listening
from homeftp.workers import InlineWorkers
from tests.support.fakeserver import identity
from tests.support.queuedworkers import QueuedTurns
from tests.support.socketpaths import socket_path

BURST = 100
"""Connections that arrive together."""

TURNS = 10_000
"""Turns of a reactor, at most."""


@implementer(IStreamServerEndpoint)
class TakenEndpoint:
    """One that another program has."""

    def listen(self, factory: object) -> Deferred[IListeningPort]:
        return fail(CannotListenError("127.0.0.1", 1, OSError(98, "Address already in use")))


class ListeningTests(SynchronousTestCase):
    """One endpoint."""

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.service = listening(self.reactor, "tcp:8421", Factory(), InlineWorkers())

    def test_life(self) -> None:
        """It binds once, with privileges or without, tells its address, and stops listening."""
        self.assertIsNone(self.service.address)
        self.service.privilegedStartService()
        self.service.startService()
        self.assertEqual(len(self.reactor.tcpServers), 1)
        self.assertIsNotNone(self.service.address)
        self.successResultOf(self.service.stopService())
        self.assertIsNone(self.service.address)

    def test_taken(self) -> None:
        """A port that another program has fails the start with one line that names the endpoint and the reason."""
        taken = ListeningService(TakenEndpoint(), Factory(), "tcp:1", InlineWorkers())  # a homeftp may be at 8421
        error = self.assertRaises(OperatorError, taken.privilegedStartService)
        self.assertEqual(str(error), "cannot listen on tcp:1: Address already in use")

    def test_backlog(self) -> None:
        """The system keeps many connections until they are accepted; an endpoint that names a number keeps that."""
        for description in ("tcp:8422", "tcp:8423:interface=127.0.0.1", "tcp:8424:backlog=7"):
            listening(self.reactor, description, Factory(), InlineWorkers()).startService()
        self.assertEqual([server[2] for server in self.reactor.tcpServers], [BACKLOG, BACKLOG, 7])
        self.assertGreater(BACKLOG, 100)
        listening(self.reactor, "unix:/run/homeftp.sock", Factory(), InlineWorkers()).startService()
        self.assertEqual(self.reactor.unixServers[0][2], BACKLOG)

    def test_description(self) -> None:
        """A description that no endpoint has is refused with examples of right ones."""
        error = self.assertRaises(
            OperatorError, listening, self.reactor, "carrier-pigeon:5", Factory(), InlineWorkers()
        )
        self.assertIn("tcp:8421:interface=127.0.0.1", str(error))


class _Open(Protocol):
    """A connection that is counted for as long as it has a descriptor, and aborted at once, as one too many is."""

    def __init__(self, opened: set[Protocol]) -> None:
        self._opened = opened

    def connectionMade(self) -> None:
        """Count it, and abort it: the reactor closes it in its next turn."""
        self._opened.add(self)
        transport: Any = self.transport
        transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Count it no more."""
        self._opened.discard(self)


class BurstTests(SynchronousTestCase):
    """Many connections at the same time, and a reactor that only this test runs."""

    def setUp(self) -> None:
        self.turns = SelectReactor()
        self.addCleanup(self.turns.removeAll)
        self.opened: set[Protocol] = set()

    def start(self, description: str, workers: IWorkers) -> ListeningService:
        """A service that listens."""
        service = listening(self.turns, description, Factory.forProtocol(lambda: _Open(self.opened)), workers)
        service.startService()
        return service

    def most_open(self, description: str, connect: Callable[[ListeningService], socket.socket]) -> int:
        """How many descriptors a burst of connections had at most, though each is aborted as it is accepted."""
        service = self.start(description, InlineWorkers())
        burst = [connect(service) for _ in range(BURST)]
        most = ended = 0
        for number in range(4 * BURST):
            self.turns.iterate(0)
            most = max(most, len(self.opened))
            ended = sum(_at_end(each) for each in burst) if number % 16 == 0 else ended
            if ended == len(burst):
                break
        self.assertEqual(ended, len(burst), "all were accepted")
        service.stopService()
        self.turns.iterate(0)
        for each in burst:
            each.close()
        return most

    def test_tcp(self) -> None:
        """Few are accepted in one turn, so that those that exceed a cap are closed before the next ones come."""

        def connect(service: ListeningService) -> socket.socket:
            address: Any = service.address
            return socket.create_connection(("127.0.0.1", address.port))

        self.assertLessEqual(self.most_open("tcp:0:interface=127.0.0.1", connect), ACCEPTS)

    def test_unix(self) -> None:
        """The same at a socket of the machine."""
        path = socket_path(self)

        def connect(service: ListeningService) -> socket.socket:
            connecting = socket.socket(socket.AF_UNIX)
            connecting.connect(path)
            return connecting

        self.assertLessEqual(self.most_open(f"unix:{path}", connect), ACCEPTS)

    def test_in_turn(self) -> None:
        """Accepting waits for the turn of clients that have not logged in, and does not begin once the server stops."""
        workers = QueuedTurns()
        path = socket_path(self)
        service = self.start(f"unix:{path}", workers)
        self.assertTrue(all(map(is_guest, workers.accounts)) and workers.accounts)
        accepted = []
        with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
            for connecting in (one, other):
                connecting.connect(path)
                for _ in range(3):
                    self.turns.iterate(0)
                (accept,) = workers.calls
                workers.calls.clear()
                accepted.append(len(self.opened))
                if connecting is other:
                    service.stopService()
                accept()
                accepted.append(len(self.opened))
                for _ in range(3):
                    self.turns.iterate(0)
            self.assertEqual(accepted, [0, 1, 0, 0])
            self.assertEqual((workers.calls, _at_end(one)), ([], True))


def _at_end(connecting: socket.socket) -> bool:
    """Whether the server has closed a connection."""
    connecting.setblocking(False)
    try:
        return not connecting.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


class RenewableOptionsTests(SynchronousTestCase):
    """The server's certificates."""

    def test_renew(self) -> None:
        """New connections get the renewed certificates; one that is up keeps its own."""
        options = RenewableOptions("1.3", server_options)
        self.assertRaises(AssertionError, lambda: options.identity)
        protocol = TLSMemoryBIOFactory(options, False, Factory(), reactor)
        options.renew(identity("home"))
        before = options.serverConnectionForTLS(protocol)  # type: ignore[arg-type]
        options.renew(identity("other"))
        after = options.serverConnectionForTLS(protocol)  # type: ignore[arg-type]
        self.assertIs(options.identity, identity("other"))
        shown = [each.get_certificate(as_cryptography=True) for each in (before, after)]
        self.assertEqual(shown, [identity("home").certificate, identity("other").certificate])


class Served(Protocol):
    """The server's end; `lost` when the connection has ended."""

    lost = False
    transport: Any

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note it."""
        self.lost = True


class PromptServerTests(SynchronousTestCase):
    """One connection, and a reactor that only this test runs."""

    def setUp(self) -> None:
        self.turns = SelectReactor()
        self.addCleanup(self.turns.removeAll)

    def connect(self, *, prompt: bool = True) -> tuple[Served, socket.socket]:
        """A connection: the server's end, and the client's."""
        served: list[Served] = []

        def make() -> Served:
            served.append(Served())
            return served[-1]

        factory = Factory.forProtocol(make)
        if prompt:
            service = listening(self.turns, "tcp:0:interface=127.0.0.1", factory, InlineWorkers())
            service.startService()
            stop: Callable[[], object] = service.stopService
            address: Any = service.address
        else:
            port = self.turns.listenTCP(0, factory, interface="127.0.0.1")
            stop, address = port.stopListening, port.getHost()
        client = socket.create_connection(("127.0.0.1", address.port))
        self.addCleanup(client.close)
        self.run_until(lambda: bool(served))
        stop()
        self.turns.iterate(0)
        self.addCleanup(self.end, served[0])
        return served[0], client

    def end(self, served: Served) -> None:
        """Close the server's end."""
        served.transport.abortConnection()
        self.run_until(lambda: served.lost)

    def run_until(self, reached: Any) -> None:
        """Let the reactor have turns until then."""
        for _ in range(TURNS):
            if reached():
                return
            self.turns.iterate(0)
        self.fail("it was never reached")

    def receive(self, client: socket.socket, size: int) -> bytes:
        """So many bytes of the server, which has its turns meanwhile."""
        client.setblocking(False)
        received = bytearray()

        def complete() -> bool:
            try:
                received.extend(client.recv(size - len(received)))
            except BlockingIOError:
                return False
            return len(received) == size

        self.run_until(complete)
        return bytes(received)

    def test_small(self) -> None:
        """A small answer arrives without a turn of the reactor, which has nothing to watch for. (Control: one of
        Twisted's own waits for the next turn.)"""
        served, client = self.connect()
        served.transport.write(b"an answer")
        self.assertEqual(client.recv(100), b"an answer")
        self.assertEqual(self.turns.getWriters(), [])
        plain, other = self.connect(prompt=False)
        plain.transport.write(b"an answer")
        self.assertEqual(self.turns.getWriters(), [plain.transport])
        self.assertEqual(self.receive(other, 9), b"an answer")

    def test_large(self) -> None:
        """Large pieces are collected, and what is small stays behind them."""
        served, client = self.connect()
        large = b"l" * (SMALL_WRITE + 1)
        served.transport.write(large)
        served.transport.write(b"small")
        self.assertEqual(self.turns.getWriters(), [served.transport])
        self.assertEqual(self.receive(client, len(large) + 5), large + b"small")
        served.transport.write(b"again")
        self.assertEqual((self.turns.getWriters(), client.recv(5)), ([], b"again"))

    def test_full(self) -> None:
        """What the system does not take is sent later, and everything in the order in which it was written."""
        served, client = self.connect()
        sent = bytearray()
        while not self.turns.getWriters():
            piece = len(sent).to_bytes(8, "big") * 1001
            served.transport.write(piece)
            sent += piece
        for each in (b"behind it", b"and last"):
            served.transport.write(each)
            sent += each
        self.assertEqual(self.receive(client, len(sent)), bytes(sent))

    def test_close(self) -> None:
        """What was written before a connection is closed arrives, and nothing that is written afterwards does harm."""
        served, client = self.connect()
        served.transport.write(b"goodbye")
        served.transport.loseConnection()
        self.run_until(lambda: served.lost)
        served.transport.write(b"too late")
        self.assertEqual((client.recv(100), client.recv(100)), (b"goodbye", b""))

    def test_abort(self) -> None:
        """Nothing is sent on a connection that was aborted, though its end comes with the next turn."""
        served, client = self.connect()
        served.transport.write(b"before")
        served.transport.abortConnection()
        served.transport.write(b"after")
        self.run_until(lambda: served.lost)
        with self.assertRaises(ConnectionResetError):
            client.recv(100)
            client.recv(100)

    def test_lost(self) -> None:
        """A write to a client that has vanished raises nothing; the protocol learns of the end as ever."""
        served, client = self.connect()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        for _ in range(3):
            served.transport.write(b"an answer")
        self.run_until(lambda: served.lost)

    def test_tls(self) -> None:
        """Nothing is sent in the clear on a connection that has begun TLS. (Control: before it has.)"""
        served, client = self.connect()
        served.transport.write(b"in the clear")
        self.assertEqual(client.recv(12), b"in the clear")
        served.transport.startTLS(server_options(identity("home"), "1.3"))
        served.transport.write(b"a secret")
        client.setblocking(False)
        for _ in range(10):
            self.turns.iterate(0)
        with self.assertRaises(BlockingIOError):
            client.recv(100)
