"""The rule for names of accounts and devices."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.names import plain_name
from homeftp.accounts.passwords import account_name
from homeftp.errors import OperatorError


class NameTests(SynchronousTestCase):
    """Plain names."""

    def test_legal(self) -> None:
        """Lower-case letters, digits, dots, hyphens and underscores, the first a letter or a digit."""
        for name in ("a", "ann", "ann-2", "0", "a.b_c-d", "x" * 10):
            self.assertEqual(plain_name(name, "a device's", 10), name)

    def test_illegal(self) -> None:
        """Anything else is refused in one line that says what is legal, and shows the name escaped."""
        for name in ("", "Ann", "-a", ".a", "_a", "a b", "a/b", "a\n", "\x1b[2J", "ä", "x" * 11):
            message = str(self.assertRaises(OperatorError, plain_name, name, "a device's", 10))
            self.assertIn("up to 10 lower-case letters", message)
            self.assertTrue(message.isprintable() and message.isascii(), message)

    def test_account(self) -> None:
        """An account's name has at most 64 characters."""
        self.assertEqual(account_name("a" * 64), "a" * 64)
        self.assertRaises(OperatorError, account_name, "a" * 65)
