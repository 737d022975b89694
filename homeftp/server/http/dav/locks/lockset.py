"""Locks, and what a set of them forbids: the same rules wherever the locks are kept. No input, no output, no clock.

A lock belongs to the account that made it, and a change needs its token, too (RFC 4918, section 6.4).
"""

from __future__ import annotations

import uuid
from typing import Callable, Collection, Iterable

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


def key_of(endpoint: Endpoint) -> Key:
    """The endpoint, the same in every spelling that some disk takes for one name."""
    return tuple(map(folded, endpoint.parts))


def bounded(seconds: int | None) -> int:
    """The timeout of a lock for which a client asks for so many seconds; None: it does not say."""
    return DEFAULT_SECONDS if seconds is None else max(1, min(seconds, MAX_SECONDS))


@attrs.define(eq=False, kw_only=True)
class Lock:
    """A write lock on an endpoint."""

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
    seconds: int = attrs.field(converter=bounded)
    """Its timeout."""
    token: str = attrs.field(factory=lambda: f"urn:uuid:{uuid.uuid4()}", repr=False)
    """A URI that cannot be guessed."""

    key: Key = attrs.field(init=False)
    """That of the endpoint (`key_of`)."""

    @key.default
    def _fold(self) -> Key:
        return key_of(self.endpoint)

    def covers(self, key: Key) -> bool:
        """Whether what is at an endpoint of that key is locked by it."""
        return key == self.key or (self.is_deep and key[: len(self.key)] == self.key)


class LockConflict(Exception):
    """A new lock is forbidden by another one."""

    def __init__(self, lock: Lock) -> None:
        super().__init__("there is another lock")
        self.lock = lock


def too_many() -> Busy:
    """The refusal of a lock where there are too many."""
    return Busy("there are too many locks already: unlock what is not needed")


class LockSet:
    """Some locks: all that there are, or all that matter to one endpoint."""

    def __init__(self, locks: Iterable[Lock] = ()) -> None:
        self._at: dict[Key, list[Lock]] = {}
        for lock in locks:
            self.add(lock)

    def add(self, lock: Lock) -> None:
        """Add a lock to the set."""
        self._at.setdefault(lock.key, []).append(lock)

    def remove(self, lock: Lock) -> None:
        """Leave out a lock that is there."""
        there = self._at[lock.key]
        there.remove(lock)
        if not there:
            del self._at[lock.key]

    def on(self, endpoint: Endpoint) -> list[Lock]:
        """The locks that cover what is at an endpoint."""
        return self._covering(key_of(endpoint)) if self._at else []

    def beneath(self, endpoint: Endpoint) -> list[Lock]:
        """The locks that were made for an endpoint, or for something beneath it."""
        return self._beneath(key_of(endpoint)) if self._at else []

    def _covering(self, key: Key) -> list[Lock]:
        prefixes = (key[:length] for length in range(len(key) + 1))
        return [lock for prefix in prefixes for lock in self._at.get(prefix, ()) if lock.covers(key)]

    def _beneath(self, key: Key) -> list[Lock]:
        return [lock for there, locks in self._at.items() if there[: len(key)] == key for lock in locks]

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
        if not self._at:
            return None
        key = key_of(endpoint)
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

    def admit(self, new: Lock) -> None:
        """Raise `LockConflict` where another lock forbids a new one, and `Busy` (51) where there are too many there."""
        around = self._covering(new.key)
        if new.is_deep:
            around += [lock for lock in self._beneath(new.key) if lock not in around]
        conflict = next((lock for lock in around if new.is_exclusive or lock.is_exclusive), None)
        if conflict is not None:
            raise LockConflict(conflict)
        if len(around) >= MOST_ON_ONE:
            raise too_many()
