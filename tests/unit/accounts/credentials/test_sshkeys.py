"""SSH keys as credentials of the portal."""

from __future__ import annotations

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from zope.interface.verify import verifyObject

from homeftp.accounts.credentials.sshkeys import ISSHKey, SSHKey, SSHKeyChecker
from homeftp.accounts.credentials.tokens import token_hash
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import DeviceKind, Devices
from homeftp.workers import InlineWorkers
from tests.support.folders import QuickCase

BLOB = b"\0\0\0\x0bssh-ed25519..."


class SSHKeyTests(QuickCase):
    """The checker: ann has a key, bob has none."""

    def setUp(self) -> None:
        state = AccountDatabase(self.mktemp())
        for name in ("ann", "bob"):
            state.add_account(name, None)
        self.devices = Devices(state)
        self.device = self.devices.add("ann-laptop", "ann", DeviceKind.SSH_KEY, token_hash(BLOB), 0.0)
        self.checker = SSHKeyChecker(self.devices, InlineWorkers())

    def test_interfaces(self) -> None:
        """Checker and credentials are what twisted.cred asks for."""
        verifyObject(ICredentialsChecker, self.checker)
        verifyObject(ISSHKey, SSHKey(b"ann", BLOB))

    def test_right(self) -> None:
        """A key whose signature was right gives the account and the device."""
        found = self.successResultOf(self.checker.requestAvatarId(SSHKey(b"ann", BLOB, verified=True)))
        self.assertEqual((found, getattr(found, "device", None)), (b"ann", self.device))

    def test_wrong(self) -> None:
        """A wrong signature, another key, and the key of another account give nothing."""
        for wrong in (
            SSHKey(b"ann", BLOB),
            SSHKey(b"ann", BLOB, verified=1),  # type: ignore[arg-type]
            SSHKey(b"ann", BLOB + b"x", verified=True),
            SSHKey(b"ann", b"", verified=True),
            SSHKey(b"bob", BLOB, verified=True),
            SSHKey(b"\xff", BLOB, verified=True),
            SSHKey(b"ann\0", BLOB, verified=True),
        ):
            self.failureResultOf(self.checker.requestAvatarId(wrong), UnauthorizedLogin)

    def test_knows(self) -> None:
        """A client may ask whether a key would be accepted."""
        for name, blob, known in (
            (b"ann", BLOB, True),
            (b"bob", BLOB, False),
            (b"ann", b"x", False),
            (b"\xff", BLOB, False),
        ):
            self.assertIs(self.successResultOf(self.checker.knows(name, blob)), known)
        self.devices.revoke("ann-laptop")
        self.assertIs(self.successResultOf(self.checker.knows(b"ann", BLOB)), False)
