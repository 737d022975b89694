"""The algorithms: only modern ones, and only those that the library has."""

from __future__ import annotations

from twisted.conch.ssh.transport import SSHServerTransport
from twisted.trial.unittest import SynchronousTestCase

from homeftp.server.sftp.ssh import algorithms


class AlgorithmTests(SynchronousTestCase):
    """What is offered."""

    def test_offered(self) -> None:
        """Conch has the curves; what it lacks is not offered, and nothing is old."""
        found = algorithms.offered(algorithms.KEY_EXCHANGES, SSHServerTransport.supportedKeyExchanges)
        self.assertIn(b"curve25519-sha256", found)
        self.assertEqual(algorithms.offered((b"a", b"b"), [b"b", b"c"]), [b"b"])
        names = b" ".join([*found, *algorithms.CIPHERS, *algorithms.MACS, *algorithms.USER_KEYS, *algorithms.HOST_KEYS])
        for old in (b"sha1", b"cbc", b"md5", b"3des", b"dss", b"ssh-rsa", b"group"):
            self.assertNotIn(old, names)
