"""Copies accounts and devices from one database to another: those of a server become those of a cluster.

Invitations stay behind: they end within minutes. Stamps do, too, so that no login of one counts in the other.
"""

from __future__ import annotations

from typing import NamedTuple

from homeftp.accounts.state.interface import StateEngine, Statements

_COPIED = {
    "accounts": ("name", "password", "home", "rights", "quota", "links"),
    "grants": ("account", "path", "rights"),
    "folders": ("account", "path", "rights"),
    "devices": (
        *("id", "name", "account", "paired", "machine", "seen", "address", "client", "expires", "kind", "credential"),
        *("rights", "home", "front_end"),
    ),
    "links": ("device", "creator", "uses_left", "password"),
    "removed_accounts": ("name",),
}
"""The tables, each after those on which its rows depend, and their columns."""


class CopiedAccounts(NamedTuple):
    """How many accounts and devices were copied."""

    accounts: int
    devices: int
    """Devices, app passwords, share links and whatever else logs in for an account."""


def copy_accounts(source: StateEngine, target: StateEngine) -> CopiedAccounts | None:
    """Copy all accounts to a database that has none, in one transaction; None, and nothing, where that has some.

    Accounts keep their ids. Raises `OperatorError` where either cannot be used.
    """
    with source.snapshot() as found, target.transaction() as made:
        if made.execute("SELECT 1 FROM accounts LIMIT 1").fetchone() is not None:
            return None
        counts = {table: _copy(found, made, table, columns) for table, columns in _COPIED.items()}
        ids = found.execute("SELECT account_id, name FROM accounts").fetchall()
        made.executemany("UPDATE accounts SET account_id = ? WHERE name = ?", ids)
        return CopiedAccounts(counts["accounts"], counts["devices"])


def _copy(found: Statements, made: Statements, table: str, columns: tuple[str, ...]) -> int:
    rows = found.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()
    marks = ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING"
    made.executemany(statement, rows)
    return len(rows)
