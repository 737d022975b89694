"""Folders and files that only their owner may read: keys, accounts, a client's remotes.

Folders are created with mode 0700 and files with 0600; existing ones with more
permissions are refused, not repaired: someone may have read them already, and
the owner should know. Files are replaced as a whole, never written in place. On
systems without permission bits modes are not checked. What the files contain is
up to the modules that use them.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
import tempfile

from homeftp.errors import OperatorError


def private_folder(path: str) -> str:
    """Create the folder `path` and its parents, or check an existing one; gives its absolute path.

    Raises `OperatorError` where others may read it, or where it cannot be
    created or written.
    """
    path = os.path.abspath(path)
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        status = os.stat(path)
    except OSError as error:
        raise OperatorError(
            f"cannot create the folder {path}: {error.strerror}: choose one that you may write to"
        ) from error
    _refuse_open_to_others(path, status)
    if not os.access(path, os.W_OK | os.X_OK):
        raise OperatorError(f"cannot write to the folder {path}: choose one that you may write to")
    return path


def private_file(path: str) -> str:
    """Create an empty file `path`, or check an existing one: for databases, which SQLite writes. Gives `path`.

    Raises `OperatorError` where others may read it, or where it cannot be created.
    An existing one is not opened: to close it would take from this process all
    that SQLite has locked there (fcntl(2)).
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise OperatorError(f"cannot write {path}: {error.strerror}") from error
    try:
        _refuse_open_to_others(path, os.stat(path))
    except OSError as error:
        raise OperatorError(f"cannot write {path}: {error.strerror}") from error
    if not os.access(path, os.R_OK | os.W_OK):
        raise OperatorError(f"cannot write {path}: {os.strerror(errno.EACCES)}")
    return path


def read_private(path: str) -> bytes | None:
    """The content of the file `path`; None where it does not exist.

    Raises `OperatorError` where others may read it, or where it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            _refuse_open_to_others(path, os.fstat(file.fileno()))
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror}") from error


def write_private(path: str, data: bytes) -> None:
    """Replace the file `path` by `data` atomically and durably.

    Raises `OperatorError` where it cannot be written; the old file stays.
    """
    folder = os.path.dirname(path)
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=folder)  # mkstemp makes it 0600
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        sync_folder(folder)
    except OSError as error:
        raise OperatorError(f"cannot write {path}: {error.strerror}") from error


def sync_folder(path: str) -> None:
    """Make the names in the folder `path` durable: fsync(2) of a directory, where the system has it."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_open_to_others(path: str, status: os.stat_result) -> None:
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
        right = "700" if stat.S_ISDIR(status.st_mode) else "600"
        raise OperatorError(f"others may read {path}, which holds secrets: chmod {right} {shlex.quote(path)}")
