"""From a checked name to an account: the realm, the avatar and the portal of twisted.cred."""

from __future__ import annotations

from typing import Callable, Sequence

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from zope.interface import Interface, implementer

from homeftp.accounts.access import Access, AccessTable
from homeftp.interfaces import IAccount, IStore, IWorkers
from homeftp.model import Actor, WriteRequest
from homeftp.store.policy.authorized import AuthorizedStore

Avatar = tuple[type[Interface], object, Callable[[], None]]


@implementer(IAccount)
@attrs.frozen
class Account:
    """An account that is logged in, with the part of the store that it may use."""

    name: str
    _whole: IStore
    """The store of the server."""
    access: Access | None = None
    """Its home and rights at the time of the login; None for an account that is not in our database."""
    store: AuthorizedStore = attrs.field(init=False, eq=False)
    """The part of the store that it may use."""

    @store.default
    def _authorize(self) -> AuthorizedStore:
        access = self.access or Access()
        return AuthorizedStore(self._whole, access.home, access.rights, Actor(self.name))

    @property
    def rights(self) -> frozenset[str]:
        """What it may do outside the folders with narrower rights."""
        return (self.access or Access()).rights.everywhere


@implementer(IRealm)
@attrs.frozen
class Realm:
    """Gives every account its part of the one store, by its entry in `accesses`.

    `store` gives the store, which is open while the server runs. Accounts are looked up in `workers`.
    """

    store: Callable[[], IStore]
    accesses: AccessTable | None
    workers: IWorkers

    def requestAvatar(
        self, avatarId: bytes | tuple[()], mind: object, *interfaces: type[Interface]
    ) -> Deferred[Avatar]:
        """The account of that name.

        Raises NotImplementedError for another interface than `IAccount`, and
        for the nameless avatar of an anonymous login, which does not exist here.
        """
        if IAccount not in interfaces or not avatarId:
            raise NotImplementedError("only accounts with a name can log in")
        return self.workers.run(self._avatar, avatarId.decode("utf-8", "backslashreplace"))

    def _avatar(self, name: str) -> Avatar:
        """In a worker; creates the account's home where it does not exist."""
        store = self.store()
        access = None if self.accesses is None else self.accesses.find(name)
        account = Account(name, store, access)
        home = account.store.home
        if home.parts and store.stat(home) is None and store.read_only is None:
            store.make_directory(WriteRequest(endpoint=home, actor=Actor(name)))
        return IAccount, account, lambda: None


def portal(
    store: Callable[[], IStore],
    checkers: Sequence[ICredentialsChecker],
    workers: IWorkers,
    accesses: AccessTable | None = None,
) -> Portal:
    """The portal of all logins: `checkers`, each for its kind of credentials, and the realm behind them."""
    return Portal(Realm(store, accesses, workers), checkers)
