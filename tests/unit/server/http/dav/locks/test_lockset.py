"""What locks forbid."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.server.http.dav.locks.lockset import Lock, LockConflict, LockSet
from tests.support.lockcontract import new_lock
from tests.support.repeatable import REPEATABLE

PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple)


class LockSetTests(SynchronousTestCase):
    """All locks of a server."""

    def setUp(self) -> None:
        self.set = LockSet()

    def add(self, path: str, account: str = "ann", **given: Any) -> Lock:
        lock = new_lock(path, account, **given)
        self.set.add(lock)
        return lock

    def forbids(self, path: str, *tokens: str, account: str = "ann", **given: Any) -> bool:
        return self.set.keeping_out(parse(path), account, tokens, **given) is not None

    def conflicts(self, path: str, **given: Any) -> bool:
        try:
            self.set.admit(new_lock(path, **given))
        except LockConflict:
            return True
        return False

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
        self.set.remove(lock)
        self.add("a/b", is_deep=False)
        self.assertEqual(
            (self.forbids("a/b"), self.forbids("a/b/c"), self.forbids("a/b/c", names=True)), (True, False, True)
        )

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

    def test_conflicts(self) -> None:
        """Shared locks stand beside each other; nothing stands beside an exclusive one, above or beneath."""
        for exclusive in (True, False):
            lock = self.add("a/b", is_exclusive=exclusive)
            for path, deep, conflict in (
                ("a/b", False, True),
                ("a/b/c", False, True),
                ("a", True, True),
                ("a", False, False),
            ):
                for asked in (True, False):
                    found = self.conflicts(path, is_deep=deep, is_exclusive=asked)
                    self.assertEqual(found, conflict and (exclusive or asked), (path, deep, asked))
            self.set.remove(lock)

    @REPEATABLE
    @given(st.lists(st.tuples(PATHS, st.booleans(), st.booleans())), PATHS, st.booleans())
    def test_model(self, locks: list[tuple[tuple[str, ...], bool, bool]], path: tuple[str, ...], deep: bool) -> None:
        """Where a lock is forbidden, and where not, is what a look at all locks says."""
        self.setUp()
        made: list[Lock] = []
        for parts, is_deep, exclusive in locks:
            expected = any(self.clash(each, parts, is_deep) and (exclusive or each.is_exclusive) for each in made)
            given: dict[str, Any] = {"is_deep": is_deep, "is_exclusive": exclusive}
            found = self.conflicts("/".join(parts), **given)
            self.assertEqual(found, expected)
            if not found:
                made.append(self.add("/".join(parts), **given))
        forbidden = any(self.clash(each, path, deep) for each in made)
        self.assertEqual(self.forbids("/".join(path), deep=deep), forbidden)

    def clash(self, lock: Lock, parts: tuple[str, ...], deep: bool) -> bool:
        above, beneath = (
            lock.endpoint.parts == parts[: len(lock.endpoint.parts)],
            lock.endpoint.parts[: len(parts)] == parts,
        )
        return lock.endpoint.parts == parts or (above and lock.is_deep) or (beneath and deep)
