"""Web sessions as credentials of the portal: the secret in a browser's cookie, and the checker that finds it."""

from __future__ import annotations

import time
from typing import Callable, ClassVar, Sequence

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface, implementer

from homeftp.accounts.credentials.tokens import token_hash
from homeftp.accounts.devicelogin import IDeviceCredentials, VerifiedName, verified
from homeftp.accounts.devices import Devices
from homeftp.interfaces import IWorkers


class IWebSession(IDeviceCredentials):
    """The credentials of a browser that has signed in."""

    token: str = Attribute("The secret in its cookie.")


@implementer(IWebSession)
@attrs.frozen
class WebSession:
    """The secret that a browser sent, whatever it is."""

    token: str = attrs.field(repr=False)
    subject: ClassVar[None] = None
    certificate: ClassVar[None] = None
    refusal: ClassVar[str] = "you are signed out here: sign in again"


@implementer(ICredentialsChecker)
@attrs.frozen
class WebSessionChecker:
    """Finds sessions in `devices`, in `workers`; fails with `UnauthorizedLogin` for one that has ended."""

    devices: Devices
    workers: IWorkers
    clock: Callable[[], float] = time.time
    """Seconds since 1970 UTC."""
    credentialInterfaces: ClassVar[Sequence[type[Interface]]] = (IWebSession,)

    def requestAvatarId(self, credentials: WebSession) -> Deferred[bytes | tuple[()]]:
        """The account's name, as a `VerifiedName`."""
        return self.workers.run(self._check, credentials)

    def _check(self, credentials: WebSession) -> VerifiedName:
        """In a worker: the result of `requestAvatarId`."""
        return verified(self.devices.find_session(token_hash(credentials.token), self.clock()))
