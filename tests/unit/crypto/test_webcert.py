"""The certificate of the web: its names, its life, and the files of other authorities."""

from __future__ import annotations

import os
import stat
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from homeftp.crypto.ca import certificate_builder, load_ca, server_name
from homeftp.crypto.devicecert import device_id
from homeftp.crypto.webcert import (
    MOST_ADDRESSES,
    ServedCertificate,
    WebKey,
    host_names,
    names_in,
    open_web_certificate,
    read_web_certificate,
)
from homeftp.errors import OperatorError
from tests.unit.crypto.test_ca import START, IdentityCase

ADDRESSES = ("192.168.1.7", "2001:db8::7")


class WebCertificateCase(IdentityCase):
    """A home."""

    def setUp(self) -> None:
        super().setUp()
        self.ca = self.open().ca

    def web(self, *addresses: str) -> ServedCertificate:
        """The certificate now, on a machine with these addresses."""
        return open_web_certificate(self.state, host_names("nas", addresses), now=lambda: self.now)


class OwnTests(WebCertificateCase):
    """The certificate of the home's CA."""

    def test_names(self) -> None:
        """It has the machine's name in each domain of a home, its addresses, and loopback; a client of any verifies."""
        served = self.web(*ADDRESSES)
        shown = sorted(str(name.value) for name in names_in(served.certificate))
        domains = ["nas.home.arpa", "nas.internal", "nas.local"]
        self.assertEqual(shown, sorted([*domains, "127.0.0.1", "::1", *ADDRESSES]))
        policy = verification.PolicyBuilder().store(verification.Store([self.ca])).time(START)
        for name in names_in(served.certificate):
            assert isinstance(name, x509.DNSName | x509.IPAddress)
            self.assertEqual(policy.build_server_verifier(name).verify(served.certificate, [])[0], served.certificate)
        with self.assertRaises(verification.VerificationError):
            policy.build_server_verifier(x509.DNSName("other.local")).verify(served.certificate, [])

    def test_use(self) -> None:
        """It is for a server only, never passes as a device, nor as the server of homeftp's own protocol."""
        certificate = self.web().certificate
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        self.assertEqual(list(usage), [ExtendedKeyUsageOID.SERVER_AUTH])
        self.assertIsNone(device_id(certificate, self.ca))
        self.assertNotIn(x509.DNSName(server_name(self.ca)), names_in(certificate))
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        self.assertEqual((basic.critical, basic.value.ca), (True, False))

    def test_life(self) -> None:
        """It lasts 398 days at most, whatever was before, and is made anew in the last 30 of them, with another key."""
        first = self.web(*ADDRESSES)
        self.assertEqual(self.web(*ADDRESSES), first)
        self.pass_days(365)
        self.assertEqual(self.web(*ADDRESSES), first)
        self.pass_days(2)
        second = self.web(*ADDRESSES)
        for served in (first, second):
            life = served.certificate.not_valid_after_utc - served.certificate.not_valid_before_utc
            self.assertLessEqual(life, timedelta(days=398))
        self.assertNotEqual(second.certificate.public_key(), first.certificate.public_key())
        self.assertGreater(second.certificate.not_valid_after_utc, self.now + timedelta(days=390))
        self.assertEqual((first.chain[1], second.chain[1]), (self.ca, self.ca))

    def test_addresses(self) -> None:
        """A new address makes a new certificate at once; an address that is gone makes none."""
        both = self.web(*ADDRESSES)
        self.assertEqual(self.web(ADDRESSES[0]), both)
        moved = self.web("10.0.0.9")
        self.assertNotIn(ADDRESSES[0], [str(name.value) for name in names_in(moved.certificate)])
        self.assertEqual(self.web("10.0.0.9", "127.0.0.1"), moved)
        many = self.web(*(f"10.1.{number // 250}.{number % 250}" for number in range(500)))
        self.assertLess(len(names_in(many.certificate)), MOST_ADDRESSES + 10)

    def test_clock(self) -> None:
        """A clock that runs ahead and back makes new ones; one at which the CA cannot be valid replaces nothing."""
        first = self.web()
        self.pass_days(500)
        ahead = self.web()
        self.pass_days(-500)
        back = self.web()
        self.assertEqual(len({each.certificate for each in (first, ahead, back)}), 3)
        self.assertLessEqual(back.certificate.not_valid_before_utc, self.now)
        self.pass_days(-40 * 365)
        self.assertEqual(self.web(), back)

    def test_damaged(self) -> None:
        """What is damaged, of another CA, or only half there, is made anew; files are for the server only."""
        served = self.web()
        for name in ("web.crt", "web.key"):
            self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), 0o600)
        for damage in (
            lambda: os.unlink(self.path("web.key")),
            lambda: os.unlink(self.path("web.crt")),
            lambda: open(self.path("web.key"), "wb").close(),
            lambda: os.replace(self.path("server.crt"), self.path("web.crt")),
        ):
            before = served
            damage()
            served = self.web()
            self.assertNotEqual(served.certificate, before.certificate)
            self.assertEqual(self.web(), served)


