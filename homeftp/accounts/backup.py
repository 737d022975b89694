"""The state folder in one file, whole at one moment, while the server runs; and back.

What is in it: the home's identity, its accounts, devices and invitations. The
hash index is not: it is made anew. The file is a tar archive, as secret as
the folder itself.
"""

from __future__ import annotations

import io
import os
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

from homeftp.accounts.database import FILE, AccountDatabase
from homeftp.crypto.ca import FOLDER, open_identity
from homeftp.crypto.secretfiles import private_folder, read_private, sync_folder, write_private
from homeftp.errors import OperatorError
from homeftp.host import now

_IDENTITY = ("ca.crt", "ca.key", "server.crt", "server.key")
_MEMBERS = (FILE, *(f"{FOLDER}/{name}" for name in _IDENTITY))
_LARGEST = 256 * 1024 * 1024
"""Bytes of one member: far more than a home's accounts take up."""


def back_up(folder: str, path: str) -> None:
    """Write the state in `folder` to the file `path`, readable by its owner only; the server may run.

    Raises `OperatorError` when there is no state, when `path` is there already,
    and when either cannot be used.
    """
    folder = os.path.abspath(folder)
    if not os.path.exists(os.path.join(folder, FILE)):
        raise OperatorError(f"there is no state in {folder}: name the server's with --state")
    if os.path.lexists(path):
        raise OperatorError(f"{path} is there already: choose another name")
    AccountDatabase(folder).open()  # upgrades it to this version
    with io.BytesIO() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for member in _MEMBERS:
                source = os.path.join(folder, member)
                data = _database(source) if member == FILE else read_private(source)
                if data is not None:
                    info = tarfile.TarInfo(member)
                    info.size, info.mode = len(data), 0o600
                    tar.addfile(info, io.BytesIO(data))
        write_private(os.path.abspath(path), archive.getvalue())


def bring_back(path: str, folder: str) -> None:
    """Make the state folder `folder` of what `back_up` wrote. It appears whole, or not at all.

    Raises `OperatorError` when there is something in it already, or `path` is no
    such file; nothing is changed then.
    """
    folder = os.path.abspath(folder)
    if os.path.lexists(folder) and (not os.path.isdir(folder) or os.listdir(folder)):
        raise OperatorError(f"{folder} is not empty: stop the server, move it away, and try again")
    members = _members(path)
    above = os.path.dirname(folder)
    try:
        os.makedirs(above, mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".restored-", dir=above) as aside:  # mkdtemp makes it 0700
            whole = private_folder(os.path.join(aside, "state"))
            private_folder(os.path.join(whole, FOLDER))
            for name, data in members.items():
                write_private(os.path.join(whole, name), data)
            _check(whole, path)
            if os.path.isdir(folder):
                os.rmdir(folder)
            os.rename(whole, folder)
        sync_folder(above)
    except OSError as error:
        raise OperatorError(f"cannot make {folder}: {error.strerror}") from error


def _database(path: str) -> bytes:
    """The database as it is after some transaction, and before the next."""
    try:
        with tempfile.TemporaryDirectory(prefix="homeftp-") as aside:  # mkdtemp makes it 0700
            whole = os.path.join(aside, FILE)
            source = sqlite3.connect(f"{Path(path).as_uri()}?mode=rw", uri=True)
            with closing(source), closing(sqlite3.connect(whole)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
            with open(whole, "rb") as file:
                return file.read()
    except sqlite3.Error as error:
        raise OperatorError(f"cannot read {path}: {error}") from error


def _members(path: str) -> dict[str, bytes]:
    """What is in the file; raises `OperatorError` for anything that `back_up` would not write."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, mode="r:") as tar:
            for info in tar:
                if info.name not in _MEMBERS or info.name in found or not info.isreg() or info.size > _LARGEST:
                    raise OperatorError(f"{path} is no backup of a state: it holds {info.name[:100]!a}")
                file = tar.extractfile(info)
                assert file is not None
                found[info.name] = file.read()
    except (tarfile.TarError, EOFError, ValueError, MemoryError, OverflowError) as error:
        raise OperatorError(f"{path} is no backup of a state: {error}") from error
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror}") from error
    missing = {FILE, f"{FOLDER}/ca.crt", f"{FOLDER}/ca.key"} - set(found)
    if missing:
        raise OperatorError(f"{path} is no whole backup of a state: {', '.join(sorted(missing))} is missing")
    return found


def _check(folder: str, path: str) -> None:
    """That a server could start with it, and find in it what it expects."""
    try:
        with closing(sqlite3.connect(os.path.join(folder, FILE))) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
        if not version or verdict != "ok":
            raise OperatorError(verdict if version else "it has no accounts")
        AccountDatabase(folder).check()
        with closing(sqlite3.connect(os.path.join(folder, FILE))) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")  # or there would be files beside it
        open_identity(folder, now=now)
    except (OperatorError, sqlite3.Error) as error:
        raise OperatorError(f"{path} is damaged: {error}") from error
