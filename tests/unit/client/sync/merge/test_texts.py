"""Merging the two edits of a text."""

from __future__ import annotations

from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial import unittest

from homeftp.client import require_merge_library
from homeftp.client.sync.merge.texts import MOST_BYTES, merge_texts
from homeftp.errors import OperatorError
from tests.support.repeatable import REPEATABLE

BASE = b"one\ntwo\nthree\nfour\nfive\n"

_LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\r\n", b"\n", "ä\n".encode()]), max_size=8).map(b"".join)


class MergeTests(unittest.SynchronousTestCase):
    """Three texts."""

    def test_both_edits(self) -> None:
        """Edits of different lines, new lines and removed ones are merged, whichever side made them."""
        for one, other, expected in (
            (b"ONE\ntwo\nthree\nfour\nfive\n", b"one\ntwo\nthree\nfour\nFIVE\n", b"ONE\ntwo\nthree\nfour\nFIVE\n"),
            (b"one\nthree\nfour\nfive\n", BASE + b"six\n", b"one\nthree\nfour\nfive\nsix\n"),
            (b"zero\n" + BASE, BASE[:-1], b"zero\n" + BASE[:-1]),
            (BASE.replace(b"two", b"2"), BASE.replace(b"two", b"2") + b"six\n", BASE.replace(b"two", b"2") + b"six\n"),
        ):
            self.assertEqual(merge_texts(BASE, one, other), expected)
            self.assertEqual(merge_texts(BASE, other, one), expected)

    def test_same_lines(self) -> None:
        """Different edits of one line, and of lines beside each other, are not merged."""
        for one, other in ((b"ONE", b"Uno"), (b"one\nTWO\nthree", b"one\ntwo\nTHREE")):
            self.assertIsNone(merge_texts(b"one\ntwo\nthree", one, other))

    def test_line_ends(self) -> None:
        """A side that has changed all line ends has changed all lines."""
        self.assertIsNone(merge_texts(BASE, BASE.replace(b"\n", b"\r\n"), BASE + b"six\n"[1:]))

    def test_no_text(self) -> None:
        """What is no text in UTF-8 is not merged, whichever of the three it is; nor is one that is too large."""
        long = b"x" * (MOST_BYTES + 1)
        for wrong in (b"\xff\n", b"\0\n", "ä\n".encode("utf-16"), long, b"\n" * 20_001):
            for place in range(3):
                texts = [BASE, BASE, BASE]
                texts[place] = BASE + wrong
                self.assertIsNone(merge_texts(*texts), (wrong[:8], place))
        largest = b"x" * 99 + b"\n"
        self.assertEqual(merge_texts(b"", b"", largest * 10_000), largest * 10_000, "the control")

    @REPEATABLE
    @given(_LINES, _LINES)
    def test_one_edit(self, base: bytes, edit: bytes) -> None:
        """Where only one side has an edit, or both have the same, the result is that."""
        for one, other in ((edit, base), (base, edit), (edit, edit)):
            self.assertEqual(merge_texts(base, one, other), edit)

    @REPEATABLE
    @given(_LINES, _LINES, _LINES)
    def test_again(self, base: bytes, one: bytes, other: bytes) -> None:
        """What is merged once more with one of the edits, as after an interruption, stays as it is."""
        merged = merge_texts(base, one, other)
        if merged is not None:
            self.assertIn(merge_texts(base, one, merged), (merged, None))

    def test_repeated_lines(self) -> None:
        """Edits that would be repeated, if they were merged once more, are a conflict."""
        self.assertIsNone(merge_texts(b"a\na\n", b"a\na\na\n", b"a\nb\na\n"))

    @REPEATABLE
    @given(st.data())
    def test_nothing_lost(self, data: st.DataObject) -> None:
        """Each line that a side added is in the result, and none that a side removed and the other left."""
        base = [b"%d\n" % number for number in range(8)]
        edits = []
        for mark in (b"a", b"b"):
            lines = data.draw(st.lists(st.sampled_from(base), unique=True).map(sorted))
            for place in data.draw(st.lists(st.integers(0, len(lines)), max_size=3)):
                lines.insert(place, b"%s%d\n" % (mark, len(lines)))
            edits.append(lines)
        merged = merge_texts(b"".join(base), *map(b"".join, edits))
        if merged is not None:
            added = {line for lines in edits for line in lines} - {*base}
            kept = {line for line in base if all(line in lines for lines in edits)}
            self.assertEqual(set(merged.splitlines(keepends=True)), added | kept)

    def test_library(self) -> None:
        """Where the library is missing, that is said."""
        require_merge_library()
        missing = mock.patch("homeftp.client.sync.merge.texts.find_spec", lambda name: None)
        with missing, self.assertRaisesRegex(OperatorError, r"install homeftp\[merge\], or leave out --merge"):
            require_merge_library()
