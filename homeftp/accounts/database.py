"""The database of accounts, devices and invitations: SQLite in the state folder, and where that folder is.

Every call opens a connection of its own and is one transaction, so the command
line and a running server may use the database at the same time, from any
thread. Accounts are read and changed here; devices.py and invitations.py have
their own tables. passwords.py defines the format of a stored password; keys and
certificates are in `homeftp.crypto`. Everything here blocks, and raises
`OperatorError` where the database cannot be used: no error of SQLite leaves
this package.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Iterator, Mapping

from homeftp.config import KIB
from homeftp.crypto.secretfiles import private_file, private_folder
from homeftp.errors import OperatorError
from homeftp.host import user_folder

FILE = "state.sqlite"
"""Inside the state folder."""

REACHABLE = "reachable"
"""A file beside it: the address at which the last server that used this state folder could be reached."""

WEB_ORIGIN = "web"
"""Another: the address of its web front end, such as `https://nas.local:8443`; empty where it had none."""

_LOW_SPACE = 256 * KIB
"""Free bytes below which SQLite cannot open its write-ahead log."""

BUSY_SECONDS = 5.0
"""How long to wait for another process that writes."""

WHOLE_SHARE = "/"
"""The home of an account that sees everything, as it is stored."""

EVERY_RIGHT = "read,add,replace,delete"
"""All rights, as they are stored."""

EVERYTHING = "/"
"""The home of a device that sees all that its account sees, as it is stored."""

Version = tuple[int, int, int, int]
"""What `AccountDatabase.version` gives: to be compared."""

_NEW_STAMP = "UPDATE accounts SET stamp = hex(randomblob(16)) WHERE name"
_STAMPING = (
    f"CREATE TRIGGER account_added AFTER INSERT ON accounts BEGIN {_NEW_STAMP} = NEW.name;"
    " DELETE FROM removed_accounts WHERE name = NEW.name; END",
    "CREATE TRIGGER account_changed AFTER UPDATE OF name, password, home, rights, quota ON accounts BEGIN"
    f" {_NEW_STAMP} = NEW.name; END",
    "CREATE TRIGGER account_removed AFTER DELETE ON accounts BEGIN"
    " INSERT OR IGNORE INTO removed_accounts VALUES (OLD.name); END",
    f"CREATE TRIGGER grant_added AFTER INSERT ON grants BEGIN {_NEW_STAMP} = NEW.account; END",
    f"CREATE TRIGGER grant_changed AFTER UPDATE ON grants BEGIN {_NEW_STAMP} IN (OLD.account, NEW.account); END",
    f"CREATE TRIGGER grant_removed AFTER DELETE ON grants BEGIN {_NEW_STAMP} = OLD.account; END",
)
"""Every change of an account gives it a new stamp, which never repeats, so no code can forget to.

