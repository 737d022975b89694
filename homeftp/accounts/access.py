"""The access of each account: its home, its rights, and the folders with narrower rights."""

from __future__ import annotations

import attrs

from homeftp.accounts.database import AccountDatabase
from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import BadEndpoint, OperatorError
from homeftp.store.policy.rights import Rights, parse_rights, rights_shown


@attrs.frozen
class Access:
    """The access of one account."""

    home: Endpoint = ROOT
    """The folder of the store that is the root for it; all of the store by default."""
    rights: Rights = Rights()


@attrs.frozen
class AccessTable:
    """The access of all accounts. Its methods block, and raise `OperatorError` for an account that does not exist."""

    state: AccountDatabase

    def find(self, name: str) -> Access | None:
        """The access of an account; None where it does not exist."""
        with self.state.connection() as connection:
            connection.execute("BEGIN")
            row = connection.execute("SELECT home, rights FROM accounts WHERE name = ?", (name,)).fetchone()
            if row is None:
                return None
            grants = connection.execute(
                "SELECT path, rights FROM grants WHERE account = ? ORDER BY path", (name,)
            ).fetchall()
        narrower = tuple((parse_folder(path).parts, parse_rights(rights)) for path, rights in grants)
        return Access(parse_folder(row[0]), Rights(parse_rights(row[1]), narrower))

    def set_home(self, name: str, home: Endpoint) -> None:
        """Make that folder the root of an account. Its grants stay, relative to the new home."""
        self._change(name, "UPDATE accounts SET home = ? WHERE name = ?", home.whole)

    def set_rights(self, name: str, rights: frozenset[str]) -> None:
        """Set what an account may do outside the folders with narrower rights."""
        self._change(name, "UPDATE accounts SET rights = ? WHERE name = ?", rights_shown(rights))

    def grant(self, name: str, path: Endpoint, rights: frozenset[str] | None) -> None:
        """Set what an account may do at most in a folder, relative to its home; None: as much as elsewhere."""
        if not path.parts:
            raise OperatorError("name a folder; `homeftp account change --rights` sets the rights everywhere else")
        with self.state.transaction() as connection:
            if connection.execute("SELECT 1 FROM accounts WHERE name = ?", (name,)).fetchone() is None:
                raise _absent(name)
            connection.execute("DELETE FROM grants WHERE account = ? AND path = ?", (name, path.whole))
            if rights is not None:
                connection.execute("INSERT INTO grants VALUES (?, ?, ?)", (name, path.whole, rights_shown(rights)))

    def _change(self, name: str, statement: str, value: str) -> None:
        with self.state.transaction() as connection:
            if not connection.execute(statement, (value, name)).rowcount:
                raise _absent(name)


def parse_folder(text: str) -> Endpoint:
    """A folder of the store, as a person types it. Raises `OperatorError`."""
    try:
        return parse(text.strip("/"))
    except BadEndpoint as refused:
        raise OperatorError(f"{text!a} cannot be a folder in the shared folder: {refused.message}") from None


def _absent(name: str) -> OperatorError:
    return OperatorError(f"there is no account named {name}: `homeftp account list` shows all")
