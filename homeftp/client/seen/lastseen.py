"""The content that this machine saw last on one server: looked up and recorded in the pool, many files at once."""

from __future__ import annotations

import time
from typing import Callable, Collection, Iterable, Mapping, Sequence

from twisted.internet.defer import Deferred, succeed

from homeftp.client.api import Client
from homeftp.client.seen.store import SeenScope, SeenStore
from homeftp.interfaces import IWorkers

_MOST_HELD = 4096
"""Rows that are held until they are written in one transaction: then each costs 3 to 4 µs."""

_HELD_SECONDS = 0.25
"""A row that comes this long after the last transaction is written at once, with those that were held."""


class LastSeen:
    """The content that this machine saw last on the server of `client`. For the reactor's thread.

    A client that does not know which server it is connected to has seen nothing, and nothing is recorded for it.
    """

    def __init__(
        self, store: SeenStore, workers: IWorkers, client: Client, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` gives seconds."""
        self._store = store
        self._workers = workers
        self._scope = SeenScope(client.fingerprint, client.server_info.account or "")
        self._clock = clock
        self._held: list[tuple[str, str]] = []
        self._written_at = 0.0
        self._writing: Deferred[None] | None = None

    def look_up(self, endpoints: Sequence[str]) -> Mapping[str, str]:
        """The hashes that were last seen at these endpoints, where any was. Blocks."""
        return self._store.last(self._scope, endpoints) if self._scope.server else {}

    def record(self, endpoint: str, hash: str | None) -> None:
        """The content with this hash, if it is known, was seen at an endpoint; it is written soon, or by `close`."""
        self.record_many([(endpoint, hash)])

    def record_many(self, rows: Iterable[tuple[str, str | None]]) -> None:
        """Record many endpoints, each with the hash of what was seen there."""
        known = [(endpoint, hash) for endpoint, hash in rows if hash] if self._scope.server else []
        if not known:
            return
        self._held += known
        is_due = len(self._held) >= _MOST_HELD or self._clock() - self._written_at >= _HELD_SECONDS
        if self._writing is None and is_due:
            self._write()

    def unrecorded(self, folders: Mapping[str, str]) -> Deferred[Collection[str]]:
        """As `SeenStore.unrecorded`; none of a server that is not known."""
        if not self._scope.server:
            return succeed(())
        return self._workers.run_unbounded(self._store.unrecorded, self._scope, folders)

    def record_folders(self, folders: Mapping[str, str], rows: Iterable[tuple[str, str]]) -> Deferred[None]:
        """Record files in many folders as `SeenStore.record_folders` does; `rows` is read in the pool."""
        if not self._scope.server:
            return succeed(None)
        return self._workers.run_unbounded(self._store.record_folders, self._scope, folders, rows)

    def moved(self, old: str, new: str) -> Deferred[None]:
        """A file or directory was moved on the server: it was seen at its new endpoint as it was at the old one."""
        if not self._scope.server:
            return succeed(None)
        return self._workers.run_unbounded(self._store.moved, self._scope, old, new)

    def _write(self) -> None:
        rows, self._held = self._held, []
        self._written_at = self._clock()
        self._writing = self._workers.run_unbounded(self._store.record, self._scope, rows)
        self._writing.addBoth(self._written)

    def _written(self, result: object) -> object:
        self._writing = None
        return result

    async def close(self, notify: Callable[[str], object]) -> None:
        """Write what is held; calls `notify` with what people should know of the record, in words."""
        while self._writing is not None or self._held:
            if self._writing is None:
                self._write()
            if self._writing is not None:
                await self._writing
        for message in self._store.take_notices():
            notify(message)
