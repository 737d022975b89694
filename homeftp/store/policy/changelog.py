"""The changes of one store, handed to the audit log in the order in which they were made.

Only in that order do the records give the tree: of two writes to one name the
later one is what exists. A change that could not be recorded is kept here;
until it is recorded nothing else may be changed, and at the end it is
reported.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from threading import Lock
from typing import Callable, Iterator, Sequence

from homeftp.errors import Busy, Internal
from homeftp.interfaces.store import RecordChanges, UnrecordedChanges
from homeftp.interfaces.usage import StoreActivity
from homeftp.model import Change

_WITHOUT_END = -1.0
"""The time-out of a lock that is waited for in any case."""


class ChangeLog:
    """The changes of one store, on their way to the audit log. Safe in several threads."""

    def __init__(self, record: RecordChanges) -> None:
        self._record = record
        self._lock = Lock()
        self._unrecorded: list[Change] = []
        self._recorded: Counter[str] = Counter()
        self._evicted_bytes = 0

    def ensure_recorded(self) -> None:
        """Call it before anything is changed; raises `Internal` (50) where earlier changes still cannot be recorded."""
        if self._unrecorded:
            with self._lock:
                self._write("changes are refused until it can be written")

    @contextmanager
    def changing(self, seconds: float = _WITHOUT_END) -> Iterator[Callable[[Change], None]]:
        """While names are given or taken: report each change as soon as it is made. At the end they are recorded.

        So are those of `reporting`. Raises `Internal` (50) where they cannot be: the changes were made nevertheless;
        and `Busy` (51) where the changes of others take longer than so many `seconds`: nothing was changed.
        """
        if not self._lock.acquire(timeout=seconds):
            raise Busy("the changes of others take too long at the moment: try again later; nothing was changed")
        try:
            yield self._unrecorded.append
        finally:
            try:
                self._write("the change was made, and is recorded as soon as it can be written")
            finally:
                self._lock.release()

    @contextmanager
    def reporting(self) -> Iterator[Callable[[Change], None]]:
        """As `changing`, for one change of many: they are recorded together, in a `changing` that follows them all."""
        with self._lock:
            yield self._unrecorded.append

    def evicted(self, change: Change) -> None:
        """A version or a partial upload was removed to make space: it is recorded before the next change."""
        self._unrecorded.append(change)

    def activity(self) -> StoreActivity:
        """The changes that were recorded since the store was opened, and how many are not recorded yet."""
        return StoreActivity(
            changes=dict(self._recorded), evicted_bytes=self._evicted_bytes, unrecorded=len(self._unrecorded)
        )

    def close(self) -> None:
        """Record the changes that are left; raises `UnrecordedChanges` with those that still cannot be recorded."""
        with self._lock:
            try:
                self._write("these changes were made")
            except Internal as refused:
                left: Sequence[Change] = tuple(self._unrecorded)
                self._unrecorded.clear()
                raise UnrecordedChanges(refused.message, left) from refused.__cause__

    def _write(self, outcome: str) -> None:
        if not self._unrecorded:
            return
        changes = tuple(self._unrecorded)
        try:
            self._record(changes)
        except OSError as error:
            raise Internal(f"the server's audit log cannot be written ({error.strerror}): {outcome}") from error
        self._recorded.update(change.what for change in changes)
        self._evicted_bytes += sum(change.old_size or 0 for change in changes if change.what == "evict")
        del self._unrecorded[: len(changes)]  # another thread may have reported an eviction meanwhile


def described(change: Change) -> str:
    """One change in words, for the server's log where the audit log cannot have it."""
    to = "" if change.to is None else f" to {change.to.whole}"
    actor = ", ".join(filter(None, (change.actor.account, change.actor.device, change.actor.address)))
    return f"{change.what} {change.kind} {change.endpoint.whole}{to} ({actor or 'the server'})"
