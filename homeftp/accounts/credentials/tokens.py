"""Secrets that cannot be guessed, and the form in which they are stored.

A secret of 128 random bits or more is stored as its SHA-256: no cost makes guessing it possible or impossible. It is
looked up by that hash, so that the time of an answer tells nothing of the secrets that there are.
"""

from __future__ import annotations

import hashlib
import secrets

_TOKEN_BYTES = 32
"""Random bytes of a token that no person types."""


def new_token() -> str:
    """A new secret for a cookie or a link: letters, digits, `-` and `_`."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def token_hash(secret: str | bytes) -> str:
    """The form in which a secret, or a public key, is stored."""
    return hashlib.sha256(secret.encode() if isinstance(secret, str) else secret).hexdigest()
