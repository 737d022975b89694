"""The way from a checked name to an account: twisted.cred's realm, avatar and portal."""

from __future__ import annotations

from typing import Callable, Sequence

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from zope.interface import Interface, implementer

from homeftp.accounts.access import Access, AccessTable
from homeftp.interfaces import IAccount, IStore, IWorkers
from homeftp.model import SERVER, Actor, WriteRequest
from homeftp.store.policy.authorized import AuthorizedStore

Avatar = tuple[type[Interface], object, Callable[[], None]]


@implementer(IAccount)
@attrs.frozen
class Account:
    """Who is logged in, and what they see."""

    name: str
    _whole: IStore
    access: Access | None = None
    """As it was at the login; None for one that is not our own."""
    actor: Actor = attrs.field(default=SERVER, eq=False)
    """What its changes are put down to."""
    share: AuthorizedStore = attrs.field(init=False, eq=False)
    """What it sees."""

    @share.default
    def _view(self) -> AuthorizedStore:
        access = self.access or Access()
        return AuthorizedStore(self._whole, access.home, access.rights, self.actor)

    @property
    def rights(self) -> frozenset[str]:
        """What it may do where no folder leaves something out."""
        return (self.access or Access()).rights.everywhere

    def known_as(self, actor: Actor) -> Account:
        """The same, where what is changed is put down to `actor`."""
        return attrs.evolve(self, actor=actor)


@implementer(IRealm)
@attrs.frozen
class Realm:
    """Gives every account its part of the one share: by `accesses`, looked up in `workers`, or else all of it."""

    share: IStore
    accesses: AccessTable | None
    workers: IWorkers

    def requestAvatar(
        self, avatarId: bytes | tuple[()], mind: object, *interfaces: type[Interface]
    ) -> Deferred[Avatar]:
        """The account of that name.

        Raises NotImplementedError for another interface than `IAccount`, and
        for the nameless avatar of an anonymous login: there is none here.
        """
        if IAccount not in interfaces or not avatarId:
            raise NotImplementedError("only accounts with a name log in here")
        return self.workers.run(self._avatar, avatarId.decode("utf-8", "backslashreplace"))

    def _avatar(self, name: str) -> Avatar:
        """In a worker; makes the account's home if it is not there."""
        access = None if self.accesses is None else self.accesses.find(name)
        account = Account(name, self.share, access)
        home = account.share.home
        if home.parts and self.share.stat(home) is None and self.share.read_only is None:
            self.share.make_directory(WriteRequest(endpoint=home, actor=Actor(name)))
        return IAccount, account, lambda: None


def portal(
    share: IStore, checkers: Sequence[ICredentialsChecker], workers: IWorkers, accesses: AccessTable | None = None
) -> Portal:
    """Where logins go: `checkers`, each for its kind of credentials, and behind them what each account sees."""
    return Portal(Realm(share, accesses, workers), checkers)
