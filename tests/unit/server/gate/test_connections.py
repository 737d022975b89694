"""The connections of all front ends together: caps, and how they end."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from homeftp.config import Limits
from homeftp.interfaces import IConnection, IConnections
from homeftp.server.gate.connections import Connections


@implementer(IConnection)
class FakeConnection:
    """Notes what it is told, and raises `error` then."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.error: Exception | None = None

    def stop(self) -> None:
        self._tell("stop")

    def abort(self) -> None:
        self._tell("abort")

    def disconnect(self) -> None:
        self._tell("disconnect")

    def _tell(self, what: str) -> None:
        self.told.append(what)
        if self.error is not None:
            raise self.error


class ConnectionsTests(SynchronousTestCase):
    """Caps of 4 in all, 3 from one address and 2 that are not logged in."""

    def setUp(self) -> None:
        self.clock = Clock()
        limits = Limits(connections=4, connections_per_address=3, unauthenticated=2, login_seconds=30)
        self.connections = Connections(limits, self.clock)

    def add(self, address: str | None, *, authenticated: bool = True) -> FakeConnection:
        made = FakeConnection()
        self.connections.add(made, address)
        if authenticated:
            self.connections.authenticated(made)
        return made

    def test_interface(self) -> None:
        """It is what front ends are promised."""
        verifyObject(IConnections, self.connections)

    def test_unauthenticated(self) -> None:
        """Connections that have not logged in are capped, until one logs in or ends."""
        first, second = (self.add("192.0.2.1", authenticated=False) for _ in range(2))
        self.assertIn("2 connections are logging in", self.connections.full("192.0.2.2") or "")
        self.connections.authenticated(first)
        self.connections.authenticated(first)
        self.assertIsNone(self.connections.full("192.0.2.2"))
        self.add("192.0.2.1", authenticated=False)
        self.assertIsNotNone(self.connections.full("192.0.2.2"))
        self.connections.remove(second)
        self.assertIsNone(self.connections.full("192.0.2.2"))

    def test_login_deadline(self) -> None:
        """A connection that has not logged in within 30 seconds is aborted; others are not, and no timer stays."""
        late, ended = (self.add("192.0.2.1", authenticated=False) for _ in range(2))
        member = self.add("192.0.2.1")
        self.connections.remove(ended)
        self.clock.advance(29.9)
        self.assertEqual(late.told, [])
        self.clock.advance(0.1)
        self.assertEqual([each.told for each in (late, ended, member)], [["abort"], [], []])
        self.connections.remove(late)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_address(self) -> None:
        """Connections from one address are capped; others and local sockets are not affected."""
        made = [self.add("192.0.2.1") for _ in range(3)]
        self.assertIn("from your address", self.connections.full("192.0.2.1") or "")
        for other in ("192.0.2.2", None):
            self.assertIsNone(self.connections.full(other))
        self.connections.remove(made[0])
        self.assertIsNone(self.connections.full("192.0.2.1"))

    def test_all(self) -> None:
        """All together are capped, those of local sockets too."""
        for _ in range(4):
            self.assertIsNone(self.connections.full(None))
            self.add(None)
        self.assertIn("4 connections already", self.connections.full(None) or "")
        self.assertEqual(len(self.connections), 4)

    def test_stop(self) -> None:
        """Stopping tells each connection, and is done when the last has ended; those that take too long are aborted."""
        made = [self.add(None), self.add(None)]
        stopped = self.connections.stop()
        self.connections.remove(made[0])
        self.assertNoResult(stopped)
        self.connections.abort()
        self.assertEqual([each.told for each in made], [["stop"], ["stop", "abort"]])
        self.connections.remove(made[1])
        self.successResultOf(stopped)
        self.assertNotIn(made[1], self.connections)

    def test_stop_fails(self) -> None:
        """A connection that raises does not keep the others from being told."""
        made = [self.add("192.0.2.1"), self.add(None), self.add(None)]
        for each in made:
            each.error = ValueError("a fault of the front end")
        stopped = self.connections.stop()
        self.connections.abort()
        self.assertEqual([each.told for each in made], 3 * [["stop", "abort"]])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 6)
        for each in made:
            self.connections.remove(each)
        self.successResultOf(stopped)

    def test_stop_empty(self) -> None:
        """Without connections stopping is done at once."""
        self.successResultOf(self.connections.stop())
