"""Hashings under way: one for each content, shared by all who wait for it, in slices, as long as somebody waits."""

from __future__ import annotations

from collections import Counter, deque
from typing import Callable

import attrs
from msgspec import structs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from homeftp.interfaces import IOpenFile, IWorkers
from homeftp.model import Entry

LAST_KEPT = 256
"""Hashes that are kept for requests that are about to ask for them: as many as one account has requests at once."""


def never() -> bool:
    """The `cancelled` of work that is never cancelled."""
    return False


@attrs.frozen(eq=False)
class Waiter:
    """A request that waits for a hash."""

    account: str | None
    workers: IWorkers
    """The queue of that account."""
    cancelled: Callable[[], bool] = never
    """Whether the request has ended; asked before each slice. Cancelling `answer` ends the wait too."""
    answer: Deferred[Entry] = attrs.field(init=False, factory=Deferred)


class SharedHashes:
    """The hashings of one server. A content is known by its `Entry.tag`; "" is not shared."""

    def __init__(self) -> None:
        self._under_way: dict[str, _Hashing] = {}
        self._waiting: Counter[str | None] = Counter()
        self._last: deque[Entry] = deque(maxlen=LAST_KEPT)
        self.ended = 0
        """How many hashings have ended well."""

    def join(self, tag: str, waiter: Waiter, opened: int) -> Deferred[Entry] | None:
        """Wait for the running hashing of that content; None if no such hashing runs.

        The result of one that ended while the waiter opened its file is used too; `opened` is the value of `ended`
        before that.
        """
        hashing = self._under_way.get(tag)
        if hashing is not None:
            return self._add(hashing, waiter)
        meanwhile = list(self._last)[opened - self.ended :] if opened < self.ended else []
        found = next((entry for entry in meanwhile if tag and entry.tag == tag), None)
        return None if found is None else succeed(found)

    def begin(self, file: IOpenFile, waiter: Waiter) -> Deferred[Entry]:
        """Hash an open file, which is closed at the end; its entry, with the hash.

        Fails with `Changed` (44) as `IOpenFile.hash_steps`, and with ConnectionLost where the waiter is cancelled.
        """
        hashing = _Hashing(file, file.entry.tag, waiter.workers)
        if hashing.tag:
            self._under_way[hashing.tag] = hashing
        answer = self._add(hashing, waiter)
        Deferred.fromCoroutine(self._run(hashing)).addBoth(self._ended, hashing)
        return answer

    def _add(self, hashing: _Hashing, waiter: Waiter) -> Deferred[Entry]:
        hashing.waiters.append(waiter)
        self._waiting[waiter.account] += 1
        return waiter.answer

    async def _run(self, hashing: _Hashing) -> Entry:
        """Each slice is run for the waiter whose account waits for the fewest hashes: its turn comes first."""
        steps = hashing.file.hash_steps()
        while True:
            for waiter in [each for each in hashing.waiters if each.answer.called or each.cancelled()]:
                self._leave(hashing, waiter, Failure(ConnectionLost("the client has disconnected")))
            if not hashing.waiters:
                raise ConnectionLost("no request waits for this hash now")
            waiter = min(hashing.waiters, key=lambda each: self._waiting[each.account])
            hashing.workers = waiter.workers
            found: str | None = await waiter.workers.run_hash(next, steps)
            if found is not None:
                return structs.replace(hashing.file.entry, hash=found)

    def _ended(self, result: Entry | Failure, hashing: _Hashing) -> None:
        if self._under_way.get(hashing.tag) is hashing:
            del self._under_way[hashing.tag]
        if not isinstance(result, Failure):
            self.ended += 1
            self._last.append(result)
        hashing.workers.run_unbounded(hashing.file.close)
        for waiter in list(hashing.waiters):
            self._leave(hashing, waiter, result)

    def _leave(self, hashing: _Hashing, waiter: Waiter, result: Entry | Failure) -> None:
        hashing.waiters.remove(waiter)
        self._waiting[waiter.account] -= 1
        if not self._waiting[waiter.account]:
            del self._waiting[waiter.account]
        if isinstance(result, Failure):
            waiter.answer.errback(result)
        else:
            waiter.answer.callback(result)


@attrs.define(eq=False)
class _Hashing:
    """An open file that is being hashed."""

    file: IOpenFile
    tag: str
    """The tag of the file when it was opened."""
    workers: IWorkers
    """The queue of the last slice."""
    waiters: list[Waiter] = attrs.field(factory=list)
