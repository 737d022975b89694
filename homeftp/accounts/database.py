"""What the server keeps about people: a small SQLite database in the state folder, and where that folder is.

Every call opens the database anew and is one transaction, so the command line
and a running server may use it at the same time, from any thread. Here are
the accounts; devices and invitations have modules of their own. What a
password's text means is passwords.py's; keys and certificates are
identity.py's. Everything here blocks.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Iterator, Mapping

from homeftp.config import KIB
from homeftp.crypto.secretfiles import private_file, private_folder
from homeftp.errors import OperatorError

FILE = "state.sqlite"
"""Inside the state folder."""

REACHABLE = "reachable"
"""Beside it: the address that a server which was started with this state could be reached at."""

_LITTLE = 256 * KIB
"""Bytes without which SQLite cannot open its write-ahead log."""

BUSY_SECONDS = 5.0
"""How long to wait while another process writes."""

_SCHEMA = (
    "CREATE TABLE accounts (name TEXT PRIMARY KEY, password TEXT NOT NULL)",
    # An account whose people come in by their devices alone has no password.
    "CREATE TABLE new_accounts (name TEXT PRIMARY KEY, password TEXT)",
    "INSERT INTO new_accounts SELECT name, password FROM accounts",
    "DROP TABLE accounts",
    "ALTER TABLE new_accounts RENAME TO accounts",
    "CREATE TABLE devices (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, account TEXT NOT NULL,"
    " paired REAL NOT NULL)",
    "CREATE TABLE invitations (number INTEGER PRIMARY KEY, words TEXT NOT NULL, account TEXT NOT NULL,"
    " ends REAL NOT NULL, misses INTEGER NOT NULL DEFAULT 0, device TEXT)",
    "CREATE TABLE tries (count INTEGER NOT NULL)",
    "INSERT INTO tries VALUES (0)",
    "ALTER TABLE accounts ADD COLUMN home TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE accounts ADD COLUMN rights TEXT NOT NULL DEFAULT 'read,add,replace,delete'",
    "CREATE TABLE grants (account TEXT NOT NULL, path TEXT NOT NULL, rights TEXT NOT NULL,"
    " PRIMARY KEY (account, path))",
)
"""Each entry brings the database from the version that is its index to the next; none is ever changed."""

_TEXT, _MAYBE, _NUMBER = "'text'", "'text', 'null'", "'integer', 'real'"
_KINDS = {
    "accounts": {"name": _TEXT, "password": _MAYBE, "home": _TEXT, "rights": _TEXT},
    "devices": {"id": _TEXT, "name": _TEXT, "account": _TEXT, "paired": _NUMBER},
    "invitations": {"number": _NUMBER, "words": _TEXT, "account": _TEXT, "ends": _NUMBER, "misses": _NUMBER},
    "grants": {"account": _TEXT, "path": _TEXT, "rights": _TEXT},
    "tries": {"count": _NUMBER},
}
"""The kinds that SQLite may have in each column; by itself it minds none."""


def default_state_dir(environ: Mapping[str, str]) -> str:
    """The state folder where none was chosen: systemd's (systemd.exec(5)), else the platform's for this user."""
    given = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return given
    from platformdirs import user_state_path

    return str(user_state_path("homeftp", appauthor=False))


class AccountDatabase:
    """The database in the state folder `folder`; both are made when they are not there.

    All of its methods raise `OperatorError` when the database cannot be used.
    """

    def __init__(self, folder: str) -> None:
        # SQLite itself would make the file as open as the umask allows.
        self._path = private_file(os.path.join(private_folder(folder), FILE))
        with self.connection() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            if self._version(connection) == len(_SCHEMA):
                return
            connection.execute("BEGIN IMMEDIATE")
            version = self._version(connection)  # another process may have been first
            for statement in _SCHEMA[version:]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(_SCHEMA)}")
            connection.execute("COMMIT")

    def _version(self, connection: sqlite3.Connection) -> int:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(_SCHEMA):
            raise OperatorError(f"{self._path} was made by a newer homeftp: upgrade this one")
        return version

    def account_names(self, *, with_password: bool = False) -> list[str]:
        """Every account, or those that have a password; sorted."""
        with self.connection() as connection:
            rows = connection.execute("SELECT name, password FROM accounts ORDER BY name")
            return [name for name, password in rows if password is not None or not with_password]

    def password(self, name: str) -> str | None:
        """The hashed password of an account; None when there is no such account, or when it has none."""
        with self.connection() as connection:
            row = connection.execute("SELECT password FROM accounts WHERE name = ?", (name,)).fetchone()
        return None if row is None or row[0] is None else str(row[0])

    def has_account(self, name: str) -> bool:
        """Whether there is an account of that name."""
        with self.connection() as connection:
            return connection.execute("SELECT 1 FROM accounts WHERE name = ?", (name,)).fetchone() is not None

    def add_account(self, name: str, password: str | None) -> None:
        """A new account with this hashed password, or with none. Raises `OperatorError` when the name is taken."""
        with self.connection() as connection:
            added = connection.execute(
                "INSERT OR IGNORE INTO accounts (name, password) VALUES (?, ?)", (name, password)
            ).rowcount
        if not added:
            raise OperatorError(
                f"there is an account {name} already: `homeftp account password {name}` changes its password"
            )

    def set_password(self, name: str, password: str, *, instead_of: str | None = None) -> bool:
        """Give an account another hashed password; with `instead_of`, only when it still has that one.

        Gives whether it was done.
        """
        with self.connection() as connection:
            changed = connection.execute(
                "UPDATE accounts SET password = :new WHERE name = :name AND (:old IS NULL OR password = :old)",
                {"new": password, "name": name, "old": instead_of},
            )
            return changed.rowcount > 0

    def remove_account(self, name: str) -> bool:
        """Forget an account, its devices, invitations and grants; gives whether there was one."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM devices WHERE account = ?", (name,))
            connection.execute("DELETE FROM invitations WHERE account = ?", (name,))
            connection.execute("DELETE FROM grants WHERE account = ?", (name,))
            return connection.execute("DELETE FROM accounts WHERE name = ?", (name,)).rowcount > 0

    def check(self) -> None:
        """Raise `OperatorError` where the tables, or the kinds of what is in them, are not those of this version."""
        with self.connection() as connection:
            for table, columns in _KINDS.items():
                wrong = " OR ".join(f"typeof({column}) NOT IN ({kinds})" for column, kinds in columns.items())
                if connection.execute(f"SELECT count(*) FROM {table} WHERE {wrong}").fetchone()[0]:
                    raise OperatorError(f"in {self._path}, {table}, something is of the wrong kind")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection on which all statements of the block are one transaction; nothing of it stays if it raises."""
        with self.connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                if connection.in_transaction:  # some errors have ended it already
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection on which every statement is a transaction by itself."""
        try:
            # mode=rw: a file that vanished is an error, not an empty database.
            address = f"{Path(self._path).as_uri()}?mode=rw"
            with closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise OperatorError(f"cannot use the accounts in {self._path}: {error}{_if_full(self._path)}") from error


def _if_full(path: str) -> str:
    """What SQLite does not say."""
    try:
        disk = os.statvfs(os.path.dirname(path))
    except OSError:
        return ""
    return ": the disk is full, make room on it first" if disk.f_bavail * disk.f_frsize < _LITTLE else ""
