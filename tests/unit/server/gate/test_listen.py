"""Listening as a service, and certificates that change while connections are up."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactor
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.crypto.tls import server_options
from homeftp.errors import OperatorError
from homeftp.server.gate.listen import BACKLOG, ListeningService, RenewableOptions, listening
from tests.support.fakeserver import identity


@implementer(IStreamServerEndpoint)
class TakenEndpoint:
    """One that another program has."""

    def listen(self, factory: object) -> Deferred[IListeningPort]:
        return fail(CannotListenError("127.0.0.1", 8421, OSError(98, "Address already in use")))


class ListeningTests(SynchronousTestCase):
    """One endpoint."""

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.service = listening(self.reactor, "tcp:8421", Factory())

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
        taken = ListeningService(TakenEndpoint(), Factory(), "tcp:8421")
        error = self.assertRaises(OperatorError, taken.privilegedStartService)
        self.assertEqual(str(error), "cannot listen on tcp:8421: Address already in use")

    def test_backlog(self) -> None:
        """The system keeps many connections until they are accepted; an endpoint that names a number keeps that."""
        for description in ("tcp:8422", "tcp:8423:interface=127.0.0.1", "tcp:8424:backlog=7"):
            listening(self.reactor, description, Factory()).startService()
        self.assertEqual([server[2] for server in self.reactor.tcpServers], [BACKLOG, BACKLOG, 7])
        self.assertGreater(BACKLOG, 100)
        listening(self.reactor, "unix:/run/homeftp.sock", Factory()).startService()
        self.assertEqual(self.reactor.unixServers[0][2], BACKLOG)

    def test_description(self) -> None:
        """A description that no endpoint has is refused with examples of right ones."""
        error = self.assertRaises(OperatorError, listening, self.reactor, "carrier-pigeon:5", Factory())
        self.assertIn("tcp:8421:interface=127.0.0.1", str(error))


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
