"""The devices that are paired: which account each belongs to, and what its owner calls it.

A device's certificate bears its id alone, which never changes. What is not
in this table does not come in, whatever certificate it shows: to revoke a
device is to remove it here.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata

import attrs

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.names import plain_name
from homeftp.errors import OperatorError

LONGEST = 63
"""Characters of a device's name."""


@attrs.frozen
class Device:
    """A device that is paired."""

    id: str
    name: str
    account: str
    paired: float
    """Seconds since 1970 UTC."""


def device_name(text: str) -> str:
    """A name that a device may have. Raises `OperatorError` for one that it may not."""
    return plain_name(text, "a device's", LONGEST)


def suggested(account: str, said: str) -> str:
    """A device's name, made of its account and of what it calls itself, whatever that is: `ann-laptop`."""
    plain = unicodedata.normalize("NFKD", said.lower()).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9]+", "-", plain.split(".")[0]).strip("-") or "device"
    name = plain if plain == account or plain.startswith(f"{account}-") else f"{account}-{plain}"
    return name[: LONGEST - 5].rstrip("-._")


@attrs.frozen
class Devices:
    """The table. All methods block; they raise `OperatorError` as `AccountDatabase` does."""

    state: AccountDatabase

    def all(self) -> list[Device]:
        """Every device, by name."""
        with self.state.connection() as connection:
            return [
                Device(*row)
                for row in connection.execute("SELECT id, name, account, paired FROM devices ORDER BY name")
            ]

    def find(self, id: str) -> Device | None:
        """The device of that id; None for one that is not paired, or not any more."""
        with self.state.connection() as connection:
            row = connection.execute("SELECT id, name, account, paired FROM devices WHERE id = ?", (id,)).fetchone()
        return None if row is None else Device(*row)

    def rename(self, name: str, new: str) -> Device:
        """Call a device something else; gives it under its new name.

        Raises `OperatorError` when there is none of that name, or one of the new.
        """
        device_name(new)
        try:
            with self.state.transaction() as connection:
                device = _called(connection, name)
                connection.execute("UPDATE devices SET name = ? WHERE id = ?", (new, device.id))
                return attrs.evolve(device, name=new)
        except OperatorError as error:
            if isinstance(error.__cause__, sqlite3.IntegrityError):
                raise OperatorError(f"there is a device called {new} already: homeftp device list shows them") from None
            raise

    def revoke(self, name: str) -> Device:
        """Forget a device: it does not come in any more, and a running server cuts its connections within seconds."""
        with self.state.transaction() as connection:
            device = _called(connection, name)
            connection.execute("DELETE FROM devices WHERE id = ?", (device.id,))
        return device


def add_device(connection: sqlite3.Connection, id: str, account: str, said: str, now: float) -> Device:
    """Add a device within a transaction, under a name that is free."""
    name = wanted = suggested(account, said)
    number = 1
    while connection.execute("SELECT 1 FROM devices WHERE name = ?", (name,)).fetchone():
        number += 1
        name = f"{wanted}-{number}"
    connection.execute("INSERT INTO devices VALUES (?, ?, ?, ?)", (id, name, account, now))
    return Device(id, name, account, now)


def _called(connection: sqlite3.Connection, name: str) -> Device:
    row = connection.execute("SELECT id, name, account, paired FROM devices WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise OperatorError(f"there is no device called {name!a}: homeftp device list shows them")
    return Device(*row)
