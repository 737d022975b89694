"""From a checked name to an account: the realm, the avatar and the portal of twisted.cred."""

from __future__ import annotations

from typing import Callable, Sequence

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import Interface, implementer

from homeftp.accounts.access import Access, AccessTable
from homeftp.accounts.devicelogin import VerifiedName
from homeftp.accounts.devices import WHOLE_ACCOUNT, Device, DeviceKind
from homeftp.endpoint import Endpoint
from homeftp.errors import Busy, Refusal
from homeftp.interfaces import IAccount, IStore, IWorkers
from homeftp.model import Actor, WriteRequest
from homeftp.store.policy.authorized import AuthorizedStore
from homeftp.store.policy.rights import ADD

Avatar = tuple[type[Interface], object, Callable[[], None]]


@implementer(IAccount)
@attrs.frozen
class Account:
    """An account that is logged in, with the part of the store that it may use."""

    name: str
    _whole: IStore
    """The store of the server."""
    access: Access
    """Its home and rights at the time of the login."""
    device: Device | None = None
    """The device that logged in, which may narrow them; None: the account's own password was used."""
    store: AuthorizedStore = attrs.field(init=False, eq=False)
    """The part of the store that it may use."""

    @store.default
    def _authorize(self) -> AuthorizedStore:
        access, rights = self.access, self.access.rights
        if rights.grants or rights.folders:
            rights = rights.at_all_paths(access.home, self._whole.paths_to)
        shown = self._narrowed(attrs.evolve(access, rights=rights))
        counted = access.home if shown.home != access.home else None
        return AuthorizedStore(self._whole, shown.home, shown.rights, self.actor(), access.quota, counted)

    def _narrowed(self, access: Access) -> Access:
        """The part of an access that the device has. Raises `UnauthorizedLogin` where the device's is damaged."""
        narrowing = WHOLE_ACCOUNT if self.device is None else self.device.narrowing
        if narrowing is None:
            raise UnauthorizedLogin
        if narrowing == WHOLE_ACCOUNT:
            return access
        top = narrowing.home.parts
        return attrs.evolve(
            access, home=access.home.beneath(*top), rights=access.rights.narrowed(top, narrowing.rights)
        )

    def is_outdated(self) -> bool:
        """Whether other paths lead to its folders than at the login, by which it may see what is hidden from it.

        Blocks. True also where that cannot be found out, except while the disk is away, which shows nothing then.
        """
        if not (self.access.rights.grants or self.access.rights.folders):
            return False
        try:
            return attrs.evolve(self).store.rights != self.store.rights
        except Busy:
            return False
        except Refusal:
            return True

    def actor(self, address: str | None = None, request: str | None = None, front_end: str | None = None) -> Actor:
        """The account as an actor, with its device, from that address, in that request through that front end."""
        device = None if self.device is None else self.device.name
        return Actor(self.name, device, address, request, account_id=self.access.id, front_end=front_end)

    @property
    def rights(self) -> frozenset[str]:
        """The rights outside the folders with narrower rights."""
        return self.store.rights.at_most

    @property
    def view(self) -> str | None:
        """A digest that changes where it may read other folders than before; None where that is not known."""
        return self._narrowed(self.access).view


class AccountChanged(UnauthorizedLogin):
    """The account has been changed since its credentials were checked: that says nothing about it any more."""


@implementer(IRealm)
@attrs.frozen
class Realm:
    """Gives every account its part of the one store, by its entry in `accesses`. No entry is no login.

    `store` gives the store, which is open while the server runs. Accounts are looked up in `workers`.
    """

    store: Callable[[], IStore]
    accesses: AccessTable
    workers: IWorkers
    unlisted: Access | None = None
    """The access of an account that another checker knows and that never had an entry. None: it cannot log in."""
    _missing: set[tuple[str, Endpoint]] = attrs.field(init=False, factory=set, eq=False, repr=False)
    """Accounts, each with a home or folder that could not be made, for which that has been logged."""

    _log = Logger()

    def requestAvatar(
        self, avatarId: bytes | tuple[()], mind: object, *interfaces: type[Interface]
    ) -> Deferred[Avatar]:
        """The account of that name.

        Raises NotImplementedError for another interface than `IAccount`, and
        for the nameless avatar of an anonymous login, which does not exist here. Fails with `UnauthorizedLogin`
        for an account without an entry, and with `AccountChanged` for a `VerifiedName` whose account has been changed
        since.
        """
        if IAccount not in interfaces or not avatarId:
            raise NotImplementedError("only accounts with a name can log in")
        return self.workers.run(self._avatar, avatarId)

    def _avatar(self, avatar_id: bytes) -> Avatar:
        """In a worker; creates the account's home and folders, and its device's home, where they do not exist.

        A device's home only where its account may add files, and of no share link: that ends with what it leads to.
        """
        store, name = self.store(), avatar_id.decode("utf-8", "backslashreplace")
        device = avatar_id.device if isinstance(avatar_id, VerifiedName) else None
        account = Account(name, store, self._access(name, avatar_id), device)
        home, folders = account.access.home, [folder for folder, _ in account.access.rights.folders]
        is_link = device is not None and device.kind == DeviceKind.SHARE_LINK.value
        top = account.store.home.parts[len(home.parts) :]
        if ADD in account.access.rights.at(top) and not is_link:
            folders.append(top)
        for parts in (home.parts, *(home.beneath(*folder).parts for folder in folders)):
            if parts and store.read_only is None:
                self._make(store, name, Endpoint(parts))
        return IAccount, account, lambda: None

    def _make(self, store: IStore, name: str, folder: Endpoint) -> None:
        """Make an account's home or folder if it does not exist. If that is refused, log it once; the login succeeds.

        Otherwise accounts that may add files beside it could keep the account out.
        """
        try:
            found = store.stat(folder)
            if found is None or found.kind != "directory":
                store.make_directory(WriteRequest(endpoint=folder, actor=Actor(name)))
        except Refusal as refused:
            if (name, folder) not in self._missing:
                self._missing.add((name, folder))
                self._log.warn(
                    "the account {account} cannot use its folder {folder}: {reason}. Remove what is in its place, or "
                    "give the account another folder",
                    account=name,
                    folder=folder.whole,
                    reason=refused.message,
                )
        else:
            self._missing.discard((name, folder))

    def _access(self, name: str, avatar_id: bytes) -> Access:
        """The access of an account whose credentials were right.

        Raises `UnauthorizedLogin` where it has none, and `AccountChanged`.
        """
        found = self.accesses.find(name)
        if found is None:
            if isinstance(avatar_id, VerifiedName) or self.unlisted is None or not self.accesses.unlisted(name):
                raise UnauthorizedLogin
            return self.unlisted
        if isinstance(avatar_id, VerifiedName) and avatar_id.stamp != found.stamp:
            raise AccountChanged
        return found


def portal(
    store: Callable[[], IStore],
    checkers: Sequence[ICredentialsChecker],
    workers: IWorkers,
    accesses: AccessTable,
    unlisted: Access | None = None,
) -> Portal:
    """The portal of all logins: `checkers`, each for its kind of credentials, and the realm behind them."""
    return Portal(Realm(store, accesses, workers, unlisted), checkers)
