"""Who has used a processor of late, and who waits for whom."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.interfaces import guest
from homeftp.workers.debts import (
    EQUAL,
    FORGIVEN,
    FORGIVEN_GUESTS,
    LONG_FREE,
    LONG_SHARE,
    MOST_LONG,
    MOST_OWED,
    REMEMBERED,
    Debts,
)


class DebtsTests(SynchronousTestCase):
    """The rule of who waits."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.debts = Debts(self.clock.seconds)

    def test_owed(self) -> None:
        """What was used is owed, up to a limit, and forgiven as time passes, down to nothing."""
        self.assertEqual(self.debts.owed("ann"), 0)
        self.debts.charge("ann", MOST_OWED / 4)
        self.debts.charge("ann", MOST_OWED / 4)
        self.assertAlmostEqual(self.debts.owed("ann"), MOST_OWED / 2)
        self.debts.charge("ann", 3600)
        self.assertAlmostEqual(self.debts.owed("ann"), MOST_OWED)
        self.clock.advance(MOST_OWED / FORGIVEN / 2)
        self.assertAlmostEqual(self.debts.owed("ann"), MOST_OWED / 2)
        self.clock.advance(MOST_OWED / FORGIVEN)
        self.assertEqual(self.debts.owed("ann"), 0)

    def test_must_wait(self) -> None:
        """An account waits while something is in progress for one that owes less, and not once that has ended."""
        self.debts.charge("eve", MOST_OWED)
        self.debts.begin("eve")
        self.assertFalse(self.debts.must_wait("eve"))
        self.debts.begin("ann")
        self.debts.begin("ann")
        self.assertTrue(self.debts.must_wait("eve"))
        self.assertFalse(self.debts.must_wait("ann"))
        self.debts.end("ann")
        self.assertTrue(self.debts.must_wait("eve"))
        self.debts.end("ann")
        self.assertFalse(self.debts.must_wait("eve"))

    def test_ended(self) -> None:
        """What a piece of work has used may be charged when it ends; that of guests counts for all of them together."""
        self.debts.begin("ann")
        self.debts.end("ann", MOST_OWED / 4)
        self.assertAlmostEqual(self.debts.owed("ann"), MOST_OWED / 4)
        self.debts.begin("bob")
        self.debts.begin(guest("192.0.2.1"))
        self.assertFalse(self.debts.must_wait(guest("192.0.2.2")))  # the control
        self.debts.end(guest("192.0.2.1"), MOST_OWED / 4)
        self.assertTrue(self.debts.must_wait(guest("192.0.2.2")))

    def test_equal(self) -> None:
        """Those that owe about as much as each other do not wait for each other: they take turns."""
        for name in ("ann", "eve"):
            self.debts.charge(name, 2 * EQUAL)
            self.debts.begin(name)
        self.debts.charge("eve", EQUAL / 2)
        self.assertFalse(self.debts.must_wait("ann") or self.debts.must_wait("eve"))
        self.debts.charge("eve", EQUAL)
        self.assertTrue(self.debts.must_wait("eve"))

    def test_wait_ends(self) -> None:
        """No account waits for longer than its debt is forgiven, whatever is in progress for others meanwhile."""
        self.debts.charge("eve", 3600)
        self.debts.begin("ann")
        self.clock.advance((MOST_OWED - EQUAL) / FORGIVEN * 0.9)
        self.assertTrue(self.debts.must_wait("eve"))
        self.clock.advance(MOST_OWED / FORGIVEN * 0.2)
        self.assertFalse(self.debts.must_wait("eve"))

    def test_idle_then_burst(self) -> None:
        """An account that was idle has no advantage that it could save up: it is ahead only until it owes as much."""
        self.debts.charge("ann", MOST_OWED / 4)
        self.debts.begin("ann")
        self.debts.begin("eve")
        self.assertTrue(self.debts.must_wait("ann"))
        self.debts.charge("eve", MOST_OWED / 4)
        self.assertFalse(self.debts.must_wait("ann"))
        self.debts.charge("eve", MOST_OWED / 4)
        self.assertTrue(self.debts.must_wait("eve"))

    def test_others_served(self) -> None:
        """An account shares the server with those for whom something is in progress, or was a moment ago."""
        self.debts.begin("ann")
        self.debts.end("ann")
        self.assertFalse(self.debts.others_served("ann"))
        self.assertTrue(self.debts.others_served("eve"))
        self.assertTrue(self.debts.others_served(None))
        self.clock.advance(2 * REMEMBERED)
        self.assertFalse(self.debts.others_served("eve"))
        self.debts.begin("ann")
        self.clock.advance(2 * REMEMBERED)
        self.assertTrue(self.debts.others_served("eve"))

    def test_guests(self) -> None:
        """A client that has not logged in counts while something is in progress for it: then it has an account."""
        for name, is_remembered in ((guest("127.0.0.1"), False), ("ann", True)):
            self.setUp()
            self.debts.begin(name)
            self.assertTrue(self.debts.others_served("eve"), name)
            self.debts.end(name)
            self.assertEqual(self.debts.others_served("eve"), is_remembered, name)

    def test_guests_owe_together(self) -> None:
        """Clients that have not logged in owe accounts together: one at a new address waits for them all the same."""
        guests = [guest(f"192.0.2.{number}") for number in range(20)]
        for name in guests:
            self.debts.begin(name)
            self.debts.charge(name, MOST_OWED / 10)
        newcomer = guest("198.51.100.1")
        self.debts.begin(newcomer)
        self.assertFalse(any(map(self.debts.must_wait, (*guests, newcomer))), "the control: no account is served")
        self.debts.begin("ann")
        self.assertEqual([name for name in (*guests, newcomer, "ann") if not self.debts.must_wait(name)], ["ann"])
        self.clock.advance(MOST_OWED / FORGIVEN_GUESTS)
        self.assertFalse(any(map(self.debts.must_wait, (*guests, newcomer))), "it is forgiven")

    def test_guests_share(self) -> None:
        """While accounts are served, guests together get their share of the time and no more, also in between."""
        self.debts.begin("ann")
        self.debts.end("ann")
        names, used, made = [guest(f"192.0.2.{number}") for number in range(8)], 0.001, 0
        for millisecond in range(1000):
            self.debts.charge("ann", 0.0)
            name = names[millisecond % len(names)]
            if not self.debts.must_wait(name):
                self.debts.charge(name, used)
                made += 1
            self.clock.advance(0.001)
        self.assertLess(abs(made * used - FORGIVEN_GUESTS), 2 * EQUAL)
        self.clock.advance(2 * REMEMBERED)
        for name in names:
            self.debts.charge(name, MOST_OWED)
        self.assertFalse(any(map(self.debts.must_wait, names)), "the control: no account is served")

    def test_guests_among_themselves(self) -> None:
        """Between clients that have not logged in, each address owes what was used for it alone."""
        flood, quiet = guest("192.0.2.1"), guest("198.51.100.1")
        self.debts.charge(flood, MOST_OWED)
        for name in (flood, quiet):
            self.debts.begin(name)
        self.assertEqual((self.debts.must_wait(flood), self.debts.must_wait(quiet)), (True, False))

    def test_account_beside_guests(self) -> None:
        """An account that owes more waits for a client that logs in only while all of those owe less together."""
        self.debts.charge("ann", MOST_OWED)
        self.debts.begin(guest("192.0.2.1"))
        self.assertTrue(self.debts.must_wait("ann"))
        for number in range(20):
            self.debts.charge(guest(f"198.51.100.{number}"), MOST_OWED / 10)
        self.assertFalse(self.debts.must_wait("ann"))

    def test_forgotten(self) -> None:
        """An account is remembered for a while after it was served, and only as long; one that is served stays."""
        self.debts.begin("ann")
        for number in range(100):
            self.debts.begin(str(number))
            self.debts.charge(str(number), MOST_OWED)
            self.debts.end(str(number))
        self.assertEqual(len(self.debts), 101, "the control")
        self.clock.advance(2 * REMEMBERED)
        self.debts.begin("eve")
        self.assertEqual(len(self.debts), 2)
        self.debts.charge("eve", MOST_OWED)
        self.assertTrue(self.debts.must_wait("eve"))

    def test_forgiven_before_forgotten(self) -> None:
        """An account that is forgotten owes nothing any more."""
        self.debts.charge("ann", 3600)
        self.clock.advance(REMEMBERED)
        self.assertEqual(self.debts.owed("ann"), 0)

    def test_server(self) -> None:
        """The server itself owes nothing, waits for nobody, and keeps nobody waiting."""
        self.debts.charge(None, 3600)
        self.debts.begin(None)
        self.debts.charge("ann", MOST_OWED)
        self.assertEqual(self.debts.owed(None), 0)
        self.assertFalse(self.debts.must_wait("ann") or self.debts.must_wait(None))
        self.debts.end(None)
        self.debts.begin("bob")
        self.assertFalse(self.debts.must_wait(None))


