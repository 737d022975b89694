"""Which files this program has changed lately, where their stats may not show that.

A reader that opened a file before may come to its hash only after another content of the same size and time has the
name. Where the ctime counts, its row is of another stat. Elsewhere it is refused here.
"""

from __future__ import annotations

import sys
import time
from collections import OrderedDict
from threading import Lock

FileKey = tuple[str, str]
"""A directory and a name in it, as in the hash cache."""

MOST_KEPT = 10_000
"""Files that are remembered, some MB; rows that are older than the last one that was forgotten are refused."""

_UNDER_WAY = sys.maxsize


class OwnChanges:
    """When files were changed, in nanoseconds since 1970. Thread-safe; changes of one file come one after the other."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._changed: OrderedDict[FileKey, int] = OrderedDict()
        self._last = 0
        self._forgotten = 0

    def begin(self, file: FileKey) -> None:
        """A file is about to be changed."""
        with self._lock:
            self._changed[file] = _UNDER_WAY
            self._changed.move_to_end(file)

    def end(self, file: FileKey) -> int:
        """It has been changed; returns when, which is another time after each change."""
        with self._lock:
            self._last = max(time.time_ns(), self._last + 1)
            self._changed[file] = self._last
            while len(self._changed) > MOST_KEPT:
                self._forgotten = max(self._changed.popitem(last=False)[1], self._forgotten)
            return self._last

    def allows(self, file: FileKey, hashed_ns: int, changed_ns: int) -> bool:
        """Whether a hash may be remembered that was computed from `hashed_ns` on.

        `changed_ns` is what `end` returned for the change that brought this content; 0 for one that was read.
        """
        if not self._changed and not self._forgotten:
            return True  # this program has changed nothing, as most that ask
        with self._lock:
            last = self._changed.get(file, self._forgotten)
        return last == changed_ns or (changed_ns or hashed_ns) > last
