"""The database of accounts, devices and invitations, and where the state folder is.

Every call is one transaction, so the command line and a running server may use
the database at the same time, from any thread. Accounts are read and changed
here; devices.py and invitations.py have their own tables, and `state` has the
engine that stores them. passwords.py defines the format of a stored password;
keys and certificates are in `homeftp.crypto`. Everything here blocks, and
raises `OperatorError` where the database cannot be used.
"""

from __future__ import annotations

import functools
import os
from typing import ContextManager, Mapping

from homeftp.accounts.state.choice import engine_of
from homeftp.accounts.state.interface import StateEngine, Statements, Version
from homeftp.errors import OperatorError
from homeftp.host import user_folder

REACHABLE = "reachable"
"""A file in the state folder: the address at which the last server that used this state folder could be reached."""

WEB_ORIGIN = "web"
"""Another: the address of its web front end, such as `https://nas.local:8443`; empty where it had none."""

WHOLE_SHARE = "/"
"""The home of an account that sees everything, as it is stored."""

EVERY_RIGHT = "read,add,replace,delete"
"""All rights, as they are stored."""

EVERYTHING = "/"
"""The home of a device that sees all that its account sees, as it is stored."""


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
    """The accounts of the server whose state folder is `folder`, and the database for the other tables.

    They are in that folder, or in the database of the cluster that the server
    belongs to, unless another engine is given. It is opened when it is first
    used, or by `open`; folder and database are created where they do not exist.
    """

    def __init__(self, folder: str, engine: StateEngine | None = None) -> None:
        self.folder = os.path.abspath(folder)
        self._given = engine

    @functools.cached_property
    def _engine(self) -> StateEngine:
        return engine_of(self.folder) if self._given is None else self._given

    def exists(self) -> bool:
        """Whether it was created."""
        return self._engine.exists()

    def open(self) -> AccountDatabase:
        """Create the database or upgrade it to this version, where needed; gives the database itself."""
        self._engine.open()
        return self

    def close(self) -> None:
        """Release what `version` holds. May be called twice; a later call opens it again."""
        self._engine.close()

    def version(self) -> Version:
        """A value that changes with every change of the database, by any process; cheap enough for every request."""
        return self._engine.version()

    def connection(self) -> ContextManager[Statements]:
        """A connection on which every statement is a transaction of its own."""
        return self._engine.connection()

    def snapshot(self) -> ContextManager[Statements]:
        """A connection whose statements, which only read, see the database as it is at one moment."""
        return self._engine.snapshot()

    def transaction(self) -> ContextManager[Statements]:
        """A connection whose statements are one transaction: committed at the end, rolled back on an exception."""
        return self._engine.transaction()

    def check(self) -> None:
        """Raise `OperatorError` where a table is missing or a column holds a value of a wrong type."""
        self._engine.check()

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


def add_account(
    connection: Statements,
    name: str,
    password: str | None,
    *,
    home: str = WHOLE_SHARE,
    rights: str = EVERY_RIGHT,
    quota: int | None = None,
    links: bool = False,
) -> None:
    """Within a transaction: add an account. Raises `OperatorError` where the name is taken."""
    insert = (
        "INSERT INTO accounts (name, password, home, rights, quota, links) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING"
    )
    if not connection.execute(insert, (name, password, home, rights, quota, int(links))).rowcount:
        raise OperatorError(
            f"the account {name} exists already: `homeftp account password {name}` changes its password"
        )
