"""One watch: the names that have changed since they were told last, as far as an account sees them.

However much changes, a watch holds no more than `MOST_NAMES`: beyond that it
only remembers that anything may have changed.
"""

from __future__ import annotations

from threading import Lock
from typing import Callable, Sequence

from twisted.internet.defer import Deferred

from homeftp.config import KIB
from homeftp.endpoint import Endpoint
from homeftp.files.jobs.revocation import RevocableJobs
from homeftp.interfaces import ChangedNames, IScopedStore, IStore
from homeftp.interfaces.observing import StoreChange

MOST_NAMES = 256
"""Names that a watch holds: who has to look at more of them does better to compare the whole directory."""

MOST_BYTES = 64 * KIB
"""Bytes of these names, so that they fit into one line of an answer, and 64 watches into a few megabytes."""

GATHER_SECONDS = 0.1
"""From the first change until it is told: what changes meanwhile is told with it, and nothing more often. A person does
not notice it, and ten comparisons a second are no load."""


def _everything(endpoint: Endpoint, *, directory: bool) -> Endpoint | None:
    """Where a change shows in a store that is all of it."""
    return endpoint


class EndpointWatch:
    """The changes at an endpoint of `store` and beneath it, for one reader, who awaits them on the reactor's thread.

    `note` is called in any thread. `closed` is called each time the reader closes the watch.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        store: IStore,
        account: str | None,
        jobs: RevocableJobs,
        closed: Callable[[EndpointWatch], None],
    ) -> None:
        self.account = account
        self._top = endpoint
        self._visible_endpoint = IScopedStore(store).visible_endpoint if IScopedStore.providedBy(store) else _everything
        self._jobs = jobs
        self._closed = closed
        self._lock = Lock()
        self._names: dict[str, None] = {}
        self._bytes = 0
        self._anything = False
        self._ended: Exception | None = None
        self._waiting: Deferred[None] | None = None

    # -- in any thread -------------------------------------------------------------

    def add(self, changes: Sequence[StoreChange] | None) -> bool:
        """Something has changed, None: it is not known what. Whether the reader has to be woken for it."""
        with self._lock:
            before = self._is_pending
            if changes is None:
                self._overflow()
            for change in changes or ():
                if self._anything:
                    break
                name = self._name(change)
                if name is not None and name not in self._names:
                    self._add(name)
            return self._is_pending and not before

    @property
    def _is_pending(self) -> bool:
        return self._anything or bool(self._names)

    def _name(self, change: StoreChange) -> str | None:
        """The name of what has changed, relative to the endpoint; None where the reader does not see it."""
        shown = self._visible_endpoint(change.endpoint, directory=change.directory)
        if shown is None:
            return None
        if (own := shown.relative_to(self._top)) is not None:
            return own.whole
        is_above = change.directory and self._top.relative_to(shown) is not None
        return "" if is_above else None

    def _add(self, name: str) -> None:
        self._names[name] = None
        self._bytes += len(name.encode())
        if len(self._names) > MOST_NAMES or self._bytes > MOST_BYTES:
            self._overflow()

    def _overflow(self) -> None:
        self._anything = True
        self._names.clear()
        self._bytes = 0

    # -- on the reactor's thread ---------------------------------------------------

    def wake(self) -> None:
        """There is something to tell, or an end."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    def close(self, reason: Exception) -> None:
        """Nothing more will be told: who waits, or does so later, gets `reason`."""
        self._ended = reason
        self.wake()

    def __aiter__(self) -> EndpointWatch:
        return self

    async def __anext__(self) -> ChangedNames:
        """The changes since the last call; one call at a time."""
        await self._some()
        await self._jobs.workers.pause(GATHER_SECONDS)
        await self._jobs.confirm()
        return self._take()

    async def _some(self) -> None:
        while True:
            self._jobs.require_unrevoked()
            if self._ended is not None:
                raise self._ended
            with self._lock:
                if self._is_pending:
                    return
            waiting = self._waiting = Deferred()
            try:
                await waiting
            finally:
                self._waiting = None

    def _take(self) -> ChangedNames:
        with self._lock:
            taken = ChangedNames(tuple(self._names), self._anything)
            self._names.clear()
            self._bytes = 0
            self._anything = False
        return taken

    async def aclose(self) -> None:
        """Watch no more. May be called twice."""
        self._closed(self)
