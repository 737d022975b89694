"""The locks of all accounts: which there are, what they forbid, and when they end. No input and no output.

A lock belongs to the account that made it, and a change needs its token, too (RFC 4918, section 6.4). Locks are in
memory: when the server stops they end, which section 6.1 allows at any time.
"""

from __future__ import annotations

import math
import uuid
from collections import Counter
from typing import Callable, Collection

import attrs

from homeftp.endpoint import Endpoint, folded
from homeftp.errors import Busy

MAX_SECONDS = 3600
"""How long a lock lasts without a refresh, at most; Finder asks for ten minutes, Office for an hour."""

DEFAULT_SECONDS = 600
"""How long it lasts where a client does not say."""

MOST_LOCKS = 10_000
"""Locks of all accounts together, at most."""

MOST_OF_ACCOUNT = 1_000
"""Locks of one account, at most."""

MOST_ON_ONE = 10
"""Shared locks that cover one resource, at most: PROPFIND tells all of them of each file in a locked folder."""

MAX_OWNER = 2048
"""Characters of what a client says about the owner, at most."""


Key = tuple[str, ...]


@attrs.define(eq=False)
class Lock:
    """One write lock."""

    token: str
    """A URI that cannot be guessed."""
    account: str
    """The owner's account: `DavRequest.owner`."""
    endpoint: Endpoint
    """The endpoint that it was made for, in the store."""
    is_deep: bool
    """Whether it covers everything beneath that too."""
    is_exclusive: bool
    owner: str
    """The client's words, as XML."""
    is_folder: bool
    seconds: int
    """Its timeout."""
    ends: float
    """By the clock."""

    key: Key = attrs.field(init=False)
    """The endpoint, the same in every spelling that some disk takes for one name."""

    @key.default
    def _fold(self) -> Key:
        return _key(self.endpoint)

    def covers(self, key: Key) -> bool:
        """Whether what is at an endpoint of that key is locked by it."""
        return key == self.key or (self.is_deep and key[: len(self.key)] == self.key)

    def is_beneath(self, key: Key) -> bool:
        """Whether it was made for an endpoint of that key, or for something beneath it."""
        return self.key[: len(key)] == key


def _key(endpoint: Endpoint) -> Key:
    return tuple(map(folded, endpoint.parts))


class LockTable:
    """All locks. `clock` gives seconds by a monotonic clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._locks: dict[str, Lock] = {}
        self._of_account: Counter[str] = Counter()
        self._at: dict[Key, list[Lock]] = {}
        self._next_end = math.inf

    def __len__(self) -> int:
        self._expire()
        return len(self._locks)

    def _expire(self) -> None:
        """End the locks whose time is over."""
        now = self._clock()
        if now < self._next_end:
            return
        for lock in [lock for lock in self._locks.values() if lock.ends <= now]:
            self.remove(lock)
        self._next_end = min((lock.ends for lock in self._locks.values()), default=math.inf)

    def get(self, token: str) -> Lock | None:
        """The lock with that token; None where there is none any more."""
        self._expire()
        return self._locks.get(token)

    def on(self, endpoint: Endpoint) -> list[Lock]:
        """The locks that cover what is at an endpoint."""
        self._expire()
        return self._covering(_key(endpoint)) if self._locks else []

    def _covering(self, key: Key) -> list[Lock]:
        prefixes = (key[:length] for length in range(len(key) + 1))
        return [lock for prefix in prefixes for lock in self._at.get(prefix, ()) if lock.covers(key)]

    def _beneath(self, key: Key) -> list[Lock]:
        return [lock for lock in self._locks.values() if lock.is_beneath(key)]

    def keeping_out(
        self,
        endpoint: Endpoint,
        account: str,
        tokens: Collection[str],
        *,
        deep: bool = False,
        names: bool = False,
        concerns: Callable[[Lock], bool] = lambda lock: True,
    ) -> Lock | None:
        """The lock that forbids an account, which submits these tokens, to change what is at an endpoint.

        With `deep` everything beneath is changed too; with `names` a name in the directory of the endpoint appears or
        disappears, which a lock of that directory forbids. Locks that `concerns` leaves out forbid nothing.
        """
        self._expire()
        if not self._locks:
            return None
        key = _key(endpoint)
        concerned = self._covering(key)
        if deep:
            concerned += [lock for lock in self._beneath(key) if lock not in concerned]
        if names and key:
            concerned += [lock for lock in self._covering(key[:-1]) if lock not in concerned]
        # Of several shared locks on one resource the token of any is enough (RFC 4918, 7.1).
        held = [lock for lock in concerned if lock.account == account and lock.token in tokens]
        opened = {lock.key for lock in held if not lock.is_exclusive}
        forbids = (lock for lock in concerned if lock not in held and lock.key not in opened)
        return next(filter(concerns, forbids), None)

    def conflicting(self, endpoint: Endpoint, *, deep: bool, exclusive: bool) -> Lock | None:
        """The lock that forbids a new one."""
        self._expire()
        key = _key(endpoint)
        concerned = self._covering(key) + (self._beneath(key) if deep else [])
        return next((lock for lock in concerned if exclusive or lock.is_exclusive), None)

    def add(
        self,
        endpoint: Endpoint,
        account: str,
        *,
        deep: bool,
        exclusive: bool,
        owner: str,
        is_folder: bool,
        seconds: int | None,
    ) -> Lock:
        """A new lock; the caller has asked for `conflicting`. Raises `Busy` (51) where there are too many."""
        self._expire()
        key = _key(endpoint)
        around = {*self._covering(key), *(self._beneath(key) if deep and not exclusive else ())}
        own = self._of_account[account]
        if len(self._locks) >= MOST_LOCKS or own >= MOST_OF_ACCOUNT or len(around) >= MOST_ON_ONE:
            raise Busy("there are too many locks already: unlock what is not needed")
        asked = bounded(seconds)
        token = f"urn:uuid:{uuid.uuid4()}"
        lock = Lock(token, account, endpoint, deep, exclusive, owner, is_folder, asked, self._clock() + asked)
        self._locks[token] = lock
        self._of_account[account] += 1
        self._at.setdefault(lock.key, []).append(lock)
        self._next_end = min(self._next_end, lock.ends)
        return lock

    def refresh(self, lock: Lock, seconds: int | None) -> None:
        """Let a lock last for so long from now on."""
        lock.seconds = bounded(seconds)
        lock.ends = self._clock() + lock.seconds
        self._next_end = min(self._next_end, lock.ends)

    def remove(self, lock: Lock) -> None:
        """End a lock. May be called twice."""
        if self._locks.pop(lock.token, None) is not None:
            self._of_account[lock.account] -= 1
            if not self._of_account[lock.account]:
                del self._of_account[lock.account]
            there = self._at[lock.key]
            there.remove(lock)
            if not there:
                del self._at[lock.key]

    def removed(self, endpoint: Endpoint) -> None:
        """Remove the locks at an endpoint and beneath it, whose files are gone (RFC 4918, 9.6)."""
        for lock in self._beneath(_key(endpoint)) if self._locks else ():
            self.remove(lock)


def bounded(seconds: int | None) -> int:
    """The timeout of a lock for which a client asks for so many seconds; None: it does not say."""
    return DEFAULT_SECONDS if seconds is None else max(1, min(seconds, MAX_SECONDS))
