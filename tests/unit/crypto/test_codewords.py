"""The words of pairing codes."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from homeftp.crypto.codewords import WORDS


class CodeWordTests(SynchronousTestCase):
    """What makes them easy to say and to type, and hard to guess."""

    def test_form(self) -> None:
        """Each has three to eight plain letters, and they are sorted."""
        self.assertEqual([word for word in WORDS if not re.fullmatch("[a-z]{3,8}", word)], [])
        self.assertEqual(list(WORDS), sorted(WORDS))

    def test_distinct(self) -> None:
        """No two begin with the same three letters: a slip in a word does not make another one."""
        self.assertEqual(len({word[:3] for word in WORDS}), len(WORDS))

    def test_number(self) -> None:
        """There are so many that three tries at a code of two words hit with a chance below 1 in 50,000."""
        self.assertGreater(len(WORDS) ** 2 / 3, 50_000)
