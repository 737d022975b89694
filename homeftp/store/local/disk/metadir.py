"""The server's own folder in the root, `.homeftp`: made for nobody else, and locked against every other server.

What lies in it is the matter of drafts.py, fragments.py and versions.py. A
root that cannot be written has none, and is served to be read only.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from typing import Iterator

from homeftp.endpoint import RESERVED
from homeftp.errors import Internal, OperatorError
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.saferoot import SafeRoot

FOLDER = RESERVED.encode()

_READ_ONLY = {
    errno.EROFS: "its disk is mounted read-only: mount it writable, and start again",
    errno.EACCES: "the server's user may not write in it: give it the folder with chown, and start again",
    errno.EPERM: "the server's user may not write in it: give it the folder with chown, and start again",
}
"""Why a root can only be read, and what its owner can do about it."""


@contextlib.contextmanager
def in_metadata_dir() -> Iterator[None]:
    """What makes something in our own folder: that it is not there any more is nobody's endpoint."""
    try:
        yield
    except FileNotFoundError as error:
        raise Internal(
            f"the server's own folder {RESERVED} was removed from the share while it ran: start the server again"
        ) from error


class ReadOnlyRoot(Exception):
    """The root cannot be written; the message says why, in words that follow "the share is read-only:"."""


class MetadataDir:
    """`.homeftp` of one share. Raises `ReadOnlyRoot`, and `OperatorError` when another server has locked it."""

    def __init__(self, jail: SafeRoot, root: str) -> None:
        self._jail = jail
        self._opened = contextlib.ExitStack()
        try:
            if os.fstatvfs(jail.root).f_flag & os.ST_RDONLY:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            with contextlib.ExitStack() as opened:
                self.folder = jail.own_folder(jail.root, FOLDER)
                opened.callback(close_quietly, self.folder)
                self._lock(opened)
                if os.fstat(self.folder).st_dev != jail.device:
                    raise OperatorError(f"cannot share {root}: its folder {RESERVED} must not be on another disk")
                self.incoming = self._make(opened, b"incoming")
                self.partial = self._make(opened, b"partial")
                self.versions = self._make(opened, b"versions")
                self._opened = opened.pop_all()
        except BlockingIOError:
            raise OperatorError(f"cannot share {root}: another homeftp server has it: stop that one first") from None
        except OSError as error:
            if error.errno in _READ_ONLY:
                raise ReadOnlyRoot(_READ_ONLY[error.errno]) from error
            raise OperatorError(
                f"cannot share {root}: its folder {RESERVED}, where uploads begin, cannot be used ({error.strerror})"
            ) from None

    def _lock(self, opened: contextlib.ExitStack) -> None:
        """Have it alone, as long as the lock's file is open."""
        for writable in (False, True):
            lock = self._jail.own_file(self.folder, b"lock", writable=writable)
            opened.callback(close_quietly, lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError as error:
                # NFS locks writable files only (flock(2)); elsewhere one would keep the disk from being remounted.
                if error.errno != errno.EBADF:
                    raise

    def _make(self, opened: contextlib.ExitStack, name: bytes) -> int:
        folder = self._jail.own_folder(self.folder, name)
        opened.callback(close_quietly, folder)
        if os.fstat(folder).st_dev != self._jail.device:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return folder

    def versions_there(self) -> int:
        """The folder of versions, open, made again where an owner has removed it. For one thread at a time; OSError.

        Raises `Internal` (50) when all of our own folder was removed.
        """
        if not os.fstat(self.versions).st_nlink:
            with in_metadata_dir():
                self.versions = self._make(self._opened, b"versions")
        return self.versions

    def close(self) -> None:
        """Let another server have the share. May be called twice."""
        self.incoming = self.partial = self.versions = self.folder = -1
        self._opened.close()
