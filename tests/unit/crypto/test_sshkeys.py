"""Public SSH keys."""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from twisted.trial.unittest import SynchronousTestCase

from homeftp.crypto.sshkeys import LONGEST_LINE, parse_public_key
from homeftp.errors import OperatorError


def public_line(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    """The public half of a key, as OpenSSH writes it."""
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


def new_key(comment: bytes = b"") -> bytes:
    """The line of a new key."""
    return public_line(ed25519.Ed25519PrivateKey.generate()) + comment + b"\n"


class SSHPublicKeyTests(SynchronousTestCase):
    """One line."""

    def refused(self, text: bytes, fault: str) -> None:
        """It is refused in one line that does not quote it."""
        error = str(self.assertRaises(OperatorError, parse_public_key, text))
        self.assertIn(fault, error)
        self.assertNotIn("\n", error)
        self.assertNotIn("AAAA", error)

    def test_accepted(self) -> None:
        """Ed25519, the three curves of ECDSA, and RSA of 2048 bits; a comment may follow, or stand in a line before."""
        curves = (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())
        lines = [public_line(ec.generate_private_key(curve)) for curve in curves]
        for line in (*lines, new_key().strip(), public_line(rsa.generate_private_key(65537, 2048))):
            algorithm, encoded = line.decode().split()
            blob = base64.b64decode(encoded)
            for text in (line, line + b"\n", b"# mine\r\n\r\n" + line + b"\r\n", b"  " + line):
                found = parse_public_key(text)
                self.assertEqual((found.algorithm, found.blob, found.comment), (algorithm, blob, ""))
            self.assertEqual(parse_public_key(line + " ann@büro and more \n".encode()).comment, "ann@büro and more")
            digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
            self.assertEqual(found.fingerprint, f"SHA256:{digest}")

    def test_private(self) -> None:
        """A private key that was given by mistake is named as such."""
        key = ed25519.Ed25519PrivateKey.generate()
        for form in (PrivateFormat.OpenSSH, PrivateFormat.PKCS8):
            self.refused(key.private_bytes(Encoding.PEM, form, NoEncryption()), "this is a private key")
        self.refused(b"PuTTY-User-Key-File-3: ssh-ed25519\nAAAA", "this is a private key")

    def test_other_types(self) -> None:
        """Weak keys, certificates and keys of devices that are not supported are refused by name."""
        self.refused(public_line(rsa.generate_private_key(65537, 1024)), "this RSA key has 1024 bits, but 2048")
        old = dsa.generate_private_key(1024).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.refused(old, "give one public key")
        for kind in ("ssh-dss", "sk-ssh-ed25519@openssh.com", "ssh-ed25519-cert-v01@openssh.com"):
            self.refused(f"{kind} AAAAB3NzaC1kc3M= x".encode(), f"keys of the type {kind} are not accepted")

    def test_damaged(self) -> None:
        """What is no key, more than one, or not written as the key itself is, is refused."""
        line = new_key()
        algorithm, encoded = line.split()
        other = base64.b64encode(base64.b64decode(encoded) + b"\0")
        for text, fault in (
            (b"", "give one public key"),
            (b"\n# nothing\n", "give one public key"),
            (line + new_key(), "give one public key"),
            (line + b" " * LONGEST_LINE, "give one public key"),
            (b"hello", "this is not a public key"),
            (b"hello world", "this is not a public key"),
            (b"\xff\xfe \0", "this is not a public key"),
            (b'command="sh" ' + line, "this is not a public key"),
            (algorithm, "keys of the type ssh-ed25519 are not accepted"),
            (algorithm + b" AAAA", "damaged"),
            (algorithm + b" !!!!", "damaged"),
            (algorithm + b" " + other, "damaged"),
            (b"ssh-rsa " + encoded, "damaged"),
            (b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n", "ssh-keygen -i"),
        ):
            self.refused(text, fault)
