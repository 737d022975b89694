"""Whether logins are still valid, by what the database says now; and a store that asks before each batch."""

from __future__ import annotations

import time
from typing import Callable, Protocol, Sequence, TypeVar

import attrs
from zope.interface import implementer

from homeftp.accounts.access import UNLISTED
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import ENDING_KINDS
from homeftp.accounts.realm import Account
from homeftp.accounts.state.interface import Version
from homeftp.endpoint import Endpoint
from homeftp.interfaces import IOpenFile, IStore
from homeftp.interfaces.immediate import GRANTED_SECONDS, IImmediateStore
from homeftp.model import Entry
from homeftp.store.policy.authorized import AuthorizedStore

T = TypeVar("T")

_NO_DEVICE = (None, None, None, None)
"""The account, the stamp, the kind and the end of a device that is not there."""


@attrs.frozen
class AccessValidator:
    """Compares logins with the database. Its methods block and raise `OperatorError`."""

    state: AccountDatabase
    clock: Callable[[], float] = time.time
    """Seconds since 1970 UTC."""

    def version(self) -> Version:
        """The version of the database: while it stays the same a login that was valid is valid. Cheap."""
        return self.state.version()

    def has_ended(self, account: Account) -> bool:
        """Whether the login must be looked up although nothing has changed: its session had this time to live. Cheap.

        It may have been renewed since.
        """
        return account.device is not None and not self._is_running(account.device.kind, account.device.expires)

    def are_valid(self, logins: Sequence[Account]) -> list[bool]:
        """Whether each login, by its account and the device in it, is valid.

        The account's stamp and the device's must be what they were when the login began, and the device must belong
        to the account. An account of another checker must still have no record, unless it had one. A web session or a
        share link must not have ended.
        """
        with self.state.snapshot() as connection:
            stamps = dict(connection.execute("SELECT name, stamp FROM accounts"))
            removed = {name for (name,) in connection.execute("SELECT name FROM removed_accounts")}
            rows = connection.execute("SELECT id, account, stamp, kind, expires FROM devices")
            devices = {row[0]: row[1:] for row in rows}

        def is_valid(account: Account) -> bool:
            device = account.device
            if device is not None:
                owner, stamp, kind, expires = devices.get(device.id, _NO_DEVICE)
                if (owner, stamp) != (account.name, device.stamp) or not self._is_running(kind, expires):
                    return False
            if account.access.stamp == UNLISTED:
                return device is None and account.name not in stamps and account.name not in removed
            return stamps.get(account.name) == account.access.stamp

        return [is_valid(account) for account in logins]

    def _is_running(self, kind: str | None, expires: float | None) -> bool:
        """Whether a device has not ended by itself, as only some kinds do."""
        if kind not in ENDING_KINDS:
            return True
        return isinstance(expires, int | float) and self.clock() < expires


class ValidatedLogin(Protocol):
    """A login, as this module needs it."""

    @property
    def avatar(self) -> Account:
        """The account that is logged in, and the device in it."""

    @property
    def revoked(self) -> bool:
        """Whether the server knows that access was revoked."""

    valid_at: Version | None
    """The version of the database by which it was valid when that was last looked up."""


L = TypeVar("L", bound=ValidatedLogin)


class LoginValidity:
    """Which logins of one server are valid, and which were a moment ago: a look of any of them tells of all."""

    def __init__(self, validator: AccessValidator, monotonic: Callable[[], float]) -> None:
        self._validator = validator
        self._monotonic = monotonic
        self._looked: tuple[float, Version | None] = (float("-inf"), None)
        """When a job has looked for the version of the database last, and what it was."""

    def find_revoked(self, logins: Sequence[L]) -> list[L]:
        """The logins whose device or account was removed, or whose account changed. Blocks; raises `OperatorError`."""
        asked = self._monotonic()
        version = self._validator.version()  # before the look: what changes meanwhile is looked up again
        self._looked = asked, version
        unsure = [login for login in logins if login.valid_at != version or self._validator.has_ended(login.avatar)]
        if not unsure:
            return []
        valid = self._validator.are_valid([login.avatar for login in unsure])
        for login, is_valid in zip(unsure, valid, strict=True):
            login.valid_at = version if is_valid else None
        return [login for login, is_valid in zip(unsure, valid, strict=True) if not is_valid]

    def was_granted(self, login: ValidatedLogin) -> bool:
        """Whether it was valid within `GRANTED_SECONDS`, by what a job of any login has found. Does not block."""
        asked, version = self._looked
        known = self._monotonic() - asked <= GRANTED_SECONDS and login.valid_at == version
        return known and not login.revoked and not self._validator.has_ended(login.avatar)


@implementer(IStore)
@attrs.frozen
class CheckedStore(AuthorizedStore):
    """The store of an account for the logins of one of its devices: `confirm` is called before a batch is read.

    A batch is made of calls of many logins, of those whose stores are equal: access is confirmed alike for all of
    them. Everything else is confirmed in its own job (`homeftp.files.jobs.revocation`), except `resume_point`: a batch
    looks up many before its `stat_many`, and nothing that it found is given to anybody where that raises. What is
    answered without a job needs one that has found access granted a moment ago: `was_granted` tells, and never blocks.
    """

    _confirm: Callable[[], None] = attrs.field(kw_only=True, eq=False)
    _was_granted: Callable[[], bool] = attrs.field(kw_only=True, eq=False)
    _key: tuple[str, str | None, str | None] = attrs.field(kw_only=True)
    """The stamp of the account, and the id and the stamp of the device."""

    @classmethod
    def of(
        cls,
        store: AuthorizedStore,
        confirm: Callable[[], None],
        key: tuple[str, str | None, str | None],
        was_granted: Callable[[], bool] = lambda: False,
    ) -> CheckedStore:
        """The checked store for the same part of a store, with all that limits it."""
        same = {str(each.alias): getattr(store, each.name) for each in attrs.fields(AuthorizedStore) if each.init}
        return cls(**same, confirm=confirm, was_granted=was_granted, key=key)

    def stat_many(self, endpoints: Sequence[Endpoint]) -> Sequence[Entry | Exception | None]:
        """`stat` for several at once."""
        self._confirm()
        return super().stat_many(endpoints)

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
        """`open` for several at once."""
        self._confirm()
        return super().open_many(endpoints, inline)

    def at_once(self, endpoint: Endpoint, ask: Callable[[IImmediateStore, Endpoint], T | None]) -> T | None:
        """The answer of the store to `ask`, given at once."""
        return super().at_once(endpoint, ask) if self._was_granted() else None