class OtherTests(WebCertificateCase):
    """A certificate of another authority, in two files."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        self.chain, self.key = (os.path.join(self.folder, name) for name in ("fullchain.pem", "privkey.pem"))

    def write(self, key: WebKey, *, chain: int = 1, days: int = 90) -> x509.Certificate:
        """Certificates for that key, the first in a chain, and the key."""
        name = x509.Name([])
        builder = certificate_builder(name, name, key.public_key(), START, timedelta(days=days))  # type: ignore[arg-type]
        certificate = builder.sign(key, hashes.SHA256())
        with open(self.chain, "wb") as file:
            file.write(b"# a comment\n" + certificate.public_bytes(Encoding.PEM))
            file.write((chain - 1) * self.ca.public_bytes(Encoding.PEM))
        with open(self.key, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate

    def read(self) -> ServedCertificate:
        """What the files hold now."""
        return read_web_certificate(self.chain, self.key, now=lambda: self.now)

    def refused(self, fault: str) -> None:
        """They are refused in one line."""
        error = str(self.assertRaises(OperatorError, self.read))
        self.assertIn(fault, error)
        self.assertNotIn("\n", error)

    def test_read(self) -> None:
        """RSA and ECDSA keys, with the certificates above, in their order."""
        for key in (ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)):
            certificate = self.write(key, chain=2)
            served = self.read()
            self.assertEqual((served.chain, served.certificate), ((certificate, self.ca), certificate))
            self.assertEqual(served.key.public_key(), key.public_key())

    def test_refused(self) -> None:
        """What is missing, no certificate, no key, encrypted, of another key or not valid now is refused in words."""
        key = ec.generate_private_key(ec.SECP256R1())
        self.refused(f"cannot read {self.chain}: No such file")
        self.write(key)
        self.read()
        os.unlink(self.key)
        self.refused(f"cannot read {self.key}: No such file")
        os.mkdir(self.key)
        self.refused(f"cannot read {self.key}: Is a directory")
        os.rmdir(self.key)
        for content, fault in (
            (b"", "has no private key in PEM form"),
            (b"x" * (1 << 20) + b"x", "is too large"),
            (key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")), "is encrypted"),
            (
                ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
                "neither RSA nor ECDSA",
            ),
            (
                ec.generate_private_key(ec.SECP256R1()).private_bytes(
                    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
                ),
                "is not that of the first certificate",
            ),
        ):
            with open(self.key, "wb") as file:
                file.write(content)
            self.refused(fault)
        self.write(key)
        self.pass_days(90)
        self.refused("and today is 2026-07-30")
        self.pass_days(-100)
        self.refused("is valid from 2026-04-30")
        with open(self.chain, "wb") as file:
            file.write(b"no certificate")
        self.refused("has no certificate in PEM form")

    def test_home(self) -> None:
        """The control: the CA of the home is what `load_ca` gives."""
        self.assertEqual(load_ca(self.path(""))[0], self.ca)
