"""What keeps the locks of WebDAV must do all of this, wherever they are."""

from __future__ import annotations

from typing import Any, Awaitable, TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.errors import Busy
from homeftp.server.http.dav.locks.interface import ILocks
from homeftp.server.http.dav.locks.lockset import (
    MAX_SECONDS,
    MOST_LOCKS,
    MOST_OF_ACCOUNT,
    MOST_ON_ONE,
    Lock,
    LockConflict,
)

T = TypeVar("T")


def new_lock(path: str, account: str = "ann", **given: Any) -> Lock:
    """A lock of a path, with everything beneath."""
    values: dict[str, Any] = {"is_deep": True, "is_exclusive": True, "owner": "", "is_folder": False, "seconds": 100}
    return Lock(endpoint=parse(path), account=account, **{**values, **given})


class LocksContract(SynchronousTestCase):
    """Each test is a promise of `ILocks`. `locks` is what one server asks, `others` what another one may."""

    locks: ILocks
    others: ILocks

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        raise NotImplementedError

    def fill(self, locks: list[Lock]) -> None:
        """Keep all of these."""
        raise NotImplementedError

    def done(self, waited: Awaitable[T]) -> T:
        """What a call gives."""
        return self.successResultOf(Deferred.fromCoroutine(waited))  # type: ignore[arg-type]

    def refused(self, waited: Awaitable[object], error: type[Exception]) -> Any:
        """The error of a call."""
        return self.failureResultOf(Deferred.fromCoroutine(waited), error).value  # type: ignore[arg-type]

    def add(self, path: str, account: str = "ann", **given: Any) -> Lock:
        """A new lock, made at one server."""
        lock = new_lock(path, account, **given)
        self.done(self.locks.of(account).add(lock))
        return lock

    def on(self, path: str) -> set[str]:
        """The tokens of the locks that cover a path, as the other server sees it."""
        return {lock.token for lock in self.done(self.others.of("bob").near(parse(path))).on(parse(path))}

    def beneath(self, path: str, **given: bool) -> set[str]:
        """The tokens of those that were made for a path or beneath it."""
        return {lock.token for lock in self.done(self.others.of("bob").near(parse(path), **given)).beneath(parse(path))}

    def made(self, path: str) -> list[Lock]:
        """The locks that were made for a path or beneath it, as they are now."""
        return self.done(self.others.of("bob").near(parse(path), deep=True)).beneath(parse(path))

    def test_found(self) -> None:
        """A lock is found from what it covers, from above and from its folder, with all that was said of it."""
        given = {"is_deep": False, "is_exclusive": False, "owner": "<x/>", "is_folder": True, "seconds": 7}
        lock, deep = self.add("a/B", "bob", **given), self.add("a/c")
        for path in ("a/b", "A/B"):
            (found,) = self.done(self.others.of("bob").near(parse(path))).on(parse(path))
            names = ("account", "endpoint", "key", "token", *given)
            self.assertEqual([getattr(found, name) for name in names], [getattr(lock, name) for name in names])
        for path, tokens in (("a/b/x", set()), ("a", set()), ("a/c/x/y", {deep.token}), ("a/cx", set())):
            self.assertEqual(self.on(path), tokens, path)
        self.assertEqual(self.beneath("a"), {lock.token, deep.token})
        self.assertLessEqual({lock.token, deep.token}, self.beneath("", deep=True))
        self.assertEqual(self.beneath("a/c", deep=True), {deep.token})

    def test_long(self) -> None:
        """Paths as long as there may be are told apart, also where they begin alike."""
        top = "/".join(["n" * 250] * 15)
        one, other = self.add(f"{top}/a"), self.add(f"{top}/b/c")
        for path, tokens in (("a", {one.token}), ("b", set()), ("b/c", {other.token})):
            self.assertEqual(self.on(f"{top}/{path}"), tokens, path)
        self.assertEqual(self.beneath(top, deep=True), {one.token, other.token})
        self.assertEqual(self.beneath("/".join(["n" * 250] * 2), deep=True), {one.token, other.token})
        self.assertEqual(self.beneath(f"{top}/b", deep=True), {other.token})

    def test_conflict(self) -> None:
        """Where a lock forbids another one that is not kept; the one that forbids it is named."""
        lock = self.add("a/b")
        for path, given in (("a/b", {}), ("a/b/c", {"is_deep": False}), ("a", {}), ("A/B", {"is_exclusive": False})):
            new = new_lock(path, "bob", **given)
            self.assertEqual(self.refused(self.others.of("bob").add(new), LockConflict).lock.token, lock.token)
        self.assertEqual(self.beneath("", deep=True), {lock.token})
        self.done(self.others.add(new_lock("a", is_deep=False)))

    def test_ends(self) -> None:
        """A lock ends when its time is over; a refresh by any server begins it anew, while it is there."""
        lock, other = self.add("a", seconds=10), self.add("b", seconds=20)
        self.advance(9)
        (found,) = self.done(self.others.near(parse("a"))).on(parse("a"))
        self.assertTrue(self.done(self.others.refresh(found, 30)))
        self.assertEqual(found.seconds, 30)
        self.advance(11.5)
        self.assertEqual((self.on("a"), self.on("b")), ({lock.token}, set()))
        self.assertFalse(self.done(self.others.refresh(other, 10)))
        self.advance(19)
        self.assertEqual(self.on("a"), set())
        self.add("a")

    def test_removed(self) -> None:
        """A lock ends, once and for all; and so do those of what is gone, and no others."""
        lock = self.add("a")
        for _ in range(2):
            self.done(self.others.remove(lock))
        self.assertEqual(self.on("a"), set())
        self.assertFalse(self.done(self.locks.refresh(lock, 10)))
        kept = [self.add("ab"), self.add("c", is_deep=False)]
        self.add("a/b"), self.add("a/c/d")
        for path in ("a", "c/d"):
            self.done(self.others.removed(self.made(path)))
        self.assertEqual(self.beneath("", deep=True), {lock.token for lock in kept})

    def test_removed_before(self) -> None:
        """With what is gone no lock ends that somebody has got there since; one of the others may have ended itself."""
        unlocked, _ = self.add("a/b"), self.add("a/c")
        before = self.made("a")
        self.done(self.locks.remove(unlocked))
        lock = self.add("a/b", "bob")
        self.done(self.others.removed(before))
        self.assertEqual(self.beneath("a", deep=True), {lock.token})
        self.done(self.others.removed([]))

    def test_on_one(self) -> None:
        """So many shared locks cover one resource, in whatever order they are made along its path."""
        paths = ["a/b/c/d", "a/b", "a/b/c", "a"]
        for order in (paths, paths[::-1]):
            accounts = [f"account{number}" for number in range(MOST_ON_ONE)]
            made = [self.add(order[at // 3], account, is_exclusive=False) for at, account in enumerate(accounts)]
            self.refused(self.others.add(new_lock(order[-1], is_exclusive=False)), Busy)
            self.assertEqual(len(self.on("a/b/c/d")), MOST_ON_ONE)
            self.add(f"b/{order[0]}", is_exclusive=False)
            self.done(self.locks.remove(made[0]))
            self.add(order[-1], is_exclusive=False)
            self.done(self.locks.removed(self.made("a")))

    def test_bounds(self) -> None:
        """Timeouts and numbers of locks have bounds, for each account and for all."""
        self.assertEqual([new_lock("a", seconds=asked).seconds for asked in (None, 0, 10**20)], [600, 1, MAX_SECONDS])
        self.fill([new_lock(f"a{number}", is_deep=False) for number in range(MOST_OF_ACCOUNT)])
        self.refused(self.others.add(new_lock("b")), Busy)
        numbers = range(MOST_OF_ACCOUNT, MOST_LOCKS)
        self.fill([new_lock(f"a{number}", f"account{number // 100}", is_deep=False) for number in numbers])
        self.refused(self.others.add(new_lock("b", "bob")), Busy)
        self.advance(101)
        self.add("b")
