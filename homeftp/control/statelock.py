"""The lock on a state folder: one server uses it at a time, and commands can tell which process that is. Blocks."""

from __future__ import annotations

import contextlib
import fcntl
import os

from homeftp.crypto.secretfiles import private_folder
from homeftp.errors import OperatorError
from homeftp.host import lock_holder

FILE = "server.lock"
"""Inside the state folder."""


class StateLock:
    """The lock of one server on the state folder `folder`."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._fd = -1

    def check(self) -> None:
        """Raise `OperatorError` where another server uses it, as far as the system tells, without locking it."""
        holder = server_of(self._folder)
        if holder is not None:
            raise self._taken(holder)

    def open(self) -> None:
        """Lock it. Raises `OperatorError` where another server uses it, or it cannot be locked."""
        path = os.path.join(private_folder(self._folder), FILE)
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = lock_holder(self._fd)
            self.close()
            raise self._taken(holder) from None
        except OSError as error:
            self.close()
            raise OperatorError(f"cannot lock the state folder {self._folder}: {error.strerror}") from None

    def close(self) -> None:
        """Release it. May be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _taken(self, holder: int | None) -> OperatorError:
        pid = "" if holder is None else f" (pid {holder})"
        return OperatorError(
            f"the state folder {self._folder} is used by another homeftp server{pid}. Stop that server first, or give "
            "this one a state folder of its own with --state DIR."
        )


def server_of(folder: str) -> int | None:
    """The pid of the server that uses a state folder; None where none does, or the system does not tell."""
    with contextlib.suppress(OSError):
        fd = os.open(os.path.join(folder, FILE), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return lock_holder(fd)
        finally:
            os.close(fd)
    return None
