"""Logging in: passwords and keys, counted and throttled like everywhere."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from homeftp.accounts.credentials.tokens import token_hash
from homeftp.accounts.devices import DeviceKind, Devices
from homeftp.config import Limits
from homeftp.server.sftp.ssh.userauth import MOST_REQUESTS
from tests.support import replay
from tests.support.inmemory import PASSWORD
from tests.support.sftppackets import text
from tests.support.sshclient import SshCase, SshClient


class PasswordTests(SshCase):
    """Clients with passwords."""

    limits = Limits(guesses=5)

    def test_password(self) -> None:
        """The right password logs in; the audit log names the front end."""
        client = self.connect()
        self.assertTrue(client.log_in())
        (line,) = [line for line in replay.lines(self.server.folder) if line["event"] == "login"]
        self.assertEqual((line["account"], line["front_end"], line["status"]), ("ann", "sftp", 0))

    def test_wrong(self) -> None:
        """After three wrong passwords a connection ends; after five from one address all are refused for a while."""
        client = self.connect()
        for left in (True, True, False):
            self.assertFalse(client.log_in(password="wrong"))
            self.assertEqual(client.closed, not left)
        client = self.connect()
        client.log_in(password="wrong")
        client.log_in(password="wrong")
        self.assertFalse(client.log_in(password=PASSWORD))
        self.assertIn(b"too many", client.take(53))

    def test_others(self) -> None:
        """Other methods, other services and changes of passwords are refused; the methods are named."""
        client = self.connect()
        client.send(5, text(b"ssh-userauth"))
        for service, rest in (
            (b"ssh-connection", text(b"none")),
            (b"ssh-connection", text(b"keyboard-interactive") + text(b"") + text(b"")),
            (b"ssh-connection", text(b"password") + b"\1" + text(PASSWORD.encode()) + text(b"new")),
            (b"other", text(b"password") + b"\0" + text(PASSWORD.encode())),
        ):
            client.send(50, text(b"ann") + text(service) + rest)
            client.pump()
            self.assertIn(b"publickey,password", client.take(51))
            self.assertNotIn(52, client.kinds())

    def test_many(self) -> None:
        """A connection may try only so often, whatever it tries."""
        client = self.connect()
        client.send(5, text(b"ssh-userauth"))
        for _ in range(MOST_REQUESTS):
            client.send(50, text(b"ann") + text(b"ssh-connection") + text(b"none"))
        client.pump()
        self.assertFalse(client.closed)
        client.send(50, text(b"ann") + text(b"ssh-connection") + text(b"none"))
        client.pump()
        self.assertTrue(client.closed)

    def test_early(self) -> None:
        """Nothing is served before the login."""
        client = self.connect()
        client.send(5, text(b"ssh-connection"))
        client.pump()
        self.assertTrue(client.closed)
        client = self.connect()
        client.send(5, text(b"ssh-userauth"))
        client.send(90, text(b"session") + bytes(12))
        client.pump()
        self.assertTrue(client.closed)


class KeyTests(SshCase):
    """Clients with keys."""

    own_accounts = True

    def setUp(self) -> None:
        super().setUp()
        self.key = Ed25519PrivateKey.generate()
        self.server.state.add_account("ann", "no password")
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.blob = text(b"ssh-ed25519") + text(raw)
        Devices(self.server.state).add("laptop", "ann", DeviceKind.SSH_KEY, token_hash(self.blob), 0.0)

    def test_key(self) -> None:
        """The key of a device logs in, where the client has signed this session with it."""
        client = self.connect()
        self.assertTrue(client.sign_in(self.key))
        client.open_sftp()
        self.assertFalse(self.connect().sign_in(self.key, wrong=True))
        self.assertFalse(self.connect().sign_in(self.key, b"bob"))
        self.assertFalse(self.connect().sign_in(Ed25519PrivateKey.generate()))

    def ask(self, client: SshClient, algorithm: bytes, blob: bytes) -> None:
        """Ask whether a key is known."""
        asked = text(b"ann") + text(b"ssh-connection") + text(b"publickey") + b"\0" + text(algorithm) + text(blob)
        client.send(50, asked)
        client.pump()

    def test_asked(self) -> None:
        """A client may ask which key is known before it signs; asking is no guess, and SHA-1 is not known."""
        client = self.connect()
        client.send(5, text(b"ssh-userauth"))
        for _ in range(5):
            self.ask(client, b"ssh-ed25519", text(b"ssh-ed25519") + text(bytes(32)))
            client.take(51)
        self.ask(client, b"ssh-rsa", text(b"ssh-rsa") + text(b"\1") + text(b"\1"))
        client.take(51)
        self.ask(client, b"ssh-ed25519", self.blob)
        self.assertEqual(client.take(60), text(b"ssh-ed25519") + text(self.blob))
