"""Folders and files that only their owner may read: keys, accounts, a client's remotes.

Every such folder is made with mode 0700 and every such file with 0600, and
looser ones are refused: whoever could read them meanwhile may have a copy, so
the person is told instead of having it mended silently. Files are replaced
whole, never written in place. On systems without permission bits the modes
are not looked at. What stands in the files is their own modules' matter.
"""

from __future__ import annotations

import os
import shlex
import stat
import tempfile

from homeftp.errors import OperatorError


def private_folder(path: str) -> str:
    """Make the folder `path`, with its parents, or check the one that is there; gives its absolute path.

    Raises `OperatorError` when others may look into it, or when it cannot be
    made or written.
    """
    path = os.path.abspath(path)
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        status = os.stat(path)
    except OSError as error:
        raise OperatorError(
            f"cannot make the folder {path}: {error.strerror}: choose one that you may write"
        ) from error
    _refuse_open_to_others(path, status)
    if not os.access(path, os.W_OK | os.X_OK):
        raise OperatorError(f"cannot write in the folder {path}: choose one that you may write")
    return path


def private_file(path: str) -> str:
    """Make the file `path`, empty, or check the one that is there: for databases, which others write. Gives `path`.

    Raises `OperatorError` when others may read it, or when it cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            _refuse_open_to_others(path, os.fstat(descriptor))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OperatorError(f"cannot write {path}: {error.strerror}") from error
    return path


def read_private(path: str) -> bytes | None:
    """What the file `path` holds; None when there is none.

    Raises `OperatorError` when others may read it, or when it cannot be read.
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
    """Put `data` at `path`, whole or not at all, even through a power cut.

    Raises `OperatorError` when it cannot be written; what was there stays.
    """
    folder = os.path.dirname(path)
    try:
        descriptor, aside = tempfile.mkstemp(prefix=".new-", dir=folder)  # mkstemp makes it 0600
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            os.replace(aside, path)
        except BaseException:
            os.unlink(aside)
            raise
        sync_folder(folder)
    except OSError as error:
        raise OperatorError(f"cannot write {path}: {error.strerror}") from error


def sync_folder(path: str) -> None:
    """Make the names in the folder `path` durable, where the system can (fsync(2), of a directory)."""
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
        raise OperatorError(f"others may look into {path}, which holds secrets: chmod {right} {shlex.quote(path)}")
