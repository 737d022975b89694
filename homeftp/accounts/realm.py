"""The way from a checked name to an account: twisted.cred's realm, avatar and portal."""

from __future__ import annotations

from typing import Callable, Sequence

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from zope.interface import Interface, implementer

from homeftp.accounts.access import Access, Accesses
from homeftp.accounts.view import View
from homeftp.interfaces import IAccount, IShare, IWorkers
from homeftp.values import NOBODY, By, Put

Avatar = tuple[type[Interface], object, Callable[[], None]]


@implementer(IAccount)
@attrs.frozen
class Account:
    """Who is logged in, and what they see."""

    name: str
    _whole: IShare
    access: Access | None = None
    """As it was at the login; None for one that is not our own."""
    by: By = attrs.field(default=NOBODY, eq=False)
    """What its changes are put down to."""
    share: View = attrs.field(init=False, eq=False)
    """What it sees."""

    @share.default
    def _view(self) -> View:
        access = self.access or Access()
        return View(self._whole, access.home, access.rights, self.by)

    @property
    def rights(self) -> frozenset[str]:
        """What it may do where no folder leaves something out."""
        return (self.access or Access()).rights.everywhere

    def known_as(self, by: By) -> Account:
        """The same, where what is changed is put down to `by`."""
        return attrs.evolve(self, by=by)


@implementer(IRealm)
@attrs.frozen
class Realm:
    """Gives every account its part of the one share: by `accesses`, looked up in `workers`, or else all of it."""

    share: IShare
    accesses: Accesses | None
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
        if home.parts and self.share.look(home) is None and self.share.read_only is None:
            self.share.make_directory(Put(endpoint=home, by=By(name)))
        return IAccount, account, lambda: None


def portal(
    share: IShare, checkers: Sequence[ICredentialsChecker], workers: IWorkers, accesses: Accesses | None = None
) -> Portal:
    """Where logins go: `checkers`, each for its kind of credentials, and behind them what each account sees."""
    return Portal(Realm(share, accesses, workers), checkers)
