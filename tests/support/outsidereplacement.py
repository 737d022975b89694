"""A system on which another program replaces a file right after it was renamed into place."""

from __future__ import annotations

import os
from typing import Any

from homeftp.syscalls import System
from tests.support.stores import LONG_AGO

OWN, OTHER = b"mine", b"not!"


class OutsideReplacement(System):
    """Another program replaces what is renamed to `file`, right after the rename, with the same size and mtime."""

    armed = False
    times = 0

    def rename(self, source: bytes, target: bytes, **directories: Any) -> None:
        """See above."""
        super().rename(source, target, **directories)
        self._replace(target, directories)

    def rename_new(self, source: bytes, target: bytes, **directories: Any) -> None:
        """See above."""
        super().rename_new(source, target, **directories)
        self._replace(target, directories)

    def name_new(self, fd: int, target: bytes, *, target_dir: int) -> None:
        """See above."""
        super().name_new(fd, target, target_dir=target_dir)
        self._replace(target, {"target_dir": target_dir})

    def _replace(self, target: bytes, directories: dict[str, Any]) -> None:
        if target != b"file" or not self.armed:
            return
        self.times += 1
        there = directories["target_dir"]
        fd = os.open("other", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=there)
        os.write(fd, OTHER)
        os.utime(fd, ns=(LONG_AGO * 1000, LONG_AGO * 1000))
        os.close(fd)
        os.rename("other", "file", src_dir_fd=there, dst_dir_fd=there)