class RestTests(SynchronousTestCase):
    """The rule of who rests between two slices of long work."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.debts = Debts(self.clock.seconds)

    def use(self, *names: str) -> None:
        """A little is done for these accounts."""
        for name in names:
            self.debts.charge(name, 0.0)

    def test_must_rest(self) -> None:
        """An account with long work rests while another is served that has none, which never rests itself."""
        self.debts.charge("eve", 0.0, 2 * LONG_FREE)
        self.assertFalse(self.debts.must_rest("eve"), "the control: nobody else is there")
        self.use("ann")
        self.assertEqual((self.debts.must_rest("eve"), self.debts.must_rest("ann")), (True, False))
        self.assertEqual((self.debts.must_rest("new"), self.debts.must_rest(None)), (False, False))
        self.debts.charge("ann", 0.0, LONG_FREE * 0.9)
        self.assertFalse(self.debts.must_rest("ann"), "so much is free")
        self.assertTrue(self.debts.must_rest("eve"))

    def test_busy(self) -> None:
        """Nobody rests for an account that keeps a processor busy, and everybody does for another beside it."""
        self.debts.charge("eve", 0.0, MOST_LONG)
        self.debts.charge("ann", MOST_OWED)
        self.assertFalse(self.debts.must_rest("eve"))
        self.use("bob")
        self.assertTrue(self.debts.must_rest("eve"), "the control")
        self.clock.advance(MOST_OWED / FORGIVEN)
        self.use("ann")
        self.assertTrue(self.debts.must_rest("eve"))

    def test_little_to_do(self) -> None:
        """Who keeps a processor busy, or has much long work, has more than a little to do for a while."""
        self.assertTrue(self.debts.has_little_to_do("new") and self.debts.has_little_to_do(None))
        for seconds, long in ((MOST_OWED, 0.0), (0.0, MOST_LONG)):
            self.debts.charge("ann", seconds, long)
            self.assertFalse(self.debts.has_little_to_do("ann"))
            self.clock.advance(seconds / FORGIVEN + long / LONG_SHARE)
            self.assertTrue(self.debts.has_little_to_do("ann"))

    def test_guests(self) -> None:
        """Nobody rests for clients that have not logged in: there may be any number of them, at all times."""
        self.debts.charge("eve", 0.0, MOST_LONG)
        visitor = guest("192.0.2.1")
        self.debts.begin(visitor)
        self.assertFalse(self.debts.must_rest("eve"))
        self.debts.begin("ann")
        self.assertTrue(self.debts.must_rest("eve"), "the control")

    def test_left_alone(self) -> None:
        """Nobody rests for an account that was not served for a second."""
        self.use("ann")
        for _ in range(8):
            self.debts.charge("eve", 0.0, MOST_LONG)
            self.assertTrue(self.debts.must_rest("eve"))
            self.clock.advance(REMEMBERED / 7.9)
        self.debts.charge("eve", 0.0, MOST_LONG)
        self.assertFalse(self.debts.must_rest("eve"))

    def test_rest_ends(self) -> None:
        """However much long work an account had, it rests for a bounded time."""
        self.debts.charge("eve", 0.0, 3600)
        self.clock.advance((MOST_LONG - LONG_FREE) / LONG_SHARE * 0.9)
        self.use("ann")
        self.assertTrue(self.debts.must_rest("eve"))
        self.clock.advance(MOST_LONG / LONG_SHARE * 0.1)
        self.use("ann")
        self.assertFalse(self.debts.must_rest("eve"))

    def test_equals(self) -> None:
        """Accounts that all have long work do not rest for each other."""
        for name in ("bob", "eve"):
            self.debts.charge(name, 0.0, MOST_LONG)
        self.assertFalse(self.debts.must_rest("bob") or self.debts.must_rest("eve"))
        self.use("ann")
        self.assertTrue(self.debts.must_rest("bob") and self.debts.must_rest("eve"))

    def test_share(self) -> None:
        """Beside an account with little to do, all others together have their share of the time for long work."""
        for names in (["eve"], ["bob", "eve", "mallory"]):
            self.setUp()
            worked, step = 0.0, 0.002
            for number in range(5000):
                self.use("ann")
                name = names[number % len(names)]
                if not self.debts.must_rest(name):
                    self.debts.charge(name, 0.0, step)
                    worked += step
                self.clock.advance(step)
            self.assertLess(abs(worked / (5000 * step) / LONG_SHARE - 1), 0.1, names)
