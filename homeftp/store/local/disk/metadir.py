"""The server's metadata directory in the root, `.homeftp`, locked against every other server.

The packages `staging` and `versions` own its content. A root that is not
writable has no metadata directory and is served read-only.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from typing import Callable

from homeftp.endpoint import RESERVED
from homeftp.errors import Internal, OperatorError
from homeftp.host import lock_holder
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.privatefiles import open_private_directory, open_private_file
from homeftp.store.local.disk.saferoot import SafeRoot

FOLDER = RESERVED.encode()

CLOCK = b"clock"
"""A file in it, of `storeclock`."""

_DENIED = (
    f"the server's user may not write to the shared folder, or to its folder {RESERVED}: give it both with chown, "
    "or the rights with chmod u+rwx, and restart the server"
)

_READ_ONLY = {
    errno.EROFS: "the shared folder's disk is mounted read-only: mount it writable and restart the server",
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
}
"""Why a root is read-only, and what its owner can do about it."""


class _InMetadataDir:
    """A class, because a generator in its place takes as long as two system calls."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, FileNotFoundError):
            raise Internal(
                f"the folder {RESERVED} was removed from the shared folder while the server ran: restart the server"
            ) from error


_IN_METADATA_DIR = _InMetadataDir()


def in_metadata_dir() -> contextlib.AbstractContextManager[None]:
    """Report a metadata directory that was removed as the server's fault, not as a missing endpoint."""
    return _IN_METADATA_DIR


class ReadOnlyRoot(Exception):
    """The root is not writable; the message says why, in words that stand alone."""


class _RootTaken(Exception):
    """Another process has locked the metadata directory."""

    def __init__(self, pid: int | None) -> None:
        super().__init__(pid)
        self.pid = pid


class MetadataDir:
    """`.homeftp` of one store. Raises `ReadOnlyRoot`, and `OperatorError` if another server has locked it."""

    def __init__(self, root: SafeRoot, path: str) -> None:
        self._root = root
        self._opened = contextlib.ExitStack()
        self._locks: list[int] = []
        try:
            if os.fstatvfs(root.fd).f_flag & os.ST_RDONLY:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            with contextlib.ExitStack() as opened:
                self.folder = open_private_directory(root.fd, FOLDER)
                opened.callback(close_quietly, self.folder)
                self._lock(opened)
                if os.fstat(self.folder).st_dev != root.device:
                    raise OperatorError(f"cannot share {path}: its folder {RESERVED} must not be on another disk")
                self.incoming = self._make(opened, b"incoming")
                self.partial = self._make(opened, b"partial")
                self.versions = self._make(opened, b"versions")
                self._opened = opened.pop_all()
        except _RootTaken as taken:
            pid = "" if taken.pid is None else f" (pid {taken.pid})"
            raise OperatorError(
                f"cannot share {path}: another homeftp server is using it{pid}. Stop that server first."
            ) from None
        except OSError as error:
            if error.errno in _READ_ONLY:
                raise ReadOnlyRoot(_READ_ONLY[error.errno]) from error
            raise OperatorError(
                f"cannot share {path}: its folder {RESERVED}, which holds uploads, cannot be used ({error.strerror})"
            ) from None

    def _lock(self, opened: contextlib.ExitStack) -> None:
        """Lock the directory for as long as the lock file is open."""
        for writable in (False, True):
            lock = open_private_file(self.folder, b"lock", writable=writable)
            opened.callback(close_quietly, lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._locks.append(lock)
                return
            except BlockingIOError:
                raise _RootTaken(lock_holder(lock)) from None
            except OSError as error:
                # NFS locks only writable files (flock(2)); elsewhere a writable file would block a remount read-only.
                if error.errno != errno.EBADF:
                    raise

    def _make(self, opened: contextlib.ExitStack, name: bytes) -> int:
        folder = open_private_directory(self.folder, name)
        opened.callback(close_quietly, folder)
        if os.fstat(folder).st_dev != self._root.device:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return folder

    def open_versions(self) -> int:
        """The descriptor of the versions folder, made again if an owner removed it. Not thread-safe. Raises OSError.

        Raises `Internal` (50) if the whole metadata directory was removed.
        """
        if not os.fstat(self.versions).st_nlink:
            with in_metadata_dir():
                self.versions = self._make(self._opened, b"versions")
        return self.versions

    def unlock(self) -> Callable[[], None]:
        """Unlock it, and leave it open for operations that have begun; returns the function that closes it."""
        for lock in self._locks:
            with contextlib.suppress(OSError):  # the disk is gone, and its locks with it
                fcntl.flock(lock, fcntl.LOCK_UN)
        self._locks.clear()
        return self._opened.close

    def close(self) -> None:
        """Close and unlock it. May be called twice."""
        self.incoming = self.partial = self.versions = self.folder = -1
        self._opened.close()
