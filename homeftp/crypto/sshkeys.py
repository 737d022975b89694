"""Public SSH keys as OpenSSH writes them in one line: which are accepted, and their fingerprints.

Sources: RFC 4253, section 6.6 (the form of a key), RFC 5656 (ECDSA), RFC 8709 (Ed25519), NIST SP 800-57 (sizes).
"""

from __future__ import annotations

import base64
import binascii
import hashlib

import attrs
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

from homeftp.config import KIB
from homeftp.errors import OperatorError

SMALLEST_RSA = 2048
"""Bits of an RSA key, at least: SP 800-57 disallows smaller ones."""

LONGEST_LINE = 16 * KIB
"""Bytes of a line with a key: an RSA key of 16,384 bits takes a sixth of it."""

_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
)

_MAKE_ONE = "make one with ssh-keygen -t ed25519, and give the file that ends in .pub"
_SHOWN = 64
"""Characters of a type in a message: names of algorithms have no more (RFC 4251, section 6)."""

_FIELDS = 2
"""The type and the key; the comment behind them is free."""


@attrs.frozen
class SSHPublicKey:
    """A public key that may log in."""

    algorithm: str
    blob: bytes
    """The key as SSH sends it."""
    comment: str
    """The text behind the key in its line, usually its user and machine."""

    @property
    def fingerprint(self) -> str:
        """The fingerprint in the form of `ssh-keygen -l`."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest())
        return "SHA256:" + digest.decode("ascii").rstrip("=")


def parse_public_key(text: bytes) -> SSHPublicKey:
    """The key in the one line of a .pub file. Raises `OperatorError`, which never quotes it."""
    if b"PRIVATE KEY" in text or b"PuTTY-User-Key-File" in text:
        raise OperatorError(
            "this is a private key, which must stay on its own machine: give the public key, the file that ends in .pub"
        )
    if b"BEGIN SSH2 PUBLIC KEY" in text:
        raise OperatorError("this key is not in OpenSSH's form: convert it with ssh-keygen -i -f FILE")
    lines = [line for line in text.split(b"\n") if line.strip() and not line.lstrip().startswith(b"#")]
    if len(lines) != 1 or len(text) > LONGEST_LINE:
        raise OperatorError(f"give one public key, which is one line: {_MAKE_ONE}")
    fields = lines[0].decode("utf-8", "replace").split(None, _FIELDS)
    if len(fields) < _FIELDS or fields[0] not in _TYPES:
        kind = fields[0] if fields and fields[0].isascii() and fields[0].startswith(("ssh-", "sk-", "ecdsa-")) else None
        what = "this is not a public key" if kind is None else f"keys of the type {kind[:_SHOWN]} are not accepted"
        raise OperatorError(f"{what}: {_MAKE_ONE}")
    return SSHPublicKey(fields[0], _blob(fields[0], fields[1]), "".join(fields[_FIELDS:]).strip())


def _blob(algorithm: str, encoded: str) -> bytes:
    """The key itself, in the only form in which it can be written."""
    try:
        blob = base64.b64decode(encoded, validate=True)
        key = load_ssh_public_key(f"{algorithm} {encoded}".encode("ascii"))
        written = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()
    except (ValueError, binascii.Error, UnicodeEncodeError):
        raise OperatorError(f"this public key is damaged: {_MAKE_ONE}") from None
    except Exception:  # noqa: BLE001 (a type that the library does not know)
        raise OperatorError(f"this public key cannot be read: {_MAKE_ONE}") from None
    if not isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise OperatorError(f"keys of the type {algorithm} are not accepted: {_MAKE_ONE}")
    if written[0].decode("ascii") != algorithm or base64.b64decode(written[1]) != blob:
        raise OperatorError(f"this public key is damaged: {_MAKE_ONE}")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < SMALLEST_RSA:
        raise OperatorError(f"this RSA key has {key.key_size} bits, but {SMALLEST_RSA} are needed: {_MAKE_ONE}")
    return blob
