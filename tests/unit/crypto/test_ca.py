"""The home's CA and the server's certificate: made once, renewed in time, kept secret."""

from __future__ import annotations

import os
import re
import ssl
import stat
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from homeftp.crypto.ca import Identity, fingerprint, normalise_fingerprint, open_identity, server_name
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase

START = datetime(2026, 5, 1, 12, 0, tzinfo=timezone.utc)


class IdentityCase(QuickCase):
    """A state folder and a clock that the test sets."""

    def setUp(self) -> None:
        """Nothing is there yet."""
        self.state = self.mktemp()
        self.now = START

    def open(self) -> Identity:
        """The identity as a server finds it now."""
        return open_identity(self.state, now=lambda: self.now)

    def path(self, name: str) -> str:
        """A file of the identity."""
        return os.path.join(self.state, "identity", name)

    def pass_days(self, days: int) -> None:
        """Let time go by."""
        self.now += timedelta(days=days)


class FirstStartTests(IdentityCase):
    """What the first start makes."""

    def test_files(self) -> None:
        """Four files for the owner alone, in folders for the owner alone, and nothing else."""
        self.open()
        self.assertEqual(sorted(os.listdir(self.state)), ["identity"])
        self.assertEqual(sorted(os.listdir(self.path(""))), ["ca.crt", "ca.key", "server.crt", "server.key"])
        for name, mode in {
            "": 0o700,
            "ca.crt": 0o600,
            "ca.key": 0o600,
            "server.crt": 0o600,
            "server.key": 0o600,
        }.items():
            self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), mode, name)

    def test_authority(self) -> None:
        """The CA lasts 20 years and more, makes no further CA, and vouches for names inside a home only."""
        ca = self.open().ca
        self.assertGreater(ca.not_valid_after_utc, START + timedelta(days=20 * 366))
        basic = ca.extensions.get_extension_for_class(x509.BasicConstraints)
        self.assertEqual((basic.critical, basic.value.ca, basic.value.path_length), (True, True, 0))
        usage = ca.extensions.get_extension_for_class(x509.KeyUsage)
        self.assertEqual(
            (usage.critical, usage.value.key_cert_sign, usage.value.digital_signature), (True, True, False)
        )
        names = ca.extensions.get_extension_for_class(x509.NameConstraints)
        permitted = [str(name.value) for name in names.value.permitted_subtrees or []]
        self.assertEqual((names.critical, permitted), (True, ["internal", "local", "home.arpa"]))
        key = ca.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        self.assertEqual(key.curve.name, "secp256r1")

    def test_server(self) -> None:
        """The server's certificate is for a server, for 397 days, under the one name that comes from the CA."""
        identity = self.open()
        certificate = identity.certificate
        self.assertEqual(certificate.not_valid_after_utc - certificate.not_valid_before_utc, timedelta(days=397))
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), [identity.server_name])
        self.assertRegex(identity.server_name, r"\Aserver\.[a-z2-7]{32}\.homeftp\.internal\Z")
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        self.assertEqual(list(usage), [ExtendedKeyUsageOID.SERVER_AUTH])
        self.assertEqual(identity.chain, (certificate, identity.ca))

    def test_strict_verifiers(self) -> None:
        """Two independent verifiers, at their strictest, accept the chain."""
        identity = self.open()
        policy = verification.PolicyBuilder().store(verification.Store([identity.ca])).time(START)
        policy.build_server_verifier(x509.DNSName(identity.server_name)).verify(identity.certificate, [])

        self.now = datetime.now(timezone.utc)
        self.state = self.mktemp()
        identity = self.open()
        client = ssl.create_default_context(cadata=identity.ca_pem.decode())
        client.verify_flags |= ssl.VERIFY_X509_STRICT
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(self.path("server.crt"), self.path("server.key"))
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        accepting = server.wrap_bio(to_server, to_client, server_side=True)
        asking = client.wrap_bio(to_client, to_server, server_hostname=identity.server_name)
        for end in (asking, accepting):
            self.assertRaises(ssl.SSLWantReadError, end.do_handshake)
        asking.do_handshake()

    def test_own(self) -> None:
        """Two homes have nothing in common."""
        first = self.open()
        self.state = self.mktemp()
        second = self.open()
        self.assertNotEqual(first.fingerprint, second.fingerprint)
        self.assertNotEqual(first.server_name, second.server_name)

    def test_key_not_shown(self) -> None:
        """The private key is in no repr."""
        identity = self.open()
        self.assertNotIn("key", repr(identity).lower())

    def test_race(self) -> None:
        """Of two first starts at once, one makes the identity and both have it."""
        other: list[Identity] = []

        def meanwhile() -> datetime:
            if not other:
                other.append(open_identity(self.state, now=lambda: START))
            return START

        self.assertEqual(open_identity(self.state, now=meanwhile).ca, other[0].ca)
        self.assertEqual(os.listdir(self.state), ["identity"])


