"""Looking at one file: at once where the store has it in memory, else in a job together with others.

A job has to be handed to another thread and its result back, which costs several times as much as reading a small file.
"""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred

from homeftp.config import SMALL_FILE
from homeftp.endpoint import Endpoint
from homeftp.files.jobs.batches import Batches, StatItem, StatResult
from homeftp.files.jobs.revocation import RevocableJobs
from homeftp.files.jobs.turns import detached
from homeftp.interfaces import IOpenFile, IStore
from homeftp.interfaces.immediate import IImmediateStore
from homeftp.model import Entry


@attrs.frozen(eq=False)
class Lookups:
    """The look-ups of one login in its store, which all logins of the account share."""

    _store: IStore
    _batches: Batches
    _jobs: RevocableJobs
    _immediate: IImmediateStore | None = attrs.field(init=False)

    @_immediate.default
    def _find_immediate(self) -> IImmediateStore | None:
        return IImmediateStore(self._store) if IImmediateStore.providedBy(self._store) else None

    async def stat(self, endpoint: Endpoint, hashed: bool = True) -> Entry | None:
        """The entry at an endpoint. Raises `Forbidden` (33) once access is known to be revoked."""
        self._jobs.require_unrevoked()
        entry = None if self._immediate is None else self._immediate.stat_at_once(endpoint, hashed)
        if entry is None:
            entry, _ = await self.stat_with_resume(StatItem(endpoint))
        return entry

    def is_new(self, endpoint: Endpoint) -> bool:
        """Whether the store knows at once that nothing is there. Raises `Forbidden` (33) as `stat`."""
        self._jobs.require_unrevoked()
        return self._immediate is not None and self._immediate.is_new_at_once(endpoint)

    def stat_with_resume(self, item: StatItem) -> Deferred[StatResult]:
        """The entry at an endpoint, and the part of a content that has arrived for it."""
        return self._batches.stats.run((self._store, item))

    async def open(self, endpoint: Endpoint, hashed: bool = True) -> IOpenFile:
        """Open a file; a small one is read already. It is closed where the caller stops waiting."""
        file = None if self._immediate is None else self._immediate.open_at_once(endpoint, SMALL_FILE, hashed)
        return await detached(self.open_by_job(endpoint), self.close) if file is None else file

    def open_by_job(self, endpoint: Endpoint) -> Deferred[IOpenFile]:
        """Open a file in the pool, also where it could be opened at once."""
        return self._batches.opens.run((self._store, endpoint))

    def close(self, file: IOpenFile) -> None:
        """Close a file that is not wanted any more."""
        if file.content is None:
            self._jobs.run_cleanup(file.close)
