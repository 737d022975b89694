"""Web sessions as devices: how long they last, and how many an account has."""

from __future__ import annotations

import time
from typing import Callable

import attrs
import msgspec

from homeftp.accounts.credentials.tokens import token_hash
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import Device, DeviceKind, Devices, add_device, new_id
from homeftp.accounts.state.interface import Statements
from homeftp.config import DAY

IDLE_SECONDS = 90 * DAY
"""How long a session lasts after its last use."""

LONGEST_SECONDS = 365 * DAY
"""How long it lasts at most, however often it is used."""

RENEWED_SECONDS = 1 * DAY
"""By how much its end must move before that is written: each write has all logins checked again."""

MOST_SESSIONS = 50
"""Sessions of one account, at most: the one that was used least recently ends. A household has few browsers."""


_ALL = 2**31 - 1
"""More rows than any table has: an `OFFSET` needs a `LIMIT` before it."""


class SessionTable(msgspec.Struct, frozen=True):
    """The sessions of all accounts. Its methods block and raise `OperatorError`, as those of `AccountDatabase`."""

    state: AccountDatabase
    clock: Callable[[], float] = time.time
    """Seconds since 1970 UTC: a session outlives a restart."""

    def add(self, connection: Statements, account: str, token: str, name: str, client: str) -> Device:
        """Within a transaction: a new session of an account, whose cookie holds `token`; `name` is a suggestion.

        `client` says what the browser is. Sessions that have ended, and more than an account may have, are removed.
        """
        now, own = self.clock(), "account = ? AND kind = ?"
        values = account, DeviceKind.WEB_SESSION.value
        connection.execute(f"DELETE FROM devices WHERE {own} AND expires <= ?", (*values, now))
        connection.execute(
            f"DELETE FROM devices WHERE id IN (SELECT id FROM devices WHERE {own}"
            " ORDER BY coalesce(seen, paired) DESC, paired DESC, id LIMIT ? OFFSET ?)",
            (*values, _ALL, MOST_SESSIONS - 1),
        )
        expires = now + IDLE_SECONDS
        kind, credential = DeviceKind.WEB_SESSION, token_hash(token)
        device = add_device(connection, new_id(), account, name, now, kind, credential, expires=expires)
        connection.execute("UPDATE devices SET client = ? WHERE id = ?", (client, device.id))
        return attrs.evolve(device, client=client)

    def renew(self, id: str) -> Device | None:
        """A session is used: it ends later, but not after its longest time. Gives it; None where it is gone."""
        with self.state.transaction() as connection:
            own = "id = ? AND kind = ?"
            values = id, DeviceKind.WEB_SESSION.value
            row = connection.execute(f"SELECT paired, expires FROM devices WHERE {own}", values).fetchone()
            if row is None:
                return None
            paired, expires = row
            wanted = min(self.clock() + IDLE_SECONDS, paired + LONGEST_SECONDS)
            if wanted - expires >= RENEWED_SECONDS:
                connection.execute(f"UPDATE devices SET expires = ? WHERE {own}", (wanted, *values))
        return self.find(id)

    def find(self, id: str) -> Device | None:
        """The session of that id; None where it is gone."""
        found = Devices(self.state).find(id)
        return found if found is not None and found.kind == DeviceKind.WEB_SESSION.value else None

    def remove(self, id: str) -> Device | None:
        """Sign out: remove a session; gives it as it was. None where it is gone."""
        found = self.find(id)
        if found is not None:
            with self.state.transaction() as connection:
                connection.execute("DELETE FROM devices WHERE id = ?", (id,))
        return found
