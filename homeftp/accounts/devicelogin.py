"""Device certificates as credentials of the portal: TLS verifies the certificate, the checker finds the device."""

from __future__ import annotations

from typing import ClassVar, Sequence

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface, implementer

from homeftp.accounts.devices import Device, Devices
from homeftp.accounts.names import VerifiedName
from homeftp.interfaces import IWorkers


class IDeviceCertificate(ICredentials):
    """The credentials of a device: a certificate that TLS has verified."""

    id = Attribute("The device's id, from its certificate.")
    device = Attribute("The device of that id, once the checker has found it.")


@implementer(IDeviceCertificate)
@attrs.define
class DeviceCertificate:
    """A verified certificate."""

    id: str
    device: Device | None = None


@implementer(ICredentialsChecker)
@attrs.frozen
class DeviceChecker:
    """Finds devices in `devices`, in `workers`; fails with `UnauthorizedLogin` for one that is not paired."""

    devices: Devices
    workers: IWorkers
    credentialInterfaces: ClassVar[Sequence[type[Interface]]] = (IDeviceCertificate,)

    def requestAvatarId(self, credentials: DeviceCertificate) -> Deferred[bytes | tuple[()]]:
        """The name of the device's account, as a `VerifiedName`."""
        return self.workers.run(self._check, credentials)

    def _check(self, credentials: DeviceCertificate) -> VerifiedName:
        """In a worker: the result of `requestAvatarId`."""
        found = self.devices.find_with_stamp(credentials.id)
        if found is None:
            raise UnauthorizedLogin
        credentials.device, stamp = found
        return VerifiedName(credentials.device.account, stamp)
