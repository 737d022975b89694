"""What each account sees and may do: its home, its rights, and the folders where those are narrower."""

from __future__ import annotations

import attrs

from homeftp.accounts.database import AccountDatabase
from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import BadEndpoint, OperatorError
from homeftp.store.policy.rights import Rights, parse_rights, rights_shown


@attrs.frozen
class Access:
    """Of one account."""

    home: Endpoint = ROOT
    """What it sees as all: a folder of the share, or the share."""
    rights: Rights = Rights()


@attrs.frozen
class AccessTable:
    """The access of all accounts. All methods block; they raise `OperatorError` for an account that does not exist."""

    state: AccountDatabase

    def find(self, name: str) -> Access | None:
        """What an account sees and may do; None when there is none of that name."""
        with self.state.connection() as connection:
            connection.execute("BEGIN")
            row = connection.execute("SELECT home, rights FROM accounts WHERE name = ?", (name,)).fetchone()
            if row is None:
                return None
            narrower = connection.execute(
                "SELECT path, rights FROM grants WHERE account = ? ORDER BY path", (name,)
            ).fetchall()
        grants = tuple((folder(path).parts, parse_rights(rights)) for path, rights in narrower)
        return Access(folder(row[0]), Rights(parse_rights(row[1]), grants))

    def set_home(self, name: str, home: Endpoint) -> None:
        """Let an account see that folder as all there is. Its grants stay: they are beneath whatever its home is."""
        self._change(name, "UPDATE accounts SET home = ? WHERE name = ?", home.whole)

    def set_rights(self, name: str, rights: frozenset[str]) -> None:
        """What an account may do at all."""
        self._change(name, "UPDATE accounts SET rights = ? WHERE name = ?", rights_shown(rights))

    def grant(self, name: str, path: Endpoint, rights: frozenset[str] | None) -> None:
        """What an account may do at most in a folder, as it sees it; None: as much as elsewhere."""
        if not path.parts:
            raise OperatorError("name a folder: what may be done everywhere, homeftp account change --rights says")
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


def folder(text: str) -> Endpoint:
    """A folder of the share as a person types it. Raises `OperatorError`."""
    try:
        return parse(text.strip("/"))
    except BadEndpoint as refused:
        raise OperatorError(f"{text!a} can be no folder of the share: {refused.message}") from None


def _absent(name: str) -> OperatorError:
    return OperatorError(f"there is no account {name}: homeftp account list shows them")
