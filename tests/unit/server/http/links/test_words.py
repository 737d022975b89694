"""The words of the pages, in both languages."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from homeftp.server.http.links.words import ENGLISH, GERMAN, LANGUAGES, language


class WordsTests(SynchronousTestCase):
    """The catalogues and the choice between them."""

    def test_same(self) -> None:
        """Both have the same texts, with the same values in them."""
        self.assertEqual(set(ENGLISH), set(GERMAN))
        for key, text in ENGLISH.items():
            self.assertEqual(re.findall(r"{\w+}", text), re.findall(r"{\w+}", GERMAN[key]), key)
            self.assertNotEqual(text, "")

    def test_language(self) -> None:
        """The first language of the browser that there is counts; everybody else gets English."""
        for accepted, expected in (
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("DE", "de"),
            ("fr,en;q=0.5,de;q=0.4", "en"),
            ("fr", "en"),
            ("de;q=0, fr", "en"),
            ("", "en"),
            (None, "en"),
            ("x," * 1000 + "de", "en"),
        ):
            self.assertEqual(language(accepted), expected, accepted)
            self.assertIn(expected, LANGUAGES)
