"""Calls on the reactor's thread, in turn between accounts."""

from __future__ import annotations

from typing import Callable

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.interfaces import guest
from homeftp.workers.debts import MOST_OWED, REMEMBERED, Debts
from homeftp.workers.fairloop import ALONE_SECONDS, RECHECK_SECONDS, TURN_SECONDS, FairLoop

TURN = 1e-9
"""Seconds that a turn of the reactor takes."""


class Turns(Clock):
    """A clock on which what is to be called at once is called in the next turn, and not in this one."""

    def callLater(self, delay: float, callable: Callable[..., object], *args: object, **kw: object) -> IDelayedCall:
        return super().callLater(max(delay, TURN), callable, *args, **kw)


class FairLoopTests(SynchronousTestCase):
    """A loop whose processor is as busy as a test says."""

    def setUp(self) -> None:
        self.clock = Turns()
        self.debts = Debts(self.clock.seconds)
        self.debts.charge("bob", 0.0)
        self.used = 0.0
        self.loop = FairLoop(self.clock, self.debts, lambda: self.used)
        self.made: list[str] = []

    def call(self, name: str, cost: float) -> None:
        self.made.append(name)
        self.used += cost

    def turn(self) -> list[str]:
        """Which calls are made in the next turn of the reactor."""
        self.made.clear()
        self.clock.advance(TURN)
        return list(self.made)

    def put(self, account: str, calls: int, cost: float) -> None:
        for number in range(calls):
            self.loop.run(account, self.call, f"{account}{number}", cost)

    def test_at_once(self) -> None:
        """Where nothing waits a call is made before `run` returns, and no turn of the reactor is asked for."""
        self.put("ann", 1, TURN_SECONDS / 2)
        self.assertEqual(self.made, ["ann0"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_bound(self) -> None:
        """One account has so much in one turn of the reactor, and not more; alone it has every turn."""
        self.put("eve", 10, TURN_SECONDS / 2)
        self.assertEqual(self.made, ["eve0", "eve1"])
        self.assertEqual(self.turn(), ["eve2", "eve3"])
        self.assertEqual(self.turn(), ["eve4", "eve5"])
        self.assertEqual(self.turn(), ["eve6", "eve7"])
        self.assertEqual(self.turn(), ["eve8", "eve9"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_alone(self) -> None:
        """An account has longer turns while no other was served of late, and the usual ones as soon as one is."""
        self.clock.advance(REMEMBERED + 1)
        self.put("eve", 60, ALONE_SECONDS / 20)
        self.assertEqual(len(self.made), 20)
        self.assertEqual(len(self.turn()), 20)
        self.put("ann", 1, 0.0)
        self.assertLess(len(self.turn()), 5)

    def test_guests(self) -> None:
        """Clients that have not logged in share the time of one account, however many addresses they have."""
        for number in range(4):
            self.put(guest(f"192.0.2.{number}"), 2, TURN_SECONDS / 2)
        self.assertEqual(len(self.made), 2)
        self.put("ann", 1, TURN_SECONDS / 2)
        self.assertEqual(self.made[2:], ["ann0"], "the control: an account has time of its own")
        self.debts.charge("ann", MOST_OWED)
        self.assertEqual(
            {name.rpartition(")")[0] for name in self.turn() + self.turn()},
            {f"(192.0.2.{number}" for number in range(1, 4)},
        )

    def test_alone_once_a_turn(self) -> None:
        """What comes in the same turn of the reactor waits for the next one, however long the turn has been."""
        self.clock.advance(REMEMBERED + 1)
        self.put("eve", 20, ALONE_SECONDS / 20)
        self.clock.rightNow += ALONE_SECONDS
        self.made.clear()
        self.put("eve", 1, 0.0)
        self.assertEqual(self.made, [])
        self.assertEqual(self.turn(), ["eve0"])

    def test_no_turn_needed(self) -> None:
        """An account that asks for little at a time is served at once: the reactor had its turns in between."""
        for _ in range(10):
            self.put("ann", 1, TURN_SECONDS * 0.9)
            self.clock.advance(2 * TURN_SECONDS)
        self.assertEqual(len(self.made), 10)
        self.put("ann", 2, TURN_SECONDS * 1.1)
        self.assertEqual(len(self.made), 11)

    def test_lighter_first(self) -> None:
        """A call for an account that owes less is made at once, before all that waits for another."""
        self.put("eve", 100, TURN_SECONDS)
        self.made.clear()
        self.put("ann", 1, TURN_SECONDS / 10)
        self.assertEqual(self.made, ["ann0"])
        self.assertEqual(self.turn(), ["eve1"])

    def test_equals(self) -> None:
        """Accounts that owe as much as each other have a call each, one after the other."""
        cost = TURN_SECONDS / 2
        for name in ("ann", "eve"):
            self.debts.charge(name, 3600)
            self.loop.run(name, self.call, name, TURN_SECONDS)
        self.made.clear()
        self.put("eve", 4, cost)
        self.put("ann", 4, cost)
        self.assertEqual(self.turn(), ["eve0", "ann0", "eve1", "ann1"])
        self.assertEqual(self.turn(), ["eve2", "ann2", "eve3", "ann3"])

    def test_waits_for_pool(self) -> None:
        """While a job runs for an account that owes less nothing is called; after its end `serve` asks for a turn."""
        self.put("eve", 10, TURN_SECONDS)
        for _ in range(10):
            self.turn()
        self.debts.begin("ann")
        self.made.clear()
        self.put("eve", 1, TURN_SECONDS)
        self.clock.advance(RECHECK_SECONDS)
        self.assertEqual(self.made, [])
        self.debts.end("ann")
        self.loop.serve()
        self.assertEqual(self.turn(), ["eve0"])

    def test_wait_ends(self) -> None:
        """Nobody needs to call `serve`: the loop looks again, and what is owed is forgiven meanwhile."""
        self.debts.charge("eve", MOST_OWED)
        self.debts.begin("ann")
        self.put("eve", 1, TURN_SECONDS)
        self.assertEqual(self.made, [])
        for _ in range(100):
            self.clock.advance(RECHECK_SECONDS)
        self.assertEqual(self.made, ["eve0"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nested(self) -> None:
        """What a call asks for is called behind it, and not inside it."""

        def outer() -> None:
            self.loop.run("ann", self.call, "inner", 0)
            self.call("outer", 0)

        self.loop.run("ann", outer)
        self.assertEqual(self.made, ["outer", "inner"])

    def test_failure(self) -> None:
        """A call that fails is logged and charged; the next is made."""

        def fail() -> None:
            self.used += 0.001
            raise ZeroDivisionError

        self.loop.run("ann", fail)
        self.put("ann", 1, 0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertGreater(self.debts.owed("ann"), 0)
        self.assertEqual(self.turn(), ["ann0"])

    def test_server(self) -> None:
        """The server's own calls wait for nobody."""
        self.put("eve", 100, TURN_SECONDS)
        self.debts.begin("ann")
        self.made.clear()
        self.loop.run(None, self.call, "server", 0)
        self.assertEqual(self.made, ["server"])
