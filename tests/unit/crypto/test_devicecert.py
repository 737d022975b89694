"""The certificates of devices: for a key that only the device has, under an id, and never good for a server."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification

from homeftp.crypto.ca import open_identity, server_name
from homeftp.crypto.devicecert import DEVICE_LIFE, belongs, certify_device, device_id, is_renewal_due, new_request
from homeftp.errors import BadRequest, OperatorError
from tests.support.folders import QuickCase

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=timezone.utc)
ID = "0123456789abcdef" * 2


class DeviceCertificateTests(QuickCase):
    """What the CA makes of a signing request."""

    def setUp(self) -> None:
        """A home."""
        self.state = self.mktemp()
        self.identity = open_identity(self.state, now=lambda: NOW)
        self.key, self.request = new_request()

    def make(self, request: bytes | None = None) -> x509.Certificate:
        return certify_device(self.state, request or self.request, ID, now=lambda: NOW)

    def test_made(self) -> None:
        """It is the device's, by its id and its key, for a good year."""
        made = self.make()
        self.assertEqual(device_id(made, self.identity.ca), ID)
        self.assertTrue(belongs(made, self.key, self.identity.ca))
        self.assertEqual(made.not_valid_after_utc - made.not_valid_before_utc, DEVICE_LIFE)
        self.assertLess(made.not_valid_before_utc, NOW)
        verifier = verification.PolicyBuilder().store(verification.Store([self.identity.ca])).time(NOW)
        verifier.build_client_verifier().verify(made, [])

    def test_never_a_server(self) -> None:
        """A client does not accept it as a server's; the server's passes (the control)."""
        store = verification.Store([self.identity.ca])
        name = x509.DNSName(server_name(self.identity.ca))
        verifier = verification.PolicyBuilder().store(store).time(NOW).build_server_verifier(name)
        verifier.verify(self.identity.certificate, [])
        with self.assertRaises(verification.VerificationError):
            verifier.verify(self.make(), [])
        self.assertIsNone(device_id(self.identity.certificate, self.identity.ca))
        self.assertIsNone(device_id(self.identity.ca, self.identity.ca))

    def test_other_home(self) -> None:
        """Another home's device has no identity here."""
        other = open_identity(self.mktemp(), now=lambda: NOW)
        self.assertIsNone(device_id(self.make(), other.ca))
        self.assertFalse(belongs(self.make(), self.key, other.ca))

    def test_other_key(self) -> None:
        """A certificate for another key, or a damaged key, is none of ours."""
        self.assertFalse(belongs(self.make(), new_request()[0], self.identity.ca))
        self.assertFalse(belongs(self.make(), b"damaged", self.identity.ca))

    def test_request_says_nothing(self) -> None:
        """A certificate has the name that the server gives, whatever names the request has."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(server_name(self.identity.ca))])
        builder = (
            x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(names, critical=True)
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        made = self.make(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
        self.assertEqual(device_id(made, self.identity.ca), ID)
        self.assertFalse(made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)

    def test_refused(self) -> None:
        """A request that is invalid, for another kind of key, or not signed by its key raises `Refusal` alone."""
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        other = [
            builder.sign(rsa.generate_private_key(65537, 2048), hashes.SHA256()),
            builder.sign(ed25519.Ed25519PrivateKey.generate(), None),
            builder.sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA256()),
        ]
        der = bytearray(x509.load_pem_x509_csr(self.request).public_bytes(Encoding.DER))
        der[-1] ^= 1
        forged = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM)
        # The version, 0 in every request, stands right behind the headers of the two outer sequences.
        version = bytearray(x509.load_pem_x509_csr(self.request).public_bytes(Encoding.DER))
        at = version.index(b"\x02\x01\x00")
        version[at + 2] = 7
        odd = (
            b"-----BEGIN CERTIFICATE REQUEST-----\n"
            + base64.encodebytes(version)
            + b"-----END CERTIFICATE REQUEST-----\n"
        )
        for wrong in (b"x", b"-----BEGIN", forged, odd, *(each.public_bytes(Encoding.PEM) for each in other)):
            with self.assertRaises(BadRequest):
                self.make(wrong)

    def test_no_home(self) -> None:
        """Without a CA there is no certificate, and no new CA either."""
        with self.assertRaises(OperatorError):
            certify_device(self.mktemp(), self.request, ID, now=lambda: NOW)

    def test_renewal(self) -> None:
        """It may be renewed when half of its life is over."""
        made = self.make()
        self.assertFalse(is_renewal_due(made, NOW + timedelta(days=190)))
        self.assertTrue(is_renewal_due(made, NOW + timedelta(days=200)))
