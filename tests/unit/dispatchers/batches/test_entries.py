"""What PUSH and GET of a batch do alike with each entry."""

from __future__ import annotations

from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from homeftp.dispatchers.batches.entries import entry_endpoint, entry_refusal
from homeftp.endpoint import parse
from homeftp.errors import INTERNAL_ERROR, BadEndpoint, Changed, Internal


class EntryTests(SynchronousTestCase):
    """The endpoint of an entry, and its refusal."""

    def test_endpoint(self) -> None:
        """A name is relative to the endpoint of the request, and may be empty; an illegal one is refused."""
        for base, name, expected in (("d", "a/b", "d/a/b"), ("", "a", "a"), ("d", "", "d"), ("", "", "")):
            self.assertEqual(entry_endpoint(parse(base), name), parse(expected))
        for name in ("../a", "/a", "a/"):
            self.assertRaises(BadEndpoint, entry_endpoint, parse("d"), name)

    def test_fault(self) -> None:
        """A client learns nothing about a fault of the server, and the log has it; a refusal stays what it is."""
        refused = Changed("another content is there")
        self.assertIs(entry_refusal(refused, Logger()), refused)
        self.assertEqual(self.flushLoggedErrors(), [])
        told = entry_refusal(ZeroDivisionError("a secret"), Logger())
        self.assertEqual((type(told), told.message), (Internal, INTERNAL_ERROR))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
