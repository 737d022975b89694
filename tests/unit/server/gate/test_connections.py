"""The connections of all front ends together: caps, and how they end."""

from __future__ import annotations

import random
from typing import Iterable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from homeftp.config import Limits
from homeftp.interfaces import IConnection, IConnections
from homeftp.server.gate.connections import LOGIN_GRACE, Connections


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
    """Caps of 4 in all, 3 from one address, 3 that are not logged in and 2 of those from one address."""

    chosen: int | None = None
    """What chance says; None: the last of all that can be chosen."""

    def setUp(self) -> None:
        self.clock = Clock()
        limits = Limits(
            connections=4,
            connections_per_address=3,
            unauthenticated=3,
            unauthenticated_per_address=2,
            login_seconds=30,
        )
        self.connections = Connections(limits, self.clock, self.choose)

    def choose(self, number: int) -> int:
        return number - 1 if self.chosen is None else self.chosen

    def add(self, address: str | None, *, authenticated: bool = True, account: str = "ann") -> FakeConnection:
        made = FakeConnection()
        self.connections.add(made, address)
        if authenticated:
            self.connections.authenticated(made, account)
        return made

    def idle(self, *addresses: str | None, seconds: float = 0) -> list[FakeConnection]:
        """Connections that do not log in, so many seconds apart."""
        made = []
        for address in addresses:
            made.append(self.add(address, authenticated=False))
            self.clock.advance(seconds)
        return made

    def flood(self, networks: int, seconds: int) -> list[FakeConnection]:
        """Twenty attempts per second, from so many networks in turn; what is accepted ends after 4.5 s without a login.

        All limits are as they are by default.
        """
        made = []
        for number in range(20 * seconds):
            address = f"2001:db8:0:{number % networks:x}::1"
            if self.connections.full(address) is None:
                made.append(self.add(address, authenticated=False))
                self.clock.callLater(4.5, self.connections.remove, made[-1])
            self.clock.advance(0.05)
        return made

    def calls(self, connections: Iterable[FakeConnection]) -> list[list[str]]:
        return [each.told for each in connections]

    def test_interface(self) -> None:
        """It is what front ends are promised."""
        verifyObject(IConnections, self.connections)

    def test_idle_give_way(self) -> None:
        """A newcomer takes the place of the connection that has been idle longest, when too many have not logged in."""
        made = self.idle("192.0.2.1", "192.0.2.2", "192.0.2.3", seconds=2)
        self.assertIsNone(self.connections.full("192.0.2.4"))
        newcomer = self.add("192.0.2.4", authenticated=False)
        self.assertEqual(self.calls([*made, newcomer]), [["abort"], [], [], []])
        self.connections.remove(made[0])
        self.clock.advance(1)
        self.add("192.0.2.5", authenticated=False)
        self.assertEqual(self.calls([*made[1:], newcomer]), [["abort"], [], []])

    def test_largest_group_gives_way(self) -> None:
        """One of the address that has most of them gives way, though another has waited longer."""
        made = self.idle("192.0.2.1", "192.0.2.2", "192.0.2.2", seconds=3)
        self.add("192.0.2.3", authenticated=False)
        self.assertEqual(self.calls(made), [[], ["abort"], []])

    def test_logged_in_stay(self) -> None:
        """Connections that have logged in never give way."""
        members = [self.add("192.0.2.1"), self.add("192.0.2.2"), self.add("192.0.2.2")]
        (idle,) = self.idle("192.0.2.3", seconds=20)
        self.assertIsNone(self.connections.full("192.0.2.4"))
        member = self.add("192.0.2.4")
        self.assertEqual(self.calls([*members, idle]), [[], [], [], ["abort"]])
        self.connections.remove(idle)
        self.assertIn("4 connections already", self.connections.full("192.0.2.5") or "")
        self.assertEqual(self.calls([*members, member]), 4 * [[]])

    def test_account(self) -> None:
        """An account with too many connections, from whatever addresses, loses its oldest one, and no other does."""
        limits = Limits(connections=9, connections_per_address=9, account_connections=3, login_seconds=30)
        self.connections = Connections(limits, self.clock, self.choose)
        (waiting,) = self.idle("192.0.2.9")
        other = self.add("192.0.2.1", account="bob")
        made = [self.add(f"192.0.2.{number}") for number in (1, 2, 3)]
        self.assertEqual(self.calls([*made, other]), [[], [], [], []], "the control: so many are right")
        self.connections.authenticated(made[2], "ann")
        self.assertEqual(self.calls(made), [[], [], []], "one that logs in twice counts once")
        made.append(self.add("192.0.2.4"))
        self.assertEqual(self.calls([*made, other, waiting]), [["abort"], [], [], [], [], []])
        made.append(self.add("192.0.2.4"))
        self.assertEqual(self.calls([*made, other, waiting]), [["abort"], ["abort"], [], [], [], [], []])
        self.connections.remove(made[2])
        self.add("192.0.2.4")
        self.assertEqual(self.calls(made[2:]), [[], [], []])

    def test_own_address(self) -> None:
        """A connection of an address with too many that have not logged in gives way; others are not affected."""
        other, *made = self.idle("192.0.2.2", "192.0.2.1", "192.0.2.1", seconds=3)
        newcomer = self.add("192.0.2.1", authenticated=False)
        self.assertEqual(self.calls([other, *made, newcomer]), [[], ["abort"], [], []])

    def test_network(self) -> None:
        """The addresses that one machine can take count as one before the login."""
        made = self.idle("2001:db8::1", "2001:db8::2", seconds=3)
        self.add("2001:db8::3", authenticated=False)
        self.assertEqual(self.calls(made), [["abort"], []])
        members = [self.add(f"2001:db8:0:1::{number}") for number in range(2)]
        self.assertEqual(self.calls(members), [[], []], "the control: not those of a household that log in")

    def test_chance(self) -> None:
        """While none has waited for long, chance decides between the newcomer and those that could give way."""
        made = self.idle("192.0.2.1", "192.0.2.2", "192.0.2.3")
        self.chosen = 0
        self.assertIn("3 connections are logging in already", self.connections.full("192.0.2.4") or "")
        self.chosen = 1
        self.assertIsNone(self.connections.full("192.0.2.4"))
        self.add("192.0.2.4", authenticated=False)
        self.assertEqual(self.calls(made), [[], ["abort"], []])
        self.chosen = 0
        self.clock.advance(LOGIN_GRACE)
        self.assertIsNone(self.connections.full("192.0.2.5"), "now some have waited for long")

    def test_flood(self) -> None:
        """However many come and stay, one from another address gets in, and its login is not ended."""
        for number in range(1000):
            address = f"192.0.2.{number % 2}"
            if self.connections.full(address) is None:
                self.add(address, authenticated=False)
        self.clock.advance(LOGIN_GRACE)
        honest = self.add("192.0.2.9", authenticated=False)
        for number in range(1000):
            self.add(f"192.0.2.{number % 2}", authenticated=False)
        self.connections.authenticated(honest, "ann")
        self.assertEqual(honest.told, [])

    def test_household(self) -> None:
        """A household of five, whose browsers make six connections each, is not refused, whatever chance would say.

        It is in one IPv6 network or behind one router, and idle strangers hold all places that they can get.
        """
        for addresses in ([f"2001:db8::{number + 1}" for number in range(5)], 5 * ["192.0.2.9"]):
            self.connections = Connections(Limits(), self.clock, lambda number: 0)
            for number in range(1000):
                self.idle(f"2001:db8:0:{number:x}::1")
            self.clock.advance(LOGIN_GRACE)
            browsers = []
            for address in 6 * addresses:
                self.assertIsNone(self.connections.full(address))
                browsers.append(self.add(address, authenticated=False))
            for browser in browsers:
                self.connections.authenticated(browser, "ann")
            self.assertEqual(self.calls(browsers), [[]] * 30)

    def test_slow_login(self) -> None:
        """A login that takes 25 s succeeds beside new connections from up to 8 networks, which fill all other places.

        The control: connections of those networks have to give way to each other meanwhile.
        """
        for networks in (2, 3, 5, 8):
            self.connections = Connections(Limits(), self.clock, random.Random(networks).randrange)
            self.flood(networks, 5)
            slow = self.add("192.0.2.9", authenticated=False)
            others = self.flood(networks, 25)
            self.assertEqual((networks, slow.told), (networks, []))
            self.assertGreater(self.calls(others).count(["abort"]), 100)
            self.connections.authenticated(slow, "ann")
            self.assertEqual(slow.told, [])

    def test_idle_quarter(self) -> None:
        """Idle connections of small groups give way before new ones of the largest while they hold over a quarter."""
        for count, gives_way in ((17, True), (16, False)):
            self.connections = Connections(Limits(), self.clock, self.choose)
            idle = self.idle(*(f"192.0.2.{number}" for number in range(count)))
            self.clock.advance(LOGIN_GRACE)
            new = self.idle(*(f"2001:db8:0:{number % 2}::1" for number in range(64 - count)))
            self.assertEqual(self.calls([*idle, *new]), 64 * [[]], "the control: until now there is space")
            self.add("198.51.100.1", authenticated=False)
            self.assertEqual((["abort"] in self.calls(idle), ["abort"] in self.calls(new)), (gives_way, not gives_way))

    def test_idle_largest(self) -> None:
        """An idle connection of the largest group gives way first, however few are idle, also if others wait longer."""
        self.connections = Connections(Limits(), self.clock, self.choose)
        other, newcomer = self.idle("192.0.2.1", "2001:db8::1")
        self.clock.advance(LOGIN_GRACE)
        new = self.idle(*(f"2001:db8:0:{number % 2}::1" for number in range(62)))
        self.assertIsNone(self.connections.full("192.0.2.2"))
        self.add("192.0.2.2", authenticated=False)
        self.assertEqual(self.calls([other, newcomer, *new]), [[], ["abort"], *(62 * [[]])])

    def test_network_alone(self) -> None:
        """One network that takes all the connections that it can get keeps nobody from elsewhere waiting."""
        self.connections = Connections(Limits(), self.clock, lambda number: 0)
        others = self.idle(*(f"2001:db8::{number:x}" for number in range(1000)))
        there = [each for each in others if not each.told]
        for number in range(30):
            self.assertIsNone(self.connections.full(f"192.0.2.{number}"))
            self.add(f"192.0.2.{number}", authenticated=False)
        self.assertEqual(self.calls(there), len(there) * [[]], "nobody had to give way")

    def test_twice(self) -> None:
        """A connection that is added or removed twice counts once."""
        made = self.add("192.0.2.1", authenticated=False)
        self.connections.add(made, "192.0.2.1")
        self.assertEqual((len(self.connections), len(self.clock.getDelayedCalls())), (1, 1))
        self.connections.remove(made)
        self.connections.remove(made)
        self.assertEqual((len(self.connections), self.clock.getDelayedCalls()), (0, []))

    def test_login_deadline(self) -> None:
        """A connection that has not logged in within 30 seconds is aborted; others are not, and no timer stays."""
        late, ended = self.idle("192.0.2.1", "192.0.2.1")
        member = self.add("192.0.2.2")
        self.connections.remove(ended)
        self.clock.advance(29.9)
        self.assertEqual(late.told, [])
        self.clock.advance(0.1)
        self.assertEqual([each.told for each in (late, ended, member)], [["abort"], [], []])
        self.connections.remove(late)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_logged_out(self) -> None:
        """A connection whose login has ended counts as unauthenticated, behind those that have waited for longer."""
        member = self.add("192.0.2.2")
        (late,) = self.idle("192.0.2.1")
        self.clock.advance(10)
        self.connections.logged_out(member)
        self.connections.logged_out(member)
        self.assertEqual(self.connections.unauthenticated, 2)
        self.clock.advance(29.9)
        self.assertEqual((late.told, member.told), (["abort"], []))
        self.connections.authenticated(member, "ann")
        self.clock.advance(1)
        self.assertEqual(member.told, [])
        self.connections.logged_out(member)
        self.clock.advance(30)
        self.assertEqual(member.told, ["abort"])

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