Logins are valid while the stamp is what it was when they began. Removed names
are kept, so that no other checker's account of that name counts as one that never had a record.
"""

_NEW_DEVICE_STAMP = "UPDATE devices SET stamp = hex(randomblob(16)) WHERE id = NEW.id"
"""Likewise every change of what a device proves, or of what it may do, ends its logins."""

SCHEMA = (
    "CREATE TABLE accounts (name TEXT PRIMARY KEY, password TEXT NOT NULL)",
    # An account that is used from paired devices only has no password.
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
    "ALTER TABLE accounts ADD COLUMN quota INTEGER",
    # No column has a default that gives access, and the whole store is said as `/`: nothing is not everything.
    "CREATE TABLE new_accounts (name TEXT PRIMARY KEY, password TEXT, home TEXT NOT NULL, rights TEXT NOT NULL,"
    " quota INTEGER, stamp TEXT NOT NULL DEFAULT '')",
    "INSERT INTO new_accounts SELECT name, password, iif(home = '', '/', home), rights, quota,"
    " hex(randomblob(16)) FROM accounts",
    "DROP TABLE accounts",
    "ALTER TABLE new_accounts RENAME TO accounts",
    "CREATE TABLE removed_accounts (name TEXT PRIMARY KEY)",
    *_STAMPING,
    # What the server has seen of a device since it was paired; NULL: nothing yet.
    "ALTER TABLE devices ADD COLUMN machine TEXT",
    "ALTER TABLE devices ADD COLUMN seen REAL",
    "ALTER TABLE devices ADD COLUMN address TEXT",
    "ALTER TABLE devices ADD COLUMN client TEXT",
    "ALTER TABLE devices ADD COLUMN expires REAL",
    # Accounts that have several folders, and nothing else: their own rights are `none`.
    "CREATE TABLE folders (account TEXT NOT NULL, path TEXT NOT NULL, rights TEXT NOT NULL,"
    " PRIMARY KEY (account, path))",
    f"CREATE TRIGGER folder_added AFTER INSERT ON folders BEGIN {_NEW_STAMP} = NEW.account; END",
    f"CREATE TRIGGER folder_changed AFTER UPDATE ON folders BEGIN {_NEW_STAMP} IN (OLD.account, NEW.account); END",
    f"CREATE TRIGGER folder_removed AFTER DELETE ON folders BEGIN {_NEW_STAMP} = OLD.account; END",
    # An id never becomes another account's. A name does: it may be given again after its account was removed.
    "ALTER TABLE accounts ADD COLUMN account_id TEXT NOT NULL DEFAULT ''",
    "DROP TRIGGER account_changed",
    "CREATE TRIGGER account_changed AFTER UPDATE OF name, password, home, rights, quota, account_id ON accounts BEGIN"
    f" {_NEW_STAMP} = NEW.name; END",
    "UPDATE accounts SET account_id = hex(randomblob(16))",
    "CREATE TRIGGER account_identified AFTER INSERT ON accounts BEGIN"
    " UPDATE accounts SET account_id = hex(randomblob(16)) WHERE name = NEW.name; END",
    # Devices of several kinds, each perhaps narrower than its account. What is missing gives nothing: no kind and no
    # home are no login, and no right is `none`.
    "ALTER TABLE devices ADD COLUMN kind TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE devices ADD COLUMN credential TEXT",
    "ALTER TABLE devices ADD COLUMN rights TEXT NOT NULL DEFAULT 'none'",
    "ALTER TABLE devices ADD COLUMN home TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE devices ADD COLUMN stamp TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE devices ADD COLUMN front_end TEXT",
    f"UPDATE devices SET kind = 'certificate', rights = '{EVERY_RIGHT}', home = '{EVERYTHING}',"
    " stamp = hex(randomblob(16))",
    "CREATE UNIQUE INDEX device_credentials ON devices (credential, account)",
    f"CREATE TRIGGER device_added AFTER INSERT ON devices BEGIN {_NEW_DEVICE_STAMP}; END",
    "CREATE TRIGGER device_changed AFTER UPDATE OF id, account, kind, credential, rights, home ON devices BEGIN"
    f" {_NEW_DEVICE_STAMP}; END",
    # Share links are devices, and go with what allowed them; here is what only links have.
    "ALTER TABLE accounts ADD COLUMN links INTEGER NOT NULL DEFAULT 0",
    "CREATE TABLE links (device TEXT PRIMARY KEY, creator TEXT, uses_left INTEGER, password TEXT)",
    "CREATE TRIGGER links_forbidden AFTER UPDATE OF links, home ON accounts WHEN NEW.links IS NOT 1 OR"
    " OLD.home IS NOT NEW.home BEGIN DELETE FROM devices WHERE account = NEW.name AND kind = 'share link'; END",
    "CREATE TRIGGER creator_removed AFTER DELETE ON devices BEGIN DELETE FROM devices WHERE id IN"
    " (SELECT device FROM links WHERE creator = OLD.id); DELETE FROM links WHERE OLD.id IN (device, creator); END",
    "CREATE TRIGGER creator_changed AFTER UPDATE OF id, account, kind, credential, rights, home ON devices BEGIN"
    " DELETE FROM devices WHERE id IN (SELECT device FROM links WHERE creator IN (OLD.id, NEW.id)); END",
    # The hash of what is in the URL of an invitation for the web.
    "ALTER TABLE invitations ADD COLUMN secret TEXT",
)
"""Entry N upgrades a database of version N to version N + 1. Entries are only ever appended."""

_TEXT, _TEXT_OR_NULL, _NUMBER = "'text'", "'text', 'null'", "'integer', 'real'"
_NUMBER_OR_NULL = "'integer', 'real', 'null'"
_COUNT_OR_NULL = "'integer', 'null'"
_COLUMN_TYPES = {
    "accounts": {
        "name": _TEXT,
        "password": _TEXT_OR_NULL,
        "home": _TEXT,
        "rights": _TEXT,
        "quota": _COUNT_OR_NULL,
        "stamp": _TEXT,
        "account_id": _TEXT,
        "links": _NUMBER,
    },
    "devices": {
        "id": _TEXT,
        "name": _TEXT,
        "account": _TEXT,
        "paired": _NUMBER,
        "machine": _TEXT_OR_NULL,
        "seen": _NUMBER_OR_NULL,
        "address": _TEXT_OR_NULL,
        "client": _TEXT_OR_NULL,
        "expires": _NUMBER_OR_NULL,
        "kind": _TEXT,
        "credential": _TEXT_OR_NULL,
        "rights": _TEXT,
        "home": _TEXT,
        "stamp": _TEXT,
        "front_end": _TEXT_OR_NULL,
    },
    "links": {"device": _TEXT, "creator": _TEXT_OR_NULL, "uses_left": _COUNT_OR_NULL, "password": _TEXT_OR_NULL},
    "invitations": {"number": _NUMBER, "words": _TEXT, "account": _TEXT, "ends": _NUMBER, "misses": _NUMBER},
    "grants": {"account": _TEXT, "path": _TEXT, "rights": _TEXT},
    "folders": {"account": _TEXT, "path": _TEXT, "rights": _TEXT},
    "tries": {"count": _NUMBER},
    "removed_accounts": {"name": _TEXT},
}
"""The types that each column may hold: SQLite itself enforces none."""


def default_state_dir(environ: Mapping[str, str]) -> str:
    """The state folder by default: systemd's (systemd.exec(5)), else the platform's folder for this user.

    Raises `OperatorError` for a user without a home.
    """
    given = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return given
    import platformdirs

    folder = user_folder(lambda: platformdirs.user_state_path("homeftp", appauthor=False))
    if folder is None:
        raise OperatorError(
            "this user has no home folder, so there is no default state folder: name one with --state DIR"
        )
    return folder


class AccountDatabase:
    """The database in the state folder `folder`.

    It is opened when it is first used, or by `open`; folder and database are
    created where they do not exist.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._path = os.path.join(os.path.abspath(folder), FILE)
        self._is_open = False
        self._watch: sqlite3.Connection | None = None
        self._watched = (0, 0, 0)
        self._watch_lock = Lock()

    def open(self) -> AccountDatabase:
        """Create the database or upgrade it to this version, where needed; gives the database itself."""
        # SQLite itself would create the file as open as the umask allows.
        private_file(os.path.join(private_folder(self._folder), FILE))
        with self._connect() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            if self._version(connection) < len(SCHEMA):
                connection.execute("BEGIN IMMEDIATE")
                version = self._version(connection)  # another process may have been first
                for statement in SCHEMA[version:]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {len(SCHEMA)}")
                connection.execute("COMMIT")
        self._is_open = True
        return self

    def _version(self, connection: sqlite3.Connection) -> int:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(SCHEMA):
            raise OperatorError(f"{self._path} was made by a newer version of homeftp: upgrade homeftp")
        return version

    def close(self) -> None:
        """Release what `version` holds. May be called twice; a later call opens it again."""
        with self._watch_lock:
            self._stop_watching()

    def version(self) -> Version:
        """A value that changes with every change of the database, by any process.

        It costs a few microseconds, to be asked before every job. Raises
        `OperatorError` where the file has vanished or cannot be read.
        """
        with self._watch_lock:
            try:
                status = os.stat(self._path)
                file = status.st_dev, status.st_ino
                if self._watch is None or self._watched[:2] != file:
                    self._stop_watching()
                    self._watched = (*file, self._watched[2] + 1)
                    self._watch = self._new_connection(check_same_thread=False)
                (count,) = self._watch.execute("PRAGMA data_version").fetchone()
            except (OSError, sqlite3.Error) as error:
                self._stop_watching()
                raise OperatorError(f"cannot use the accounts in {self._path}: {error}") from error
            return *self._watched, count

    def _stop_watching(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()

    def account_names(self, *, with_password: bool = False) -> list[str]:
        """The names of all accounts, or of those that have a password; sorted."""
        with self.connection() as connection:
            rows = connection.execute("SELECT name, password FROM accounts ORDER BY name")
            return [name for name, password in rows if password is not None or not with_password]

    def password(self, name: str) -> str | None:
        """The stored password of an account; None where the account has none or does not exist."""
        with self.connection() as connection:
            row = connection.execute("SELECT password FROM accounts WHERE name = ?", (name,)).fetchone()
        return None if row is None or row[0] is None else str(row[0])

    def password_and_stamp(self, name: str) -> tuple[str | None, str]:
        """The stored password of an account, and its stamp, read in one step; None and "" where there is no account."""
        with self.connection() as connection:
            row = connection.execute("SELECT password, stamp FROM accounts WHERE name = ?", (name,)).fetchone()
        return (None, "") if row is None else (row[0], row[1])

    def has_account(self, name: str) -> bool:
        """Whether an account of that name exists."""
        with self.connection() as connection:
            return connection.execute("SELECT 1 FROM accounts WHERE name = ?", (name,)).fetchone() is not None

    def add_account(self, name: str, password: str | None) -> None:
        """Add an account with this stored password, or with none. Raises `OperatorError` when the name is taken."""
        with self.transaction() as connection:
            add_account(connection, name, password)

    def set_password(self, name: str, password: str, *, instead_of: str | None = None) -> bool:
        """Change an account's stored password, which ends its logins.

        With `instead_of` it is the same password in another form: it is changed only while it is stored
        like that, and ends no login. Gives whether it was changed.
        """
        with self.transaction() as connection:
            account = connection.execute("SELECT password, stamp FROM accounts WHERE name = ?", (name,)).fetchone()
            if account is None or (instead_of is not None and account[0] != instead_of):
                return False
            connection.execute("UPDATE accounts SET password = ? WHERE name = ?", (password, name))
            if instead_of is not None:  # the same password, stored in another way: logins stay valid
                connection.execute("UPDATE accounts SET stamp = ? WHERE name = ?", (account[1], name))
            return True

    def remove_account(self, name: str) -> bool:
        """Delete an account with its devices, invitations and grants; gives whether it existed."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM devices WHERE account = ?", (name,))
            connection.execute("DELETE FROM invitations WHERE account = ?", (name,))
            connection.execute("DELETE FROM grants WHERE account = ?", (name,))
            connection.execute("DELETE FROM folders WHERE account = ?", (name,))
            return connection.execute("DELETE FROM accounts WHERE name = ?", (name,)).rowcount > 0

    def check(self) -> None:
        """Raise `OperatorError` where a table is missing or a column holds a value of a wrong type."""
        with self.connection() as connection:
            for table, columns in _COLUMN_TYPES.items():
                wrong = " OR ".join(f"typeof({column}) NOT IN ({kinds})" for column, kinds in columns.items())
                if connection.execute(f"SELECT count(*) FROM {table} WHERE {wrong}").fetchone()[0]:
                    raise OperatorError(f"{self._path} holds values of a wrong type in its table {table}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection whose statements are one transaction: committed at the end, rolled back on an exception."""
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
        """A connection on which every statement is a transaction of its own."""
        if not self._is_open:
            self.open()
        with self._connect() as connection:
            yield connection

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(self._new_connection()) as connection:
                yield connection
        except sqlite3.Error as error:
            raise OperatorError(f"cannot use the accounts in {self._path}: {error}{_if_full(self._path)}") from error

    def _new_connection(self, *, check_same_thread: bool = True) -> sqlite3.Connection:
        # mode=rw: a file that vanished is an error, not an empty database.
        address = f"{Path(self._path).as_uri()}?mode=rw"
        return sqlite3.connect(
            address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=check_same_thread
        )


def add_account(
    connection: sqlite3.Connection,
    name: str,
    password: str | None,
    *,
    home: str = WHOLE_SHARE,
    rights: str = EVERY_RIGHT,
    quota: int | None = None,
    links: bool = False,
) -> None:
    """Within a transaction: add an account. Raises `OperatorError` where the name is taken."""
    insert = "INSERT OR IGNORE INTO accounts (name, password, home, rights, quota, links) VALUES (?, ?, ?, ?, ?, ?)"
    if not connection.execute(insert, (name, password, home, rights, quota, links)).rowcount:
        raise OperatorError(
            f"the account {name} exists already: `homeftp account password {name}` changes its password"
        )


def _if_full(path: str) -> str:
    """A hint that SQLite's message lacks; "" where the disk has space left."""
    try:
        disk = os.statvfs(os.path.dirname(path))
    except OSError:
        return ""
    return ": the disk is full; free some space on it" if disk.f_bavail * disk.f_frsize < _LOW_SPACE else ""
