"""The devices: their ids, names and accounts, how each proves what it is, and what it may do at most.

A device's certificate contains only its id, which never changes; other devices
prove that they know a secret, or have a key, of which only the hash is kept. A
device that is not in this table cannot log in, whatever it proves: revoking a
device means to remove it here.
"""

from __future__ import annotations

import enum
import re
import secrets
import unicodedata
from typing import Any

import attrs
import msgspec

from homeftp.accounts.access import read_folder, read_rights
from homeftp.accounts.database import EVERYTHING, AccountDatabase
from homeftp.accounts.names import plain_name
from homeftp.accounts.state.interface import Statements
from homeftp.endpoint import ROOT, Endpoint
from homeftp.errors import OperatorError
from homeftp.model import SECOND_US
from homeftp.store.policy.rights import ALL, rights_shown

LONGEST = 63
"""Characters of a device's name: those of a host name (RFC 1035)."""

_SUFFIX = 5
"""Characters kept free at the end of a suggested name, for a number that makes it unique."""


_ID_BYTES = 16
"""Random bytes of a device's id: 128 bits do not repeat."""


class DeviceKind(enum.Enum):
    """How a device proves what it is; each value is how that is stored, and shown to people."""

    CERTIFICATE = "certificate"
    """A certificate of the home's CA, which pairing gave it. The only kind without a `credential`."""
    APP_PASSWORD = "app password"
    """A password that was made for one program, with the name of the account."""
    SSH_KEY = "SSH key"
    """A key whose public half the owner has added, with the name of the account."""
    WEB_SESSION = "web session"
    """The secret in the cookie of a browser that has signed in. It ends at `Device.expires`."""
    SHARE_LINK = "share link"
    """The secret in a URL, which anybody may have (`homeftp.accounts.links`). It ends at `Device.expires`."""


ENDING_KINDS = frozenset({DeviceKind.WEB_SESSION.value, DeviceKind.SHARE_LINK.value})
"""The kinds that end by themselves at `Device.expires`; TLS checks when certificates end."""


class Narrowing(msgspec.Struct, frozen=True):
    """The most that a device may do, and where. It has no more than its account has there."""

    rights: frozenset[str] = ALL
    home: Endpoint = ROOT
    """The folder that it sees as the root, as its account sees that."""


WHOLE_ACCOUNT = Narrowing()
"""Everything that the account of the device may do."""


@attrs.frozen
class Device:
    """A device of an account."""

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
    """When its certificate, session or link ends, unless it is renewed before: seconds since 1970 UTC."""
    kind: str = ""
    """The value of its `DeviceKind`."""
    rights: str = ""
    home: str = ""
    """The folder that limits it, as it is stored: see `narrowing`."""
    stamp: str = attrs.field(default="", eq=False)
    """Changes with every change of what it proves or may do, and never repeats: its logins end then."""
    front_end: str | None = None
    """The front end that it used last; None: it never was connected, or the server's own protocol."""

    @property
    def narrowing(self) -> Narrowing | None:
        """The most that it may do; None where the stored value is damaged: then it may do nothing."""
        try:
            rights = read_rights(self.rights)
            return Narrowing(rights, ROOT if self.home == EVERYTHING else read_folder(self.home))
        except (ValueError, OperatorError):
            return None


DEVICE_COLUMNS = ", ".join(f"devices.{field.name}" for field in attrs.fields(Device))
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
        "kind": device.kind,
        "rights": device.rights,
        "home": device.home,
        "front_end": device.front_end,
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


