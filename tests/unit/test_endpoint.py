"""B1, B7, B8: whatever is sent as an endpoint is refused in one way, or is a path that means one file everywhere.

Ten thousand random texts, and the controls, are in tests/system/test_endpoint_names.py.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.errors import BadEndpoint
from tests.support.hostilenames import hostile
from tests.support.nameoracle import broken
from tests.support.nameproperties import any_text, biased, faults, misspelled, search


class PropertyTests(SynchronousTestCase):
    """A few hundred random texts."""

    def test_any_text(self) -> None:
        """It is BadEndpoint, or stays beneath the root, is composed, fits every disk, and comes back as it was sent."""
        search(parse, biased, any_text, misspelled, examples=600)


class CorpusTests(SynchronousTestCase):
    """What somebody will send."""

    def test_corpus(self) -> None:
        """Each is refused for its own reason, or is an endpoint; and the other rules agree."""
        corpus = list(hostile())
        self.assertGreater(len({text for text, _ in corpus}), 300)
        for text, reason in corpus:
            self.assertEqual((bool(broken(text)), faults(parse, text)), (bool(reason), []), ascii(text[:80]))
            try:
                parse(text)
            except BadEndpoint as refused:
                self.assertIn(reason or "nothing", refused.message)


class IgnoredLetterTests(SynchronousTestCase):
    """HFS+ of macOS leaves some letters out when it compares names (Apple, TN1150; Git's CVE-2014-9390)."""

    def test_ignored(self) -> None:
        """None of them makes our own folder's name one that may be sent."""
        for number in (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF):
            with self.assertRaises(BadEndpoint):
                parse(f"a/.home{chr(number)}ftp/lock")
