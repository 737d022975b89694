"""The errors of a server with several addresses."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.errors import (
    AllAddressesFailed,
    ConnectionFailed,
    Corrupted,
    NoTrustedServer,
    all_failed,
    describe,
)
from homeftp.errors import ContentMismatch, UntrustedServer


class AllFailedTests(SynchronousTestCase):
    """Several failures become one error."""

    def test_unreachable(self) -> None:
        """The message names each address with the short form of its failure."""
        failures = [
            ("nas:1", ConnectionFailed("nothing listens at nas:1", "nothing listens")),
            ("nas:2", ValueError("x")),
        ]
        error = all_failed(failures)
        self.assertIs(type(error), AllAddressesFailed)
        self.assertIn("nas:1: nothing listens; nas:2: x", str(error))
        self.assertEqual(error.failures, failures)
        self.assertEqual(describe([("nas:3", ConnectionFailed("long"))]), "nas:3: long")

    def test_untrusted(self) -> None:
        """A server that is not trusted comes first, and makes it an UntrustedServer too."""
        error = all_failed([("nas:1", ConnectionFailed("x")), ("nas:2", UntrustedServer("y"))])
        self.assertIsInstance(error, NoTrustedServer)
        self.assertIsInstance(error, UntrustedServer)
        self.assertEqual([address for address, _ in error.failures], ["nas:2", "nas:1"])

    def test_corrupted(self) -> None:
        """A corrupted download is a content mismatch (45), and its message says what to do."""
        self.assertIsInstance(Corrupted(), ContentMismatch)
        self.assertIn("Get the file again", str(Corrupted()))
