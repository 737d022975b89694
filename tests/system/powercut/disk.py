"""A disk that writes down what it is told: a FUSE file system with one file, `disk`, in a process of its own.

It prints "ready" once it is mounted, and ends when it is unmounted. It has a single
thread, so the log has one order; and it must never touch what is mounted from
its own file, since it would wait for itself.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

import mfusepy

from tests.system.powercut.log import FLUSH, entry


class Disk:
    """The calls of the kernel, by libfuse's names. What is not here does not exist: discarding blocks, above all."""

    use_ns = True

    def __init__(self, image: str, log: str) -> None:
        self._image = os.open(image, os.O_RDWR)
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = os.fstat(self._image).st_size

    def init(self, path: str) -> None:
        """It is mounted."""
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    def getattr(self, path: str, handle: int | None = None) -> dict[str, int]:
        """The folder, and the one file in it."""
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o700, "st_nlink": 2}
        if path == "/disk":
            return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": self._size}
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))

    def open(self, path: str, flags: int) -> int:
        """The caller is root."""
        return 0

    def read(self, path: str, size: int, offset: int, handle: int) -> bytes:
        """What was written last, flushed or not."""
        return os.pread(self._image, size, offset)

    def write(self, path: str, data: bytes, offset: int, handle: int) -> int:
        """Write it down, then do it."""
        self._append(entry(offset, data))
        return os.pwrite(self._image, data, offset)

    def fsync(self, path: str, data_only: int, handle: int) -> int:
        """A flush of the loop device."""
        self._append(FLUSH)
        return 0

    def _append(self, data: bytes) -> None:
        if os.write(self._log, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def mount(disk: Disk, point: str) -> None:
    """Be the disk, until it is unmounted."""
    # direct_io: the page cache would keep writes from us, and merge them.
    mfusepy.FUSE(disk, point, foreground=True, nothreads=True, direct_io=True)
