"""Makes written data durable: few files one by one, many with one syncfs.

An fsync that failed is never retried: the kernel may have dropped the pages it
could not write, and would report the second fsync as a success (fsync(2),
Linux; PostgreSQL's "fsyncgate" of 2018).
"""

from __future__ import annotations

from typing import Callable, Sequence

import attrs

from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.privatefiles import open_private_file
from homeftp.syscalls import System

FEW = 3
"""Up to so many files or directories get an fsync each; more get one syncfs.

syncfs also writes the dirty pages of other programs, and still measured faster from four files on.
"""


@attrs.frozen
class Fsync:
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
        try:
            fd = open_private_file(directory, name, make=False)
        except PermissionError:
            if not (self.whole and target.same_mount):
                raise
            self.system.syncfs(directory)  # a file that the server may not read may still be moved
            return
        try:
            (failure,) = self.files([(fd, target)])
        finally:
            close_quietly(fd)
        if failure is not None:
            raise failure

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
