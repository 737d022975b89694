"""SSH keys as credentials of the portal: the front end has verified a signature, the checker finds the device."""

from __future__ import annotations

from typing import ClassVar, Sequence

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface, implementer

from homeftp.accounts.credentials.tokens import token_hash
from homeftp.accounts.devicelogin import VerifiedName, verified
from homeftp.accounts.devices import DeviceKind, Devices
from homeftp.interfaces import IWorkers


class ISSHKey(ICredentials):
    """The credentials of a device that has an SSH key."""

    username: bytes = Attribute("The name of the account, in UTF-8.")
    blob: bytes = Attribute("The public key, as SSH sends it (RFC 4253, section 6.6).")
    verified: bool = Attribute("Whether the client has signed this session's data with it, and the signature is right.")


@implementer(ISSHKey)
@attrs.frozen
class SSHKey:
    """A public key. Where its signature was wrong it is given as not `verified`, so that it counts as a guess."""

    username: bytes
    blob: bytes
    verified: bool = False


@implementer(ICredentialsChecker)
@attrs.frozen
class SSHKeyChecker:
    """Finds SSH keys in `devices`, in `workers`; fails with `UnauthorizedLogin` for one that the account has not."""

    devices: Devices
    workers: IWorkers
    credentialInterfaces: ClassVar[Sequence[type[Interface]]] = (ISSHKey,)

    def requestAvatarId(self, credentials: SSHKey) -> Deferred[bytes | tuple[()]]:
        """The account's name, as a `VerifiedName`."""
        return self.workers.run(self._check, credentials)

    def knows(self, username: bytes, blob: bytes) -> Deferred[bool]:
        """Whether the account has this key; the client has not proven yet that it has it.

        SSH lets clients ask that, so that they sign with a key that will be accepted (RFC 4252, section 7). It is no
        guess: the client names the whole key.
        """
        return self.workers.run(lambda: self._find(username, blob) is not None)

    def _check(self, credentials: SSHKey) -> VerifiedName:
        """In a worker: the result of `requestAvatarId`."""
        found = self._find(credentials.username, credentials.blob)
        if credentials.verified is not True or found is None:
            raise UnauthorizedLogin
        return found

    def _find(self, username: bytes, blob: bytes) -> VerifiedName | None:
        try:
            name = username.decode("utf-8")
        except UnicodeDecodeError:
            return None
        found = self.devices.find_of_account(DeviceKind.SSH_KEY, token_hash(blob), name)
        return None if found is None else verified(found)
