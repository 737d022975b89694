"""Suggestions for a misspelled word."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.suggestions import did_you_mean, suggest


class SuggestionTests(SynchronousTestCase):
    """did_you_mean."""

    def test_suggested(self) -> None:
        """Words that are alike are named; none where none is."""
        known = ("push", "get", "versions", "remote", "restore")
        for word, expected in (
            ("pusg", " Did you mean `push`?"),
            ("version", " Did you mean `versions`?"),
            ("remore", " Did you mean `remote` or `restore`?"),
            ("xyz", ""),
        ):
            self.assertEqual(did_you_mean(word, known), expected)

    def test_words(self) -> None:
        """All given words are named."""
        for words, expected in (
            ((), ""),
            (("rm",), " Did you mean `rm`?"),
            (("a", "b", "c"), " Did you mean `a`, `b` or `c`?"),
        ):
            self.assertEqual(suggest(words), expected)
