"""WORDCOUNT, called as a server calls it, but without one."""

from unittest import TestCase

from homeftp.plugins.wordcount import wordcount
from homeftp.testing import call


class WordCountTests(TestCase):
    def test_words(self) -> None:
        """Words are separated by spaces and line ends."""
        answer = call(wordcount, {"rel_endpoint": "a.txt"}, files={"a.txt": b"two  words\n"})
        self.assertEqual((answer.status, answer.body), (0, {"words": 2}), answer.raised)

    def test_absent(self) -> None:
        """A missing file is answered 40, without a line of our own."""
        self.assertEqual(call(wordcount, {"rel_endpoint": "a.txt"}).status, 40)

    def test_too_large(self) -> None:
        """A file over the limit is refused with 22."""
        files = {"large.txt": b"word " * 300_000}
        self.assertEqual(call(wordcount, {"rel_endpoint": "large.txt"}, files=files).status, 22)

    def test_no_endpoint(self) -> None:
        """A body without rel_endpoint is refused with 20 before our code is called."""
        answer = call(wordcount, {})
        self.assertEqual(answer.status, 20)
        self.assertIn("rel_endpoint", answer.message)
