"""The table of share links: each is a device of its account that a URL identifies, and that sees one path only.

As a device it has a name, a narrowing and an end, its logins are checked like any other, and it is gone with its
account. Triggers of the database remove it as well when its account loses the right to share or gets another home, and
when the device that made it is removed or narrowed. The table `links` has what only links have.
"""

from __future__ import annotations

import secrets
import time
from typing import Callable, Sequence

import attrs
import msgspec

from homeftp.accounts.credentials.tokens import new_token, token_hash
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import DEVICE_COLUMNS, Device, DeviceKind, Narrowing, insert_device, new_id
from homeftp.accounts.state.interface import Statements
from homeftp.config import DAY
from homeftp.endpoint import Endpoint
from homeftp.errors import Busy, Forbidden
from homeftp.store.policy.rights import ADD, READ

MOST_LINKS = 200
"""Links of one account, at most, those that have ended among them."""

KEPT_SECONDS = 30 * DAY
"""How long a link is kept after its end, so that its maker sees what became of it."""

_NAME_CHARACTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""The characters of a link's name: no person confuses two of them."""

_NAME_LENGTH = 8

_COLUMNS = f"{DEVICE_COLUMNS}, links.creator, links.uses_left, links.password"
_LINK_COLUMNS = -3
"""Where those of the table `links` begin."""

_JOIN = "devices JOIN links ON links.device = devices.id"


@attrs.frozen
class LinkRecord:
    """A share link as it is stored."""

    device: Device
    """The device that it logs in as; its `expires` is the end of the link."""
    creator: str | None
    """The id of the device that made it."""
    uses_left: int | None
    """None: any number."""
    password: str | None = attrs.field(repr=False)
    """In its stored form; None where it needs none."""

    @property
    def ends(self) -> float:
        """When it ends: seconds since 1970 UTC. A damaged one has ended."""
        expires = self.device.expires
        return expires if isinstance(expires, int | float) else 0.0

    @property
    def narrowing(self) -> Narrowing:
        """The rights of the link, and its folder; nothing where the record is damaged."""
        return self.device.narrowing or Narrowing(frozenset())

    @property
    def upload(self) -> bool:
        """Whether files can be added, and nothing can be seen."""
        return ADD in self.narrowing.rights


@attrs.frozen(kw_only=True)
class NewLink:
    """A link that is to be made."""

    account: str
    account_stamp: str
    creator: Device | None
    """The device that makes it; None: the account's own password was used."""
    home: Endpoint
    """Its path, relative to the home of its account."""
    upload: bool
    seconds: float
    uses: int | None
    password: str | None = attrs.field(repr=False)
    """In its stored form."""


