"""From a stat to the entry that the wire shows, and what of a disk can be shown at all."""

from __future__ import annotations

import os
import stat
from typing import Sequence

from homeftp.endpoint import Endpoint
from homeftp.errors import FiletypeNotAllowed
from homeftp.model import Entry
from homeftp.store.local.disk.errnos import display_path


def entry_of(found: os.stat_result, content_hash: str | None = None, *, name: str = "") -> Entry:
    """The entry of a regular file or a directory."""
    mtime_us, mode = found.st_mtime_ns // 1000, found.st_mode & 0o777
    if stat.S_ISDIR(found.st_mode):
        return Entry(name, "directory", 0, mtime_us, mode)
    return Entry(name, "file", found.st_size, mtime_us, mode, content_hash)


class Filetypes:
    """The owner's allow-list of suffixes, such as ".txt", in any case; without one every file passes."""

    def __init__(self, suffixes: Sequence[str]) -> None:
        self._suffixes = tuple(suffix.casefold() for suffix in suffixes)
        self._named = ", ".join(suffixes)

    def problem(self, name: str) -> str | None:
        """Why a file of that name is not shared, in words that follow its name; None if it is."""
        if not self._suffixes or name.casefold().endswith(self._suffixes):
            return None
        return f"is not of a type that is shared here: {self._named}"

    def check(self, endpoint: Endpoint) -> None:
        """Raise `FiletypeNotAllowed` (42), saying what is allowed, unless a file there may be shared."""
        problem = self.problem(endpoint.name)
        if problem is not None:
            raise FiletypeNotAllowed(f"{display_path(endpoint)} {problem}")
