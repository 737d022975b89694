"""The hashes that the requests of one login need: a file is opened, and hashed in slices with all who wait for it.

Here is also what a change does whose precondition names the content of a large file.
"""

from __future__ import annotations

from functools import partial
from typing import Callable, Sequence, TypeVar

import attrs
import msgspec
from twisted.internet.defer import Deferred

from homeftp.endpoint import Endpoint
from homeftp.errors import Changed
from homeftp.files.hashes import SharedHashes, Waiter
from homeftp.files.jobs.revocation import RevocableJobs
from homeftp.files.jobs.share import AccountResources
from homeftp.files.jobs.turns import detached
from homeftp.hashing.filehash import TICK_NS
from homeftp.interfaces import HashNeeded, IOpenFile
from homeftp.model import Entry, HashCondition
from homeftp.store.policy.preconditions import names_content

T = TypeVar("T")

ATTEMPTS = 10
"""Times that a file is looked at again where it changed between its hashing and the change that depends on it."""


class FileToHash(msgspec.Struct, frozen=True):
    """An open file, one of the few that an account has open to be hashed."""

    file: IOpenFile
    ended: int
    """The value of `SharedHashes.ended` before it was opened."""


@attrs.frozen(eq=False)
class FileHasher:
    """Hashes files for one login."""

    _share: AccountResources
    _hashes: SharedHashes
    _jobs: RevocableJobs
    _unique_tags: bool
    """`Capabilities.unique_tags` of the store: without them every request hashes on its own."""

    async def open(self, open: Callable[[], Deferred[IOpenFile]]) -> FileToHash:
        """Open a file when it is its turn; then call `hash` or `release`."""
        await self._share.hashing.acquire()
        ended = self._hashes.ended
        try:
            return FileToHash(await detached(open(), self._close), ended)
        except BaseException:
            self.release()
            raise

    def _close(self, file: IOpenFile) -> None:
        """Close a file, in a worker; one that was read at once is closed already."""
        if file.content is None:
            self._jobs.run_cleanup(file.close)

    def release(self) -> None:
        """A file of `open` is not open to be hashed any more."""
        self._share.hashing.release()

    async def hash(self, opened: FileToHash, cancelled: Callable[[], bool]) -> tuple[bool, Entry]:
        """Hash a file, or wait for a hashing of it that is under way; whether it was that, and the entry.

        Closes the file. Raises as `SharedHashes.begin`.
        """
        waiter = Waiter(self._share.account, self._share.workers, cancelled)
        file = opened.file
        try:
            hashing = self._hashes.join(file.entry.tag, waiter, opened.ended) if self._unique_tags else None
            if hashing is None:
                return False, await self._hashes.begin(file, waiter)
        finally:
            self.release()
        self._close(file)
        return True, await hashing

    def change(self, endpoint: Endpoint, change: Callable[..., Deferred[T]], *preconditions: str | None) -> Deferred[T]:
        """`change(*preconditions)`, where a precondition may need the hash of a large file.

        That is hashed in slices first; the store tells whether it is still the same file. Fails with `Busy` (51) where
        the account's queue is full, with `Changed` (44) for a file that does not come to rest, and with
        ConnectionLost where the login ends meanwhile: then nothing was changed. `change` is never refused as busy.
        """
        return Deferred.fromCoroutine(self._change(endpoint, change, preconditions))

    async def _change(
        self, endpoint: Endpoint, change: Callable[..., Deferred[T]], preconditions: Sequence[str | None]
    ) -> T:
        asked = [HashCondition(str(each)) if names_content(each) else each for each in preconditions]
        self._share.workers.admit()
        for _ in range(ATTEMPTS):
            try:
                return await change(*asked)
            except HashNeeded as needed:  # noqa: PERF203 (each attempt is a job)
                known = await self._know(needed)
                asked = [known if each is needed.condition else each for each in asked]
        raise unsteady(endpoint)

    async def _know(self, needed: HashNeeded) -> HashCondition:
        """The condition with the hash of the file that it is about; without one after a pause."""
        workers = self._share.workers
        if needed.open is None:
            await workers.pause(TICK_NS / 1e9)
            return needed.condition
        opened = await self.open(partial(workers.run_unbounded, needed.open))
        _, entry = await self.hash(opened, self._jobs.ended)
        return HashCondition(needed.condition, entry.tag, entry.hash)


def unsteady(endpoint: Endpoint) -> Changed:
    """The refusal where a file keeps changing."""
    return Changed(f"{endpoint} is being changed on the server right now: try again")
