"""The proofs of devices, as credentials of the portal; a checker's verdict on an account; the checker of certificates.

TLS verifies a certificate, the checker finds the device. The other kinds of
devices are in `homeftp.accounts.credentials`.
"""

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


class VerifiedName(bytes):
    """The name of an account of our own database whose credentials were right, in UTF-8.

    `stamp` is the account's stamp when they were read: the credentials say nothing about an account that has another.
    `device` is the device that they belong to; None: they are the account's own password.
    """

    stamp: str
    device: Device | None

    def __new__(cls, name: str, stamp: str, device: Device | None = None) -> VerifiedName:
        """The name, verified while the account had that stamp."""
        made = super().__new__(cls, name.encode())
        made.stamp = stamp
        made.device = device
        return made


class IDeviceCredentials(ICredentials):
    """Credentials that cannot be guessed: the login service does not count wrong ones as guesses."""

    subject: str | None = Attribute("Whose they are, for the limit on records of refused logins; None: the address's.")
    refusal: str = Attribute("What a client is told whose device is not there any more.")
    certificate: str | None = Attribute("The id in a certificate, for the audit record; None: it is none.")


class IDeviceCertificate(IDeviceCredentials):
    """The credentials of a device: a certificate that TLS has verified."""

    id: str = Attribute("The device's id, from its certificate.")


@implementer(IDeviceCertificate)
@attrs.frozen
class DeviceCertificate:
    """A verified certificate."""

    id: str
    refusal: ClassVar[str] = "this device is no longer paired: pair it again"

    @property
    def subject(self) -> str:
        """How messages and records name the device."""
        return f"device {self.id}"

    @property
    def certificate(self) -> str:
        """The id of the device that the certificate belongs to."""
        return self.id


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
        return verified(self.devices.find_certified(credentials.id))


def verified(found: tuple[Device, str] | None) -> VerifiedName:
    """The verdict on a device that was found, with the stamp of its account; raises `UnauthorizedLogin`."""
    if found is None:
        raise UnauthorizedLogin
    device, stamp = found
    return VerifiedName(device.account, stamp, device)
