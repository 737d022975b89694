"""The systems that a driver can give its store: those of real kernels, and those that make a wrong store of it.

Each wrong one is a plausible mistake. They are the
controls: what finds nothing wrong with them finds nothing.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

from homeftp.syscalls import System
from tests.support.stores import Walking


def _copy(source: bytes, source_dir: int, target: bytes, target_dir: int) -> None:
    given = os.open(source, os.O_RDONLY, dir_fd=source_dir)
    taken = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644, dir_fd=target_dir)
    try:
        while piece := os.read(given, 2**17):
            os.write(taken, piece)
        os.fsync(taken)
    finally:
        os.close(taken)
        os.close(given)


class _Renaming(System):
    """What is new gets its name as everything else does."""

    def names_later(self, fd: int) -> bool:
        """Have a name for everything."""
        return False

    def rename_new(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Rename."""
        self.rename(source, target, **directories)


class InPlace(_Renaming):
    """Wrong: writes the new content over the old."""

    def rename(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Write all of it anew."""
        _copy(source, directories["source_dir"], target, directories["target_dir"])
        os.unlink(source, dir_fd=directories["source_dir"])


class Later(_Renaming):
    """Wrong: answers first, and renames when there is time."""

    def __init__(self) -> None:
        self._waiting: list[tuple[bytes, bytes, int, int]] = []
        super().__init__()

    def rename(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Put it off, under a name that is not removed meanwhile."""
        source_dir, target_dir = directories["source_dir"], os.dup(directories["target_dir"])
        os.rename(source, source + b".waiting", src_dir_fd=source_dir, dst_dir_fd=source_dir)
        self._waiting.append((source + b".waiting", target, source_dir, target_dir))

    def openat2(self, directory: int, path: bytes, flags: int, **options: bool) -> int:
        """There is time when the next one is asked for."""
        while self._waiting:
            source, target, source_dir, target_dir = self._waiting.pop()
            super().rename(source, target, source_dir=source_dir, target_dir=target_dir)
            os.close(target_dir)
        return super().openat2(directory, path, flags, **options)


class Littering(_Renaming):
    """Wrong: has another name for what is on its way, which no start knows of."""

    def rename(self, source: bytes, target: bytes, **directories: Any) -> None:
        """By way of a copy beside the target."""
        target_dir = directories["target_dir"]
        _copy(source, directories["source_dir"], target + b".tmp", target_dir)
        os.replace(target + b".tmp", target, src_dir_fd=target_dir, dst_dir_fd=target_dir)
        os.unlink(source, dir_fd=directories["source_dir"])


class Forgetful(System):
    """Defective: removes each version again before the rename that replaces the file."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._kept: list[tuple[bytes, int]] = []

    def link(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Keep it for as long as a test reads it."""
        super().link(source, target, **directories)
        self._kept.append((target, os.dup(directories["target_dir"])))

    def rename(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Remove the versions, then rename."""
        for name, folder in self._kept:
            os.unlink(name, dir_fd=folder)
            os.close(folder)
        self._kept.clear()
        super().rename(source, target, **directories)


class Careless(System):
    """Wrong: takes a failed fsync for a good one."""

    def fsync(self, fd: int) -> None:
        """Do not look."""
        with contextlib.suppress(OSError):
            super().fsync(fd)

    def syncfs(self, fd: int) -> None:
        """Do not look."""
        with contextlib.suppress(OSError):
            super().syncfs(fd)


class Stubborn(System):
    """Wrong: tries a failed fsync again, which then succeeds on lost data."""

    def fsync(self, fd: int) -> None:
        """Twice, if need be."""
        try:
            super().fsync(fd)
        except OSError:
            super().fsync(fd)


class Trusting(System):
    """Wrong: makes a file as long as it is to be, and then believes what a write says; its size tells nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[int, int] = {}

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Believe it."""
        if os.lseek(fd, 0, os.SEEK_CUR) == 0 == os.fstat(fd).st_size:
            self._sizes[fd] = 0
        taken = super().write(fd, data)
        self._sizes[fd] += taken
        os.ftruncate(fd, self._sizes[fd])
        return taken


class Wasteful(System):
    """Wrong: keeps what it gave up on open, and the space with it."""

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Lose a descriptor where it fails."""
        try:
            return super().write(fd, data)
        except OSError:
            os.dup(fd)
            raise


SYSTEMS: dict[str, type[System]] = {
    "kernel": System,
    "walking": Walking,
    "in place": InPlace,
    "later": Later,
    "littering": Littering,
    "forgetful": Forgetful,
    "careless": Careless,
    "stubborn": Stubborn,
    "trusting": Trusting,
    "wasteful": Wasteful,
}
"""By name; the first two are right."""

RIGHT = ("kernel", "walking")
