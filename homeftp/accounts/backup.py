"""Backup of the state folder to one file, consistent while the server runs, and restore.

The backup holds the home's identity, the SSH key of a server that has one, and the
database of accounts, devices and invitations; that of a cluster's server has the address of the cluster instead
of that database, which is not asked. The hash cache is left out: it is rebuilt.
The file is a tar archive, and as secret as the folder itself.
"""

from __future__ import annotations

import io
import os
import re
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO, Callable, Literal

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.state.choice import STATE_FILES, state_file
from homeftp.accounts.state.sqlite import FILE
from homeftp.config import MIB
from homeftp.crypto.ca import FOLDER, open_identity, read_ca
from homeftp.crypto.secretfiles import private_folder, read_private, sync_folder, write_private
from homeftp.crypto.sshhostkey import FILE as SSH_FILE
from homeftp.crypto.sshhostkey import is_host_key, read_host_key
from homeftp.errors import OperatorError
from homeftp.host import now

_IDENTITY = tuple(f"{FOLDER}/{name}" for name in ("ca.crt", "ca.key", "server.crt", "server.key"))
_CA = _IDENTITY[:2]
_MAX_MEMBER = 256 * MIB
"""Bytes of one member, at most: far more than the accounts of a home need."""

_SHOWN_NAME = 100
"""Characters of a foreign member's name in a message."""


def backup_state(folder: str, path: str) -> None:
    """Write the state in `folder` to the file `path`, readable by its owner only; the server may run.

    Raises `OperatorError` where there is no state, where `path` exists, and
    where either cannot be used.
    """
    if os.path.lexists(path):
        raise OperatorError(f"{path} exists already: choose another name, or let --keep N add the date to it")
    write_private(os.path.abspath(path), backup(folder))


def backup_dated(folder: str, path: str, keep: int, now: Callable[[], datetime] = now) -> tuple[str, list[str]]:
    """`backup_state` to a name with the date in it, after which only the `keep` newest such files stay.

    `path` is `NAME.tar` or a folder. Gives the path of the file, and those of the files that were removed: only files
    that this function named. The one just written stays, whatever the clock says.
    """
    path = os.path.abspath(path)
    base = os.path.join(path, "homeftp-state.tar") if os.path.isdir(path) else path
    parent, name = os.path.split(base)
    stem, suffix = os.path.splitext(name)
    written = os.path.join(parent, f"{stem}-{now().astimezone(timezone.utc):%Y-%m-%dT%H%M%SZ}{suffix}")
    backup_state(folder, written)
    pattern = re.compile(rf"{re.escape(stem)}-\d{{4}}-\d\d-\d\dT\d{{6}}Z{re.escape(suffix)}")
    dated = sorted(each for each in os.listdir(parent) if pattern.fullmatch(each))
    others = [os.path.join(parent, each) for each in dated if os.path.join(parent, each) != written]
    removed = others[: max(0, len(others) - (keep - 1))]
    try:
        for each in removed:
            os.unlink(each)
    except OSError as error:
        raise OperatorError(f"wrote {written}, but cannot remove {error.filename}: {error.strerror}") from error
    return written, removed


def backup(folder: str) -> bytes:
    """The state in `folder` as one archive. Raises `OperatorError` where there is no state, or it cannot be read."""
    folder = os.path.abspath(folder)
    accounts, has_accounts = state_file(folder), holds_accounts(folder)
    if not (AccountDatabase(folder).exists() if has_accounts else read_ca(folder)):
        raise OperatorError(f"{folder} holds no server state: name the server's state folder with --state")
    if has_accounts:
        AccountDatabase(folder).open()  # upgrades it to this version
    with io.BytesIO() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for member in (accounts, *_IDENTITY, SSH_FILE):
                source = os.path.join(folder, member)
                data = _database(source) if member == FILE else read_private(source)
                if member == SSH_FILE and data is not None and not is_host_key(data):
                    raise OperatorError(
                        f"{source} holds no private Ed25519 key: restore it, or remove it for a new one"
                    )
                if data is not None:
                    info = tarfile.TarInfo(member)
                    info.size, info.mode = len(data), 0o600
                    tar.addfile(info, io.BytesIO(data))
        return archive.getvalue()


