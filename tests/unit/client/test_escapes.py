"""Names that the rules for endpoints forbid: escaped, and back again."""

from __future__ import annotations

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.escapes import ESCAPE, escape_name, unescape_name
from homeftp.endpoint import MAX_NAME_BYTES, name_problem
from tests.support.repeatable import REPEATABLE

SPECIAL = (
    '\\<>:"|?*.\x01\x1f\x7f\x85\u2028\u2029\udc80\udcff\u201b\uff1a\uff0e\u2420\u2801\u2880\uff23 CONnulax\u0338e\u0301'
)
"""What escapes are made of, and what they stand for."""

NAMES = st.text(
    st.one_of(st.sampled_from(SPECIAL), st.characters(exclude_characters="/\0", exclude_categories=["Cs"])),
    min_size=1,
    max_size=12,
)


class EscapeTests(SynchronousTestCase):
    """escape_name and unescape_name."""

    def test_examples(self) -> None:
        """The form of each kind of name; what needs no escape stays as it is."""
        for name, escaped in (
            ("2019: Rome", "2019\u201b\uff1a Rome"),
            ("a*?b", "a\u201b\uff0a\u201b\uff1fb"),
            ("back\\slash", "back\u201b\uff3cslash"),
            ("end.", "end\u201b\uff0e"),
            ("end ..", "end .\u201b\uff0e"),
            ("end ", "end\u201b\u2420"),
            ("CON", "\u201b\uff23ON"),
            ("nul.txt", "\u201b\uff4eul.txt"),
            ("line\nbreak", "line\u201b\u240abreak"),
            ("latin\udce9", "latin\u201b\u28e9"),
            ("plain name.txt", "plain name.txt"),
            ("\u30bf\uff1a\u30c8", "\u30bf\uff1a\u30c8"),
            ("it\u201bs", "it\u201bs"),
            ("it\u201b\uff1a", "it\u201b\u201b\uff1a"),
            ("it\u201b:", "it\u201b\u201b\u201b\uff1a"),
            ("\u201b\u201b", "\u201b\u201b\u201b"),
        ):
            self.assertEqual(escape_name(name), escaped, name)
            self.assertEqual(unescape_name(escaped), name)

    @REPEATABLE
    @given(NAMES)
    @example("\u201b\u201b:")
    @example("CON.")
    @example("<\u0338")
    def test_unescaped(self, name: str) -> None:
        """Whatever a local name is, it comes back, and its escaped form is legal but for what is never escaped."""
        name = unicodedata.normalize("NFC", name)
        if name in (".", ".."):
            return
        escaped = escape_name(name)
        self.assertEqual(unescape_name(escaped), name)
        problem = name_problem(escaped)
        if problem is not None and len(escaped.encode()) <= MAX_NAME_BYTES:
            self.assertEqual(problem, "is reserved")

    @REPEATABLE
    @given(NAMES)
    @example("a\u201b\u201bb")
    @example("\u201b\uff0e")
    @example("\u201b\uff0e\u201b\uff0e")
    @example("\u201b\uff1c\u0338")
    def test_no_two(self, name: str) -> None:
        """A name on the wire is unescaped only if its local name gives it again; never to what leaves the folder."""
        found = unescape_name(name)
        if found is not None and name_problem(name) is None:
            self.assertEqual(escape_name(unicodedata.normalize("NFC", found)), name)
            self.assertFalse({"/", "\0"} & set(found))
            self.assertNotIn(found, ("", ".", ".."))

    def test_not_unescaped(self) -> None:
        """What no push makes is not unescaped: two names would become one, or one that leads elsewhere."""
        for name in ("a\u201b\u201bb", "\u201b\uff0e", "a\u201b\uff0eb", "x\u201b\uff23ON", "\u201b\uff1c\u0338"):
            self.assertIsNone(unescape_name(name), ascii(name))
        self.assertEqual(unescape_name(f"it{ESCAPE}s"), f"it{ESCAPE}s", "the control")