class Links(msgspec.Struct, frozen=True):
    """Share links of all accounts. Its methods block, and raise `OperatorError`, as those of `AccountDatabase`."""

    state: AccountDatabase
    clock: Callable[[], float] = time.time
    """Seconds since 1970 UTC: a link outlives a restart."""

    def make(self, new: NewLink, note: Callable[[LinkRecord], None]) -> tuple[LinkRecord, str]:
        """A new link, and its secret, which is not kept. `note` records it; when it raises, nothing is changed.

        Raises `Forbidden` (33) where the account may not share, or the login of its maker is not valid any more, and
        `Busy` (51) where it has too many links.
        """
        now, token = self.clock(), new_token()
        rights = frozenset({ADD if new.upload else READ})
        with self.state.transaction() as connection:
            self._check_maker(connection, new)
            self._make_space(connection, new.account, now)
            device = insert_device(
                connection,
                new_id(),
                _free_name(connection),
                new.account,
                now,
                DeviceKind.SHARE_LINK,
                token_hash(token),
                Narrowing(rights, new.home),
                now + new.seconds,
            )
            creator = None if new.creator is None else new.creator.id
            connection.execute(
                "INSERT INTO links (device, creator, uses_left, password) VALUES (?, ?, ?, ?)",
                (device.id, creator, new.uses, new.password),
            )
            record = LinkRecord(device, creator, new.uses, new.password)
            note(record)
        return record, token

    def _check_maker(self, connection: Statements, new: NewLink) -> None:
        row = connection.execute("SELECT links, stamp FROM accounts WHERE name = ?", (new.account,)).fetchone()
        if row is None or row[1] != new.account_stamp:
            raise Forbidden("access was revoked")
        if row[0] != 1:
            raise Forbidden(
                f"your account ({new.account}) may not make share links: the server's owner allows it with "
                f"`homeftp account change {new.account} --links on`"
            )
        if new.creator is not None:
            found = connection.execute("SELECT stamp FROM devices WHERE id = ?", (new.creator.id,)).fetchone()
            if found != (new.creator.stamp,):
                raise Forbidden("access was revoked")

    def _make_space(self, connection: Statements, account: str, now: float) -> None:
        """Remove links that ended long ago; where there are too many, all that have ended. Raises `Busy` (51)."""
        own = "account = ? AND kind = ?"
        values = account, DeviceKind.SHARE_LINK.value
        connection.execute(f"DELETE FROM devices WHERE {own} AND expires <= ?", (*values, now - KEPT_SECONDS))
        for is_last in (False, True):
            (count,) = connection.execute(f"SELECT count(*) FROM devices WHERE {own}", values).fetchone()
            if count < MOST_LINKS:
                return
            if is_last:
                raise Busy(f"your account has {MOST_LINKS} share links: revoke some of them first")
            used = "id IN (SELECT device FROM links WHERE uses_left <= 0)"
            connection.execute(f"DELETE FROM devices WHERE {own} AND (expires <= ? OR {used})", (*values, now))

    def of_account(self, account: str) -> Sequence[LinkRecord]:
        """All links of an account, the newest first."""
        return self._select("devices.account = ? ORDER BY devices.paired DESC, devices.name", account)

    def find(self, token: str) -> LinkRecord | None:
        """The link of that secret; None where there is none. It may have ended."""
        found = self._select("devices.credential = ?", token_hash(token))
        return found[0] if found else None

    def _select(self, where: str, value: str) -> Sequence[LinkRecord]:
        with self.state.connection() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM {_JOIN} WHERE devices.kind = ? AND {where}",
                (DeviceKind.SHARE_LINK.value, value),
            ).fetchall()
        return [LinkRecord(Device(*row[:_LINK_COLUMNS]), *row[_LINK_COLUMNS:]) for row in rows]

    def use(self, id: str) -> bool:
        """Count a use of the link of that device; whether it may be used."""
        with self.state.transaction() as connection:
            row = connection.execute("SELECT uses_left FROM links WHERE device = ?", (id,)).fetchone()
            if row is None:
                return False
            (left,) = row
            if left is None:
                return True
            if type(left) is not int or left <= 0:
                return False
            connection.execute("UPDATE links SET uses_left = ? WHERE device = ?", (left - 1, id))
            return True

    def revoke(self, link: LinkRecord, note: Callable[[LinkRecord], None]) -> bool:
        """End a link; whether there still was one. `note` records it; when it raises, nothing is changed."""
        with self.state.transaction() as connection:
            gone = connection.execute(
                "DELETE FROM devices WHERE id = ? AND kind = ?", (link.device.id, DeviceKind.SHARE_LINK.value)
            )
            if gone.rowcount:
                note(link)
            return gone.rowcount > 0


def _free_name(connection: Statements) -> str:
    """A name that no device has: it is the id by which people and the audit log know the link."""
    while True:
        name = "link-" + "".join(secrets.choice(_NAME_CHARACTERS) for _ in range(_NAME_LENGTH))
        if connection.execute("SELECT 1 FROM devices WHERE name = ?", (name,)).fetchone() is None:
            return name