class Devices(msgspec.Struct, frozen=True):
    """The table of devices. Its methods block and raise `OperatorError`, as those of `AccountDatabase`."""

    state: AccountDatabase

    def all(self) -> list[Device]:
        """All devices, sorted by name."""
        with self.state.connection() as connection:
            return [Device(*row) for row in connection.execute(f"SELECT {DEVICE_COLUMNS} FROM devices ORDER BY name")]

    def find(self, id: str) -> Device | None:
        """The device of that id; None where it is not paired."""
        with self.state.connection() as connection:
            row = connection.execute(f"SELECT {DEVICE_COLUMNS} FROM devices WHERE id = ?", (id,)).fetchone()
        return None if row is None else Device(*row)

    def saw(
        self,
        id: str,
        now: float,
        address: str,
        client: str | None,
        expires: float | None,
        front_end: str | None = None,
    ) -> None:
        """A device was connected through `front_end`; None: the server's own protocol.

        A client or an end that is None stays as it is; a device that was revoked meanwhile stays so.
        """
        with self.state.transaction() as connection:
            connection.execute(
                "UPDATE devices SET seen = ?, address = ?, front_end = ?, client = coalesce(?, client),"
                " expires = coalesce(?, expires) WHERE id = ?",
                (now, address, front_end, client, expires, id),
            )

    def find_certified(self, id: str) -> tuple[Device, str] | None:
        """The device with a certificate for that id, and the stamp of its account; None where it is not paired."""
        return self._find_intact(DeviceKind.CERTIFICATE, "id = ? AND credential IS NULL", id)

    def find_of_account(self, kind: DeviceKind, credential: str, account: str) -> tuple[Device, str] | None:
        """The device of that account with that credential (its hash), and the stamp of the account; None: none."""
        return self._find_intact(kind, "credential = ? AND account = ?", credential, account)

    def find_session(self, credential: str, now: float) -> tuple[Device, str] | None:
        """The session with that credential (its hash), and the stamp of its account; None: none, or it has ended."""
        return self._find_running(DeviceKind.WEB_SESSION, "credential = ?", credential, now)

    def find_link(self, id: str, now: float) -> tuple[Device, str] | None:
        """A share link by its id, and the stamp of its account; None: none, or it has ended."""
        return self._find_running(DeviceKind.SHARE_LINK, "id = ?", id, now)

    def _find_running(self, kind: DeviceKind, where: str, value: str, now: float) -> tuple[Device, str] | None:
        found = self._find_intact(kind, where, value)
        if found is None or not isinstance(found[0].expires, int | float) or found[0].expires <= now:
            return None
        return found

    def _find_intact(self, kind: DeviceKind, where: str, *values: str) -> tuple[Device, str] | None:
        """The device and the stamp of its account; None also where what is stored of it is damaged."""
        with self.state.connection() as connection:
            row = connection.execute(
                f"SELECT {DEVICE_COLUMNS}, accounts.stamp FROM devices JOIN accounts ON accounts.name = account"
                f" WHERE kind = ? AND {where}",
                (kind.value, *values),
            ).fetchone()
        if row is None:
            return None
        *columns, account_stamp = row
        device = Device(*columns)
        texts = (device.id, device.name, device.stamp)
        intact = all(isinstance(each, str) for each in texts) and device.stamp and device.narrowing is not None
        return (device, account_stamp) if intact else None

    def add(
        self,
        name: str,
        account: str,
        kind: DeviceKind,
        credential: str,
        now: float,
        narrowing: Narrowing = WHOLE_ACCOUNT,
    ) -> Device:
        """Add a device under exactly that name. `credential` is the hash of what it proves.

        Raises `OperatorError` where the account does not exist, and where it or another has such a device.
        """
        device_name(name)
        with self.state.transaction() as connection:
            if connection.execute("SELECT 1 FROM accounts WHERE name = ?", (account,)).fetchone() is None:
                raise OperatorError(f"there is no account named {account}: `homeftp account list` shows all")
            _check_free(connection, name)
            known = "SELECT name FROM devices WHERE credential = ? AND account = ?"
            if (row := connection.execute(known, (credential, account)).fetchone()) is not None:
                raise OperatorError(f"{account} has this {kind.value} already: its device is {row[0]}")
            return insert_device(connection, new_id(), name, account, now, kind, credential, narrowing)

    def narrow(self, name: str, rights: frozenset[str] | None, home: Endpoint | None) -> Device:
        """Set what a device may do at most, which ends its logins; None stays as it is. Gives it as it is then.

        Raises `OperatorError` where there is no device of that name.
        """
        with self.state.transaction() as connection:
            device = _find_named(connection, name)
            stored_rights = device.rights if rights is None else rights_shown(rights)
            stored_home = device.home if home is None else home.whole or EVERYTHING
            changed = "UPDATE devices SET rights = ?, home = ? WHERE id = ?"
            connection.execute(changed, (stored_rights, stored_home, device.id))
            return _find_named(connection, name)

    def rename(self, name: str, new: str) -> Device:
        """Rename a device; gives it with its new name.

        Raises `OperatorError` where there is no device of the old name, or one of the new name.
        """
        device_name(new)
        with self.state.transaction() as connection:
            device = _find_named(connection, name)
            _check_free(connection, new)
            connection.execute("UPDATE devices SET name = ? WHERE id = ?", (new, device.id))
        return attrs.evolve(device, name=new)

    def revoke(self, name: str) -> Device:
        """Remove a device: it cannot log in any more, and a running server disconnects it within seconds."""
        with self.state.transaction() as connection:
            device = _find_named(connection, name)
            connection.execute("DELETE FROM devices WHERE id = ?", (device.id,))
        return device


