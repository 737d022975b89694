"""Device certificates as credentials of the portal."""

from __future__ import annotations

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from zope.interface.verify import verifyObject

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devicelogin import DeviceCertificate, DeviceChecker, IDeviceCertificate, VerifiedName
from homeftp.accounts.devices import Devices, add_device
from homeftp.workers import InlineWorkers
from tests.support.folders import QuickCase


class DeviceLoginTests(QuickCase):
    """The checker."""

    def setUp(self) -> None:
        state = AccountDatabase(self.mktemp())
        state.add_account("ann", None)
        with state.transaction() as connection:
            self.device = add_device(connection, "1" * 32, "ann", "laptop", 0.0)
        self.devices = Devices(state)
        self.checker = DeviceChecker(self.devices, InlineWorkers())

    def test_interfaces(self) -> None:
        """Checker and credentials are what twisted.cred asks for."""
        verifyObject(ICredentialsChecker, self.checker)
        verifyObject(IDeviceCertificate, DeviceCertificate("1" * 32))

    def test_paired(self) -> None:
        """A paired device gives its account's name, and the device."""
        name = self.successResultOf(self.checker.requestAvatarId(DeviceCertificate("1" * 32)))
        assert isinstance(name, VerifiedName)
        self.assertEqual((name, name.device), (b"ann", self.device))

    def test_not_paired(self) -> None:
        """An unknown id and a revoked device are refused."""
        self.failureResultOf(self.checker.requestAvatarId(DeviceCertificate("2" * 32)), UnauthorizedLogin)
        self.devices.revoke("ann-laptop")
        self.failureResultOf(self.checker.requestAvatarId(DeviceCertificate("1" * 32)), UnauthorizedLogin)
