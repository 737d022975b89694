"""Small files that are written together, and made durable with one sync: how many, and how long it takes.

Every call of `IStore.write_many` goes through here.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import Callable, Sequence

from homeftp.histogram import AMOUNTS, SECONDS, Histogram
from homeftp.interfaces import IStore
from homeftp.model import Entry, WriteRequest
from homeftp.store.policy.outcomes import results_of


class GroupCommits:
    """Writes small files for all accounts of one server, and counts what is written together. Safe in several threads.

    `monotonic` is the time in seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        """A clock, in seconds."""
        self._lock = Lock()
        self.sizes = Histogram(AMOUNTS)
        """How many files and directories were written together."""
        self.seconds = Histogram(SECONDS)
        """How long that took."""

    def write_many(
        self, store: IStore, writes: Sequence[tuple[WriteRequest, bytes | None]]
    ) -> Sequence[Entry | Exception]:
        """The results of the store, one for each write. Blocks; raises what the store raises."""
        began = self.monotonic()
        try:
            return results_of(store.write_many, writes)
        finally:
            if writes:
                with self._lock:
                    self.sizes.add(len(writes))
                    self.seconds.add(self.monotonic() - began)
