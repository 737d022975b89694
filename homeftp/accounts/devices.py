"""The paired devices: their ids, names and accounts.

A device's certificate contains only its id, which never changes. A device that
is not in this table cannot log in, whatever certificate it has: revoking a
device means to remove it here.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from typing import Any

import attrs

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.names import plain_name
from homeftp.errors import OperatorError
from homeftp.model import SECOND_US

LONGEST = 63
"""Characters of a device's name: those of a host name (RFC 1035)."""

_SUFFIX = 5
"""Characters kept free at the end of a suggested name, for a number that makes it unique."""


@attrs.frozen
class Device:
    """A paired device."""

    id: str
    name: str
    account: str
    paired: float
    """When it was paired the last time: seconds since 1970 UTC."""
    seen: float | None = None
    """When it was connected the last time: seconds since 1970 UTC. None: it never was."""
    address: str | None = None
    """Where it was then."""
    client: str | None = None
    """The program that it used then, by its own account, such as `homeftp 1.2`."""
    expires: float | None = None
    """When its certificate ends, unless it is renewed before: seconds since 1970 UTC."""


_COLUMNS = ", ".join(f"devices.{field.name}" for field in attrs.fields(Device))
"""The columns of a `Device`, in its order."""


def device_fields(device: Device) -> dict[str, Any]:
    """A device for scripts; times in microseconds since 1970 UTC."""
    return {
        "name": device.name,
        "account": device.account,
        "paired_us": _us(device.paired),
        "seen_us": _us(device.seen),
        "address": device.address,
        "client": device.client,
        "expires_us": _us(device.expires),
    }


def _us(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * SECOND_US)


def device_name(text: str) -> str:
    """The name, if it is legal for a device; raises `OperatorError` otherwise."""
    return plain_name(text, "a device's", LONGEST)


def suggest_name(account: str, suggestion: str) -> str:
    """A legal name for a device, from its account and the name that it gives itself: `ann-laptop`."""
    plain = unicodedata.normalize("NFKD", suggestion.lower()).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9]+", "-", plain.split(".")[0]).strip("-") or "device"
    name = plain if plain == account or plain.startswith(f"{account}-") else f"{account}-{plain}"
    return name[: LONGEST - _SUFFIX].rstrip("-._")


@attrs.frozen
class Devices:
    """The table of devices. Its methods block and raise `OperatorError`, as those of `AccountDatabase`."""

    state: AccountDatabase

    def all(self) -> list[Device]:
        """All devices, sorted by name."""
        with self.state.connection() as connection:
            return [Device(*row) for row in connection.execute(f"SELECT {_COLUMNS} FROM devices ORDER BY name")]

    def find(self, id: str) -> Device | None:
        """The device of that id; None where it is not paired."""
        with self.state.connection() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM devices WHERE id = ?", (id,)).fetchone()
        return None if row is None else Device(*row)

    def saw(self, id: str, now: float, address: str, client: str | None, expires: float | None) -> None:
        """A device was connected. What is None stays as it is; a device that was revoked meanwhile stays so."""
        with self.state.transaction() as connection:
            connection.execute(
                "UPDATE devices SET seen = ?, address = ?, client = coalesce(?, client),"
                " expires = coalesce(?, expires) WHERE id = ?",
                (now, address, client, expires, id),
            )

    def find_with_stamp(self, id: str) -> tuple[Device, str] | None:
        """The device of that id and the stamp of its account; None where it is not paired or has no account."""
        with self.state.connection() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS}, stamp FROM devices JOIN accounts ON accounts.name = account WHERE id = ?",
                (id,),
            ).fetchone()
        if row is None:
            return None
        *columns, stamp = row
        device = Device(*columns)
        return (device, stamp) if isinstance(device.name, str) else None  # no pairing has written that

    def rename(self, name: str, new: str) -> Device:
        """Rename a device; gives it with its new name.

        Raises `OperatorError` where there is no device of the old name, or one of the new name.
        """
        device_name(new)
        try:
            with self.state.transaction() as connection:
                device = _find_named(connection, name)
                connection.execute("UPDATE devices SET name = ? WHERE id = ?", (new, device.id))
                return attrs.evolve(device, name=new)
        except OperatorError as error:
            if isinstance(error.__cause__, sqlite3.IntegrityError):
                raise OperatorError(f"a device called {new} exists already: `homeftp device list` shows all") from None
            raise

    def revoke(self, name: str) -> Device:
        """Remove a device: it cannot log in any more, and a running server disconnects it within seconds."""
        with self.state.transaction() as connection:
            device = _find_named(connection, name)
            connection.execute("DELETE FROM devices WHERE id = ?", (device.id,))
        return device


def pair_device(
    connection: sqlite3.Connection, id: str, account: str, suggestion: str, machine: str | None, now: float
) -> Device:
    """Within a transaction: pair a machine with an account. One that the account has already stays the same device.

    It keeps its id and its name, so that its other pairings with this server go on.
    """
    if machine is not None:
        known = f"SELECT {_COLUMNS} FROM devices WHERE account = ? AND machine = ?"
        row = connection.execute(known, (account, machine)).fetchone()
        if row is not None:
            connection.execute("UPDATE devices SET paired = ? WHERE id = ?", (now, row[0]))
            return attrs.evolve(Device(*row), paired=now)
    device = add_device(connection, id, account, suggestion, now)
    connection.execute("UPDATE devices SET machine = ? WHERE id = ?", (machine, id))
    return device


def add_device(connection: sqlite3.Connection, id: str, account: str, suggestion: str, now: float) -> Device:
    """Add a device within a transaction, under a unique name."""
    name = wanted = suggest_name(account, suggestion)
    number = 1
    while connection.execute("SELECT 1 FROM devices WHERE name = ?", (name,)).fetchone():
        number += 1
        name = f"{wanted}-{number}"
    connection.execute("INSERT INTO devices (id, name, account, paired) VALUES (?, ?, ?, ?)", (id, name, account, now))
    return Device(id, name, account, now)


def _find_named(connection: sqlite3.Connection, name: str) -> Device:
    row = connection.execute(f"SELECT {_COLUMNS} FROM devices WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise OperatorError(f"there is no device named {name!a}: `homeftp device list` shows all")
    return Device(*row)
