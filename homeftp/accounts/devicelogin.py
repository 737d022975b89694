"""Devices at the portal: a certificate that TLS has verified is a login, as long as the device is not revoked."""

from __future__ import annotations

from typing import ClassVar, Sequence

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface, implementer

from homeftp.accounts.devices import Device, Devices
from homeftp.interfaces import IWorkers


class IDeviceCertificate(ICredentials):
    """A device that TLS has verified."""

    id = Attribute("The id that its certificate bears.")
    device = Attribute("Which device that is; the checker says so.")


@implementer(IDeviceCertificate)
@attrs.define
class DeviceCertificate:
    """What its connection knows of a device."""

    id: str
    device: Device | None = None


@implementer(ICredentialsChecker)
@attrs.frozen
class DeviceChecker:
    """Looks devices up in `devices`, in `workers`; gives the account's name. Fails with `UnauthorizedLogin`."""

    devices: Devices
    workers: IWorkers
    credentialInterfaces: ClassVar[Sequence[type[Interface]]] = (IDeviceCertificate,)

    def requestAvatarId(self, credentials: DeviceCertificate) -> Deferred[bytes | tuple[()]]:
        """The account's name, in UTF-8, when the device is paired."""
        return self.workers.run(self._check, credentials)

    def _check(self, credentials: DeviceCertificate) -> bytes | tuple[()]:
        """In a worker: what `requestAvatarId` gives."""
        credentials.device = self.devices.find(credentials.id)
        if credentials.device is None:
            raise UnauthorizedLogin
        return credentials.device.account.encode()
