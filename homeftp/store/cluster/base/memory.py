"""The memory of all uploads of a server: the more there are, the smaller are the parts that each holds."""

from __future__ import annotations

from threading import Lock

from homeftp.config import MIB

MEMORY = 64 * MIB
"""Bytes that the parts of all uploads take up together, as long as each has a `SMALLEST`: eight hold whole parts."""

SMALLEST = MIB
"""Bytes of a part, at least: a smaller one would cost more requests than it saves memory."""


class UploadMemory:
    """How large the parts of uploads may be. Safe in several threads."""

    def __init__(self, largest: int, most: int = MEMORY) -> None:
        """`largest`: bytes of a part where few uploads are under way; `most`: of all of them."""
        self._largest = largest
        self._smallest = min(largest, SMALLEST)
        self._most = most
        self._active = 0
        self._lock = Lock()

    def reserve(self) -> None:
        """Count an upload that begins."""
        with self._lock:
            self._active += 1

    def release(self) -> None:
        """Count an upload that has ended."""
        with self._lock:
            self._active -= 1

    @property
    def part_bytes(self) -> int:
        """Bytes of an upload that are held, at most, before they are written."""
        return max(self._smallest, min(self._largest, self._most // max(1, self._active)))
