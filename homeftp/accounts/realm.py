"""The way from a checked name to an account: twisted.cred's realm, avatar and portal."""

from __future__ import annotations

from typing import Callable, Sequence

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import IRealm, Portal
from zope.interface import Interface, implementer

from homeftp.interfaces import IAccount, IShare


@implementer(IAccount)
@attrs.frozen
class Account:
    """Who is logged in, and what they see."""

    name: str
    share: IShare


@implementer(IRealm)
@attrs.frozen
class Realm:
    """Gives every account the one share."""

    share: IShare

    def requestAvatar(
        self, avatarId: bytes | tuple[()], mind: object, *interfaces: type[Interface]
    ) -> tuple[type[Interface], Account, Callable[[], None]]:
        """The account of that name.

        Raises NotImplementedError for another interface than `IAccount`, and
        for the nameless avatar of an anonymous login: there is none here.
        """
        if IAccount not in interfaces or not avatarId:
            raise NotImplementedError("only accounts with a name log in here")
        return IAccount, Account(avatarId.decode("utf-8", "backslashreplace"), self.share), lambda: None


def portal(share: IShare, checkers: Sequence[ICredentialsChecker]) -> Portal:
    """Where logins go: `checkers`, each for its kind of credentials, and behind them the share."""
    return Portal(Realm(share), checkers)