def holds_accounts(folder: str) -> bool:
    """Whether the state folder has the accounts and the audit log itself: those of a cluster are in its database."""
    return state_file(folder) == FILE


def restore_state(path: str, folder: str, archive: BinaryIO | None = None) -> None:
    """Create the state folder `folder` from a backup, as a whole or not at all.

    The backup is the file `path`, or the open file `archive`, which messages call `path`. Raises `OperatorError`
    where the folder is not empty or that is not a backup; nothing is changed then.
    """
    folder = os.path.abspath(folder)
    if os.path.lexists(folder) and (not os.path.isdir(folder) or os.listdir(folder)):
        raise OperatorError(f"{folder} is not empty: stop the server, move it away, and try again")
    members = _members(path, archive)
    parent = os.path.dirname(folder)
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".restored-", dir=parent) as temporary:  # mkdtemp makes it 0700
            restored = private_folder(os.path.join(temporary, "state"))
            private_folder(os.path.join(restored, FOLDER))
            for name, data in members.items():
                write_private(os.path.join(restored, name), data)
            _check(restored, path)
            if os.path.isdir(folder):
                os.rmdir(folder)
            os.rename(restored, folder)
        sync_folder(parent)
    except OSError as error:
        raise OperatorError(f"cannot make {folder}: {error.strerror}") from error


def _database(path: str) -> bytes:
    """A copy of the database between two transactions."""
    try:
        with tempfile.TemporaryDirectory(prefix="homeftp-") as temporary:  # mkdtemp makes it 0700
            target = os.path.join(temporary, FILE)
            source = sqlite3.connect(f"{Path(path).as_uri()}?mode=rw", uri=True)
            with closing(source), closing(sqlite3.connect(target)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
            with open(target, "rb") as file:
                return file.read()
    except sqlite3.Error as error:
        raise OperatorError(f"cannot read {path}: {error}") from error


def _members(path: str, archive: BinaryIO | None) -> dict[str, bytes]:
    """The members of the archive at `path`, or of the open one, which messages call `path`.

    Raises `OperatorError` for anything that `backup_state` would not write.
    """
    mode: Literal["r:", "r|"] = "r:" if archive is None else "r|"
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path if archive is None else None, mode, archive) as tar:
            for info in tar:
                if (
                    info.name not in (*STATE_FILES, *_IDENTITY, SSH_FILE)
                    or info.name in found
                    or not info.isreg()
                    or info.size > _MAX_MEMBER
                ):
                    raise OperatorError(
                        f"{path} is not a backup of a state folder: it holds {info.name[:_SHOWN_NAME]!a}"
                    )
                file = tar.extractfile(info)
                assert file is not None
                found[info.name] = file.read()
    except (tarfile.TarError, EOFError, ValueError, MemoryError, OverflowError) as error:
        raise OperatorError(f"{path} is not a backup of a state folder: {error}") from error
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror}") from error
    accounts = [name for name in STATE_FILES if name in found] or [FILE]
    if len(accounts) > 1:
        raise OperatorError(f"{path} is not a backup of a state folder: it holds {' and '.join(accounts)}")
    missing = {*accounts, *_CA} - set(found)
    if missing:
        raise OperatorError(
            f"{path} is not a complete backup of a state folder: {', '.join(sorted(missing))} is missing"
        )
    return found


def _check(folder: str, path: str) -> None:
    """Raise `OperatorError` unless a server could start with the restored folder."""
    try:
        if holds_accounts(folder):
            _check_accounts(folder)
        open_identity(folder, now=now)
        if (key := read_host_key(folder)) is not None and not is_host_key(key):
            raise OperatorError(f"{SSH_FILE} holds no private Ed25519 key")
    except (OperatorError, sqlite3.Error) as error:
        raise OperatorError(f"{path} is damaged: {error}") from error


def _check_accounts(folder: str) -> None:
    with closing(sqlite3.connect(os.path.join(folder, FILE))) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
    if not version or verdict != "ok":
        raise OperatorError(verdict if version else "it has no accounts")
    with closing(AccountDatabase(folder)) as state:
        state.check()
    with closing(sqlite3.connect(os.path.join(folder, FILE))) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")  # otherwise SQLite leaves files beside it
