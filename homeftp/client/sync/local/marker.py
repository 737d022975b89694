"""The marker of a local folder as one side of a pair, and the lock that lets one sync at a time work on it.

The file `.homeftp/sync` holds a number that no other folder has. Where a disk is not mounted the folder under its
mount point does not have it, so that an empty folder is not taken for one in which everything was deleted.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets

from homeftp.endpoint import RESERVED
from homeftp.errors import InUse, OperatorError
from homeftp.host import lock_holder

_NAME = "sync"
_DIGITS = 32
"""Hexadecimal digits of a marker."""

_MARKER = re.compile(rf"[0-9a-f]{{{_DIGITS}}}\n?\Z")


def read_marker(path: str) -> str:
    """The marker of the folder `path`; "" where it has none. Blocks.

    Raises `OperatorError` where the system does not tell.
    """
    try:
        with open(os.path.join(path, RESERVED, _NAME), encoding="ascii") as file:
            text = file.read(_DIGITS + 1)
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return ""
    except OSError as error:
        raise OperatorError(f"{error.filename} cannot be read: {error.strerror}") from None
    return text.strip() if _MARKER.match(text) else ""


class FolderLock:
    """The folder `path`, made where it is missing, and locked until `release`. Every method blocks.

    Raises `InUse` where another sync has locked it, and `OperatorError` where it cannot be written.
    """

    def __init__(self, path: str) -> None:
        folder = os.path.join(path, RESERVED)
        self._fd = -1
        try:
            os.makedirs(path, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, 0o700)
            self._fd = os.open(os.path.join(folder, _NAME), os.O_RDWR | os.O_CREAT, 0o600)
            lock_file(self._fd)
        except BlockingIOError:
            pid = lock_holder(self._fd)
            self.release()
            by = "another process" if pid is None else f"process {pid}"
            raise InUse(f"{path} is being synced by {by}") from None
        except FileExistsError:
            raise OperatorError(f"{path} cannot be synced: it is not a folder") from None
        except OSError as error:
            self.release()
            raise OperatorError(f"{path} cannot be synced: {folder} cannot be written ({error.strerror})") from None
        self._path = path

    def mark(self) -> str:
        """The marker of the folder, which gets one where it has none. Raises `OperatorError`."""
        marker = read_marker(self._path)
        if marker:
            return marker
        marker = secrets.token_hex(_DIGITS // 2)
        try:
            os.ftruncate(self._fd, 0)
            os.lseek(self._fd, 0, os.SEEK_SET)
            os.write(self._fd, f"{marker}\n".encode())
            os.fsync(self._fd)
        except OSError as error:
            raise OperatorError(f"{self._path} cannot be synced: it cannot be written ({error.strerror})") from None
        return marker

    @property
    def is_held(self) -> bool:
        """Whether it was not released."""
        return self._fd >= 0

    def release(self) -> None:
        """Let the next sync work on the folder. May be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def lock_synced(path: str) -> FolderLock | None:
    """The lock of a folder that has been synced, with whichever server; None where another sync has it. Blocks."""
    try:
        return FolderLock(path) if read_marker(path) else None
    except OperatorError:  # a sync says why
        return None


def lock_file(fd: int) -> None:
    """Lock an open file until it is closed; raises BlockingIOError where another process has. Blocks only shortly."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        except OSError:
            raise BlockingIOError from None
    else:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
