"""The hub of changes: everything that has changed in the store passes here, on its way to those who watch.

The server tells it what the store records, which is each change of any front end, and what other programs have
changed where that is noticed.
"""

from __future__ import annotations

from typing import Callable, Sequence

from homeftp.config import Limits
from homeftp.endpoint import Endpoint
from homeftp.errors import Busy, ShuttingDown
from homeftp.files.jobs.revocation import RevocableJobs
from homeftp.files.watches.watch import EndpointWatch
from homeftp.interfaces import IStore
from homeftp.interfaces.observing import StoreChange
from homeftp.model import Change

TREE = frozenset({"add", "replace", "delete", "move", "metadata"})
"""The changes that a listing shows; the others are about versions and partial uploads."""


Follower = Callable[[Sequence[Change]], None]
"""Takes changes that were made, in any thread. It must not raise, nor take long."""


def _now(call: Callable[..., object], *args: object) -> None:
    call(*args)


class ChangeHub:
    """The watches of one server, which begin and end on the reactor's thread; changes are told in any thread.

    `in_reactor(call, …)` calls on the reactor's thread, from any thread. The hub keeps no changes: each watch
    takes what its reader may see, in the thread that tells the change.
    """

    def __init__(self, in_reactor: Callable[..., object] = _now, limits: Limits = Limits()) -> None:  # noqa: B008
        self._in_reactor = in_reactor
        self._limits = limits
        self._watches: tuple[EndpointWatch, ...] = ()
        """Replaced as a whole: other threads read it."""
        self._followers: tuple[Follower, ...] = ()
        self._stopped = False

    def __len__(self) -> int:
        return len(self._watches)

    def watch(self, endpoint: Endpoint, store: IStore, account: str | None, jobs: RevocableJobs) -> EndpointWatch:
        """Watch a part of an account's store from now on, until the watch is closed.

        Raises `Busy` (51) where there are too many watches, `Forbidden` (33) and `ShuttingDown` (54).
        """
        jobs.require_unrevoked()
        if self._stopped:
            raise _stopping()
        own = sum(each.account == account for each in self._watches)
        if own >= self._limits.account_watches:
            raise Busy(f"your account has {own} watches already: end one of them, or try again later")
        if len(self._watches) >= self._limits.watches:
            raise Busy(f"the server has {len(self._watches)} watches already: try again later")
        watch = EndpointWatch(endpoint, store, account, jobs, self._remove)
        self._watches = (*self._watches, watch)
        return watch

    def follow(self, follower: Follower) -> None:
        """Tell all changes of the store to `follower` too, from now on, in the thread that makes them."""
        self._followers = (*self._followers, follower)

    def publish(self, changes: Sequence[Change]) -> None:
        """These changes were made in the store. In any thread; cheap where there are no watches."""
        for follower in self._followers:
            follower(changes)
        if self._watches:
            self.tell([each for change in changes for each in _store_changes(change)])

    def tell(self, changes: Sequence[StoreChange] | None) -> None:
        """These changes were made; None: it is not known which. In any thread."""
        woken = [watch for watch in self._watches if watch.add(changes)]
        if woken:
            self._in_reactor(_wake, woken)

    def stop(self) -> None:
        """The server stops: all watches end."""
        self._stopped = True
        for watch in self._watches:
            watch.close(_stopping())

    def _remove(self, watch: EndpointWatch) -> None:
        self._watches = tuple(each for each in self._watches if each is not watch)


def _wake(watches: Sequence[EndpointWatch]) -> None:
    for watch in watches:
        watch.wake()


def _store_changes(change: Change) -> list[StoreChange]:
    if change.what not in TREE:
        return []
    directory = change.kind == "directory" and change.what != "metadata"
    return [StoreChange(each, directory) for each in (change.endpoint, change.to) if each is not None]


def _stopping() -> ShuttingDown:
    return ShuttingDown("the server is stopping: connect again in a while")
