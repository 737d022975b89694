"""Makes written data durable: few files one by one, many with one syncfs.

An fsync that failed is never retried: the kernel may have dropped the pages it
could not write, and would report the second fsync as a success (fsync(2),
Linux; PostgreSQL's "fsyncgate" of 2018).
"""

from __future__ import annotations

from typing import Callable, Sequence

import msgspec

from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.privatefiles import open_private_file
from homeftp.syscalls import System

FEW = 3
"""Up to so many files or directories get an fsync each; more get one syncfs.

syncfs also writes the dirty pages of other programs, and still measured faster from four files on.
"""


class Fsync(msgspec.Struct, frozen=True):
    """Makes files and directories of one store durable. Thread-safe."""

    system: System
    whole: bool
    """Whether syncfs may replace many fsyncs on the root's file system."""

    def files(self, files: Sequence[tuple[int, DirHandle]]) -> list[OSError | None]:
        """Make the content of open files durable; one result for each. Their directories were opened before them."""
        return self._sync(files, self.system.fsync)

    def directories(self, handles: Sequence[DirHandle]) -> list[OSError | None]:
        """Make the names in open directories durable; one result for each."""
        return self._sync([(handle.fd, handle) for handle in handles], self.system.fsync_directory)

    def existing_file(self, directory: int, name: bytes, target: DirHandle) -> None:
        """Make a file durable that another program may have written, before it is renamed into `target`.

        `target` is on the same file system. Raises OSError.
        """
        (failure,) = self.existing_files([(directory, name, target)])
        if failure is not None:
            raise failure

    def existing_files(self, files: Sequence[tuple[int, bytes, DirHandle]]) -> list[OSError | None]:
        """`existing_file` for several together; one result for each."""
        results: dict[int, OSError | None] = {}
        opened: dict[int, tuple[int, DirHandle]] = {}
        try:
            for number, (directory, name, target) in enumerate(files):
                found = self._open(directory, name, target)
                if isinstance(found, int):
                    opened[number] = found, target
                else:
                    results[number] = found
            results.update(zip(opened, self.files(list(opened.values())), strict=True))
        finally:
            for fd, _ in opened.values():
                close_quietly(fd)
        return [results[number] for number in range(len(files))]

    def _open(self, directory: int, name: bytes, target: DirHandle) -> int | OSError | None:
        """Open a file to be made durable; None where it has been: a file that cannot be read may still be moved."""
        try:
            return open_private_file(directory, name, make=False)
        except PermissionError as error:
            return _failure(self.system.syncfs, directory) if self.whole and target.same_mount else error
        except OSError as error:
            return error

    def _sync(self, opened: Sequence[tuple[int, DirHandle]], fsync: Callable[[int], None]) -> list[OSError | None]:
        same_mount = [handle.fd for _, handle in opened if handle.same_mount]
        together = self.whole and len(same_mount) > FEW
        failure = _failure(self.system.syncfs, same_mount[0]) if together else None
        return [failure if together and handle.same_mount else _failure(fsync, fd) for fd, handle in opened]


def _failure(sync: Callable[[int], None], fd: int) -> OSError | None:
    try:
        sync(fd)
    except OSError as error:
        return error
    return None