class LaterStartTests(IdentityCase):
    """What later starts keep, renew and refuse."""

    def test_kept(self) -> None:
        """Nothing changes from start to start while the certificate is good for more than 30 days."""
        first = self.open()
        self.pass_days(365)
        second = self.open()
        self.assertEqual((first.ca, first.certificate), (second.ca, second.certificate))
        self.assertEqual(first.key.private_numbers(), second.key.private_numbers())

    def test_renewed(self) -> None:
        """With under 30 days left the server gets a new certificate and key, from the same CA under the same name."""
        first = self.open()
        self.pass_days(367)
        second = self.open()
        self.assertEqual((first.ca, first.server_name), (second.ca, second.server_name))
        self.assertNotEqual(first.key.private_numbers(), second.key.private_numbers())
        self.assertGreater(second.certificate.not_valid_after_utc, self.now + timedelta(days=390))
        self.assertEqual(self.open().certificate, second.certificate)

    def test_from_the_future(self) -> None:
        """A certificate made while the clock was ahead serves when the clock is right, or is made anew then."""
        self.open()
        self.pass_days(1000)
        self.open()
        self.now = START
        self.assertLess(self.open().certificate.not_valid_before_utc, START)
        os.unlink(self.path("server.crt"))
        self.pass_days(1000)
        self.open()
        self.now = START
        self.assertLess(self.open().certificate.not_valid_before_utc, START)

    def test_wrong_clock(self) -> None:
        """A wrong clock never takes away a certificate that is valid at the right time."""
        first = self.open()
        for days in (-4000, -2, 26 * 365):
            self.now = START + timedelta(days=days)
            self.assertEqual(self.open().certificate, first.certificate, "impossible: before or after the CA")
        self.now = START
        self.assertEqual(self.open().certificate, first.certificate)
        self.pass_days(2000)
        ahead = self.open().certificate
        self.assertNotEqual(ahead, first.certificate, "it may be true")
        for moment in (START, self.now):
            self.assertTrue(ahead.not_valid_before_utc <= moment < ahead.not_valid_after_utc)

    def test_mended_with_a_wrong_clock(self) -> None:
        """What is missing is made even then, for a time at which the CA exists."""
        first = self.open()
        os.unlink(self.path("server.crt"))
        self.now = START - timedelta(days=4000)
        certificate = self.open().certificate
        self.assertGreater(certificate.not_valid_after_utc, first.ca.not_valid_before_utc + timedelta(days=390))

    def test_server_mended(self) -> None:
        """A missing, damaged or foreign certificate or key of the server is made anew: the CA can."""
        first = self.open()
        other = open_identity(self.mktemp(), now=lambda: self.now)
        foreign = other.certificate.public_bytes(Encoding.PEM)
        for name, damage in (("server.crt", b""), ("server.key", b"-----BEGIN"), ("server.crt", foreign)):
            with open(self.path(name), "wb") as file:
                file.write(damage)
            mended = self.open()
            self.assertEqual(mended.ca, first.ca)
            self.assertEqual(mended.key.public_key(), mended.certificate.public_key())
            mended.certificate.verify_directly_issued_by(first.ca)
        os.unlink(self.path("server.key"))
        self.assertEqual(self.open().ca, first.ca)

    def test_server_of_another_home(self) -> None:
        """A whole certificate and key from another CA are not presented."""
        identity = self.open()
        here = self.state
        self.state = self.mktemp()
        self.open()
        for name in ("server.crt", "server.key"):
            os.replace(self.path(name), os.path.join(here, "identity", name))
        self.state = here
        self.open().certificate.verify_directly_issued_by(identity.ca)

    def test_authority_never_replaced(self) -> None:
        """A CA that is missing, damaged, encrypted or without its key stops the start; nothing is made in its place."""
        identity = self.open()
        encrypted = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
        other_key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for name, damage in (
            ("ca.key", None),
            ("ca.crt", None),
            ("ca.key", b"garbage"),
            ("ca.crt", b"garbage"),
            ("ca.key", encrypted),
            ("ca.key", other_key),
        ):
            with open(self.path(name), "rb") as file:
                good = file.read()
            os.unlink(self.path(name))
            if damage is not None:
                with open(os.open(self.path(name), os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
                    file.write(damage)
            error = self.assertRaises(OperatorError, self.open)
            self.assertIn("ca.key", str(error))
            self.assertNotIn("\n", str(error))
            self.assertEqual(os.path.exists(self.path(name)), damage is not None)
            with open(os.open(self.path(name), os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
                file.write(good)
            self.assertEqual(self.open().ca, identity.ca)

    def test_loose_modes(self) -> None:
        """A key or a folder that others may read stops the start, with the command that mends it."""
        self.open()
        for name, loose, right in (("ca.key", 0o640, 0o600), ("server.key", 0o604, 0o600), ("", 0o750, 0o700)):
            os.chmod(self.path(name), loose)
            error = self.assertRaises(OperatorError, self.open)
            self.assertRegex(str(error), f"chmod {right:o} .*{re.escape(name)}")
            os.chmod(self.path(name), right)
            self.open()


class FingerprintTests(IdentityCase):
    """What people compare."""

    def test_certificate(self) -> None:
        """It is the SHA-256 of the CA's DER form, and the server's name comes from the same certificate."""
        identity = self.open()
        self.assertEqual(identity.fingerprint, fingerprint(identity.ca))
        self.assertEqual(identity.server_name, server_name(identity.ca))
        self.assertRegex(identity.fingerprint, r"\ASHA256:[0-9a-f]{64}\Z")

    def test_as_typed(self) -> None:
        """However it was typed or pasted, it is the same fingerprint."""
        digits = "0123456789abcdef" * 4
        pairs = re.findall("..", digits)
        for text in (
            f"SHA256:{digits}",
            f"  sha256:{digits.upper()}\n",
            digits,
            "SHA256:" + ":".join(pairs).upper(),
            " ".join(re.findall("." * 8, digits)),
        ):
            self.assertEqual(normalise_fingerprint(text), f"SHA256:{digits}")

    def test_none(self) -> None:
        """Any other text is refused in one line."""
        for text in ("", "SHA256:", "ab" * 31, "ab" * 33, "SHA256:" + "g" * 64, "SHA1:" + "a" * 64, "٣" * 64):
            self.assertNotIn("\n", str(self.assertRaises(OperatorError, normalise_fingerprint, text)))
