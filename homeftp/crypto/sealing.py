"""Encryption for those who have the CA's key: what is kept where others can read it, and only this home may use.

What belongs here: a key of its own, derived from that of the CA, and authenticated encryption with it. Sources:
RFC 5869 (HKDF), RFC 8439 (ChaCha20-Poly1305).
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from homeftp.crypto.ca import HomeCA
from homeftp.errors import OperatorError

SALT_BYTES = 32

_SECRET_BYTES = 66
"""The bytes of the private value of the largest curve."""

_KEY_BYTES = 32
_NONCE_BYTES = 12


class Sealer:
    """Encrypts and decrypts, with a key that only `home`, `purpose` and `salt` together give."""

    def __init__(self, home: HomeCA, purpose: str, salt: bytes) -> None:
        key = load_pem_private_key(home.key, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise OperatorError("the key of the certificate authority is of another kind than homeftp makes")
        secret = key.private_numbers().private_value.to_bytes(_SECRET_BYTES, "big")
        derived = HKDF(hashes.SHA256(), _KEY_BYTES, salt, purpose.encode()).derive(secret)
        self._cipher = ChaCha20Poly1305(derived)

    def encrypt(self, content: bytes, label: str) -> bytes:
        """Encrypt a content: only `decrypt` with the same label gives it back."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, label.encode())

    def decrypt(self, sealed: bytes, label: str) -> bytes | None:
        """Decrypt what was encrypted with this label; None where that had another key, or anything was changed."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], label.encode())
        except (InvalidTag, ValueError):
            return None


def new_salt() -> bytes:
    """A salt: with it a key is used for one thing only."""
    return secrets.token_bytes(SALT_BYTES)
