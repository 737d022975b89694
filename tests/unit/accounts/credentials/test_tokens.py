"""Secrets that nobody can guess."""

from __future__ import annotations

import hashlib

from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.credentials.tokens import new_token, token_hash


class TokenTests(SynchronousTestCase):
    """Tokens."""

    def test_new(self) -> None:
        """Each is another one, of 256 bits, and fits a cookie and a path."""
        made = {new_token() for _ in range(100)}
        self.assertEqual(len(made), 100)
        for token in made:
            self.assertRegex(token, r"\A[A-Za-z0-9_-]{43}\Z")

    def test_stored(self) -> None:
        """What is stored is the SHA-256, in hexadecimal digits."""
        self.assertEqual(token_hash("é"), hashlib.sha256("é".encode()).hexdigest())
        self.assertEqual(token_hash(b"\xff"), hashlib.sha256(b"\xff").hexdigest())
