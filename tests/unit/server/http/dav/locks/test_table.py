"""The locks that there are, and what they forbid."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import Endpoint, parse
from homeftp.errors import Busy
from homeftp.server.http.dav.locks.table import (
    MAX_SECONDS,
    MOST_LOCKS,
    MOST_OF_ACCOUNT,
    MOST_ON_ONE,
    Lock,
    LockTable,
    bounded,
)
from tests.support.repeatable import REPEATABLE

PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple)


class LockTableTests(SynchronousTestCase):
    """All locks of a server."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.table = LockTable(self.clock.seconds)

    def add(self, path: str, account: str = "ann", **given: Any) -> Lock:
        values: dict[str, Any] = {"deep": True, "exclusive": True, "owner": "", "is_folder": False, "seconds": 100}
        return self.table.add(parse(path), account, **{**values, **given})

    def forbids(self, path: str, *tokens: str, account: str = "ann", **given: Any) -> bool:
        return self.table.keeping_out(parse(path), account, tokens, **given) is not None

    def test_concerns(self) -> None:
        """A lock that does not concern whoever asks forbids nothing; the others still do."""
        locks = self.add("a/b"), self.add("a/c")
        for concerning, forbidden in ((locks, True), (locks[1:], True), ((), False)):
            self.assertEqual(self.forbids("a", deep=True, concerns=concerning.__contains__), forbidden)

    def test_covers(self) -> None:
        """A deep lock covers everything beneath, another one only what it was made for; in every spelling."""
        lock = self.add("a/b")
        for path, forbidden in (("a/b", True), ("A/B", True), ("a/b/c", True), ("a", False), ("a/bc", False)):
            self.assertEqual(self.forbids(path), forbidden, path)
            self.assertFalse(self.forbids(path, lock.token))
        self.table.remove(lock)
        self.table.remove(lock)
        self.add("a/b", deep=False)
        self.assertEqual(
            (self.forbids("a/b"), self.forbids("a/b/c"), self.forbids("a/b/c", names=True)), (True, False, True)
        )

    def test_on_one(self) -> None:
        """So many shared locks cover one resource, in whatever order they are made along its path."""
        paths = ["a/b/c/d", "a/b", "a/b/c", "a"]
        for order in (paths, paths[::-1]):
            made = [self.add(order[number // 3], f"account{number}", exclusive=False) for number in range(MOST_ON_ONE)]
            self.assertRaises(Busy, self.add, order[-1], exclusive=False)
            self.assertEqual(len(self.table.on(parse("a/b/c/d"))), MOST_ON_ONE)
            self.add(f"b/{order[0]}", exclusive=False)
            self.table.remove(made[0])
            self.add(order[-1], exclusive=False)
            self.table.removed(parse("a"))

    def test_other_account(self) -> None:
        """The token of another account's lock opens nothing."""
        lock = self.add("a")
        self.assertTrue(self.forbids("a", lock.token, account="bob"))
        self.assertFalse(self.forbids("a", lock.token))

    def test_deep(self) -> None:
        """Who changes everything beneath needs the tokens of all locks there."""
        one, two = self.add("a/b/c"), self.add("a/d")
        self.assertEqual((self.forbids("a"), self.forbids("a", deep=True)), (False, True))
        self.assertTrue(self.forbids("a", one.token, deep=True))
        self.assertFalse(self.forbids("a", one.token, two.token, deep=True))
        self.table.removed(parse("a/b"))
        self.assertEqual([self.table.get(one.token), self.table.get(two.token)], [None, two])

    def test_conflicts(self) -> None:
        """Shared locks stand beside each other; nothing stands beside an exclusive one, above or beneath."""
        for exclusive in (True, False):
            lock = self.add("a/b", exclusive=exclusive)
            for path, deep, conflict in (
                ("a/b", False, True),
                ("a/b/c", False, True),
                ("a", True, True),
                ("a", False, False),
            ):
                for asked in (True, False):
                    found = self.table.conflicting(parse(path), deep=deep, exclusive=asked)
                    self.assertEqual(found is not None, conflict and (exclusive or asked), (path, deep, asked))
            self.table.remove(lock)

    def test_ends(self) -> None:
        """A lock ends when its time is over; a refresh begins it anew."""
        lock, other = self.add("a", seconds=10), self.add("b", seconds=20)
        self.clock.advance(9)
        self.table.refresh(lock, 30)
        self.clock.advance(11)
        self.assertEqual((self.table.on(parse("a")), self.table.on(parse("b")), len(self.table)), ([lock], [], 1))
        self.assertIsNone(self.table.get(other.token))
        self.clock.advance(19)
        self.assertEqual(len(self.table), 0)

    def test_bounds(self) -> None:
        """Timeouts and numbers of locks have bounds, for each account and for all."""
        self.assertEqual((bounded(None), bounded(0), bounded(10**20)), (600, 1, MAX_SECONDS))
        for number in range(MOST_OF_ACCOUNT):
            self.add(f"a{number}")
        self.assertRaises(Busy, self.add, "b")
        for number in range(MOST_OF_ACCOUNT, MOST_LOCKS):
            self.add(f"a{number}", f"account{number // 100}")
        self.assertRaises(Busy, self.add, "b", "bob")
        self.clock.advance(101)
        self.add("b")

    @REPEATABLE
    @given(st.lists(st.tuples(PATHS, st.booleans(), st.booleans())), PATHS, st.booleans())
    def test_model(self, locks: list[tuple[tuple[str, ...], bool, bool]], path: tuple[str, ...], deep: bool) -> None:
        """Where a lock is forbidden, and where not, is what a look at all locks says."""
        self.setUp()
        made: list[Lock] = []
        for parts, is_deep, exclusive in locks:
            endpoint = Endpoint(parts)
            expected = any(self.clash(each, parts, is_deep) and (exclusive or each.is_exclusive) for each in made)
            found = self.table.conflicting(endpoint, deep=is_deep, exclusive=exclusive)
            self.assertEqual(found is not None, expected)
            if found is None:
                made.append(self.add("/".join(parts), deep=is_deep, exclusive=exclusive))
        forbidden = any(self.clash(each, path, deep) for each in made)
        self.assertEqual(self.forbids("/".join(path), deep=deep), forbidden)

    def clash(self, lock: Lock, parts: tuple[str, ...], deep: bool) -> bool:
        above, beneath = (
            lock.endpoint.parts == parts[: len(lock.endpoint.parts)],
            lock.endpoint.parts[: len(parts)] == parts,
        )
        return lock.endpoint.parts == parts or (above and lock.is_deep) or (beneath and deep)