def pair_device(
    connection: Statements, id: str, account: str, suggestion: str, machine: str | None, now: float
) -> Device:
    """Within a transaction: pair a machine with an account. One that the account has already stays the same device.

    It keeps its id and its name, so that its other pairings with this server go on.
    """
    if machine is not None:
        known = f"SELECT {DEVICE_COLUMNS} FROM devices WHERE account = ? AND machine = ?"
        row = connection.execute(known, (account, machine)).fetchone()
        if row is not None:
            connection.execute("UPDATE devices SET paired = ? WHERE id = ?", (now, row[0]))
            return attrs.evolve(Device(*row), paired=now)
    device = add_device(connection, id, account, suggestion, now)
    connection.execute("UPDATE devices SET machine = ? WHERE id = ?", (machine, id))
    return device


def add_device(
    connection: Statements,
    id: str,
    account: str,
    suggestion: str,
    now: float,
    kind: DeviceKind = DeviceKind.CERTIFICATE,
    credential: str | None = None,
    narrowing: Narrowing = WHOLE_ACCOUNT,
    expires: float | None = None,
) -> Device:
    """Add a device within a transaction, under a unique name; `credential` is the hash of what it proves.

    A web session ends when it `expires`: seconds since 1970 UTC.
    """
    name = wanted = suggest_name(account, suggestion)
    number = 1
    while connection.execute("SELECT 1 FROM devices WHERE name = ?", (name,)).fetchone():
        number += 1
        name = f"{wanted}-{number}"
    return insert_device(connection, id, name, account, now, kind, credential, narrowing, expires)


def new_id() -> str:
    """The id of a new device."""
    return secrets.token_hex(_ID_BYTES)


def insert_device(
    connection: Statements,
    id: str,
    name: str,
    account: str,
    now: float,
    kind: DeviceKind,
    credential: str | None,
    narrowing: Narrowing = WHOLE_ACCOUNT,
    expires: float | None = None,
) -> Device:
    """Within a transaction: the new device, under exactly that name, with the stamp that it got."""
    connection.execute(
        "INSERT INTO devices (id, name, account, paired, kind, credential, rights, home, expires)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            id,
            name,
            account,
            now,
            kind.value,
            credential,
            rights_shown(narrowing.rights),
            narrowing.home.whole or EVERYTHING,
            expires,
        ),
    )
    return _find_named(connection, name)


def _check_free(connection: Statements, name: str) -> None:
    """Within a transaction: raise `OperatorError` where a device has that name."""
    if connection.execute("SELECT 1 FROM devices WHERE name = ?", (name,)).fetchone() is not None:
        raise OperatorError(f"a device called {name} exists already: `homeftp device list` shows all")


def _find_named(connection: Statements, name: str) -> Device:
    row = connection.execute(f"SELECT {DEVICE_COLUMNS} FROM devices WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise OperatorError(f"there is no device named {name}: `homeftp device list` shows all")
    return Device(*row)
