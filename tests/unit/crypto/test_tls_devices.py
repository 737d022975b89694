"""A client that proves who it is, and the server that looks at it, shown with real handshakes in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from twisted.trial.unittest import SynchronousTestCase

from homeftp.crypto import tls
from homeftp.crypto.ca import home_domain, key_pem
from homeftp.errors import UntrustedServer
from tests.support.handshakes import SECRET, Authority, Talker, dns, handshake


class DeviceTests(SynchronousTestCase):
    """A client that proves who it is, and the server that looks at it."""

    def setUp(self) -> None:
        """A home."""
        self.home = Authority()
        self.server = self.home.server()
        self.device = "0123456789abcdef" * 2

    def own(self, home: Authority | None = None, **changes: Any) -> tls.DeviceIdentity:
        """A device's certificate and key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = dns(f"{self.device}.device.{home_domain(self.home.certificate)}")
        asked: dict[str, Any] = {"names": names, "usage": ExtendedKeyUsageOID.CLIENT_AUTH, **changes}
        return tls.DeviceIdentity((home or self.home).sign("device", key, **asked), key)

    def shake(self, own: tls.DeviceIdentity | None) -> tuple[Talker, Talker]:
        return handshake(tls.server_options(self.server), tls.client_options(self.server.ca_pem, own=own))

    def seen(self, own: tls.DeviceIdentity | None) -> str | None:
        """Who the server says that it is, the client having been heard."""
        server, _ = self.shake(own)
        self.assertEqual(server.received, SECRET)
        return tls.presented_device(cast(Any, server.transport), self.home.certificate)

    def test_device(self) -> None:
        """A device is known by its id; a client without a certificate is accepted without an identity."""
        self.assertEqual(self.seen(self.own()), self.device)
        self.assertIsNone(self.seen(None))

    def test_refused(self) -> None:
        """Another home's device, one whose time is over, and a certificate for servers are not heard at all."""
        other_home = Authority(name=self.home.name)
        for own in (
            self.own(other_home),
            self.own(start=timedelta(days=-3), end=timedelta(days=-1)),
            self.own(start=timedelta(days=1)),
            self.own(usage=ExtendedKeyUsageOID.SERVER_AUTH),
            tls.DeviceIdentity(self.server.certificate, self.server.key),
        ):
            server, client = self.shake(own)
            self.assertEqual(server.received, b"")
            self.assertIsNotNone(client.reason)

    def test_nobody(self) -> None:
        """A certificate of the home's that is no device's is accepted without an identity."""
        for changes in ({"usage": None}, {"names": None}, {"names": dns("x.device.homeftp.internal")}):
            self.assertIsNone(self.seen(self.own(**changes)))

    def test_damaged(self) -> None:
        """A certificate and a key that do not belong together are none."""
        one, other = self.own(), self.own()
        pem = one.certificate.public_bytes(Encoding.PEM)
        self.assertEqual(tls.device_identity(pem, key_pem(one.key)).certificate, one.certificate)
        for certificate, key in ((pem, key_pem(other.key)), (b"x", key_pem(one.key)), (pem, b"x"), (b"", b"")):
            with self.assertRaisesRegex(UntrustedServer, "pair again"):
                tls.device_identity(certificate, key)

    def test_pairing_secret(self) -> None:
        """Both ends of a session have the same secret, and those of another session have another."""
        secrets = []
        for _ in range(2):
            ends = self.shake(None)
            here, there = (tls.pairing_secret(cast(Any, end.transport)) for end in ends)
            self.assertEqual(here, there)
            self.assertEqual(len(here), 32)
            secrets.append(here)
        self.assertNotEqual(*secrets)
