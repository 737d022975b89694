"""A computer on which files were made when a test wants it."""

from __future__ import annotations

import os
import stat
from typing import Mapping

from tests.support.stores import Journaled


class BirthSystem(Journaled):
    """A file was made at its mtime, in microseconds since 1970; a directory when `directories` says, by its name."""

    def __init__(self, directories: Mapping[bytes, int] | None = None) -> None:
        super().__init__()
        self.directories = dict(directories or {})

    def made_us(self, directory: int, name: bytes) -> int | None:
        """When a test wants it to be made."""
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        return self.directories.get(name) if stat.S_ISDIR(found.st_mode) else found.st_mtime_ns // 1000
