"""Which names are selected; tests/system/test_gitignore.py compares the patterns with git."""

from __future__ import annotations

from typing import Sequence

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.selection import EVERYTHING, Selection, Selector, parse_names
from homeftp.errors import OperatorError

NAMES = ("a.jpg", "b.txt", "lib/", "lib/a.jpg", "lib/b.txt", "lib/x/", "lib/x/a.jpg", "build/", "build/a.jpg")


def taken(selector: Selector, names: Sequence[str] = NAMES) -> set[str]:
    """The names that are selected; those of folders end in a slash."""
    return {name for name in names if selector.takes(name.rstrip("/"), is_directory=name.endswith("/"))}


class SelectorTests(SynchronousTestCase):
    """Patterns, ignore files and lists of names."""

    def left_out(self, *patterns: str) -> set[str]:
        """The names that patterns leave out."""
        return set(NAMES) - taken(Selector(Selection(patterns)))

    def test_everything(self) -> None:
        """Without patterns everything is selected."""
        self.assertEqual(taken(Selector(EVERYTHING)), set(NAMES))
        self.assertTrue(Selector(EVERYTHING).takes_all)
        self.assertFalse(Selector(Selection(("x",))).takes_all)

    def test_patterns(self) -> None:
        """The last pattern that matches decides; nothing in a folder that is left out is selected."""
        inside = {"lib/a.jpg", "lib/b.txt", "lib/x/", "lib/x/a.jpg"}
        for patterns, expected in (
            (("*.txt",), {"b.txt", "lib/b.txt"}),
            (("/*.txt",), {"b.txt"}),
            (("lib",), {"lib/", *inside}),
            (("lib/",), {"lib/", *inside}),
            (("lib/*",), inside),
            (("lib/*", "!lib/x/"), {"lib/a.jpg", "lib/b.txt"}),
            (("*.jpg", "!a.jpg"), set()),
            (("build/", "!a.jpg"), {"build/", "build/a.jpg"}),
            (("*", "!*/", "!*.txt"), {"a.jpg", "lib/a.jpg", "lib/x/a.jpg", "build/a.jpg"}),
            (("**/x",), {"lib/x/", "lib/x/a.jpg"}),
            (("lib/**/a.jpg",), {"lib/a.jpg", "lib/x/a.jpg"}),
            (("# *.txt", "", "  "), set()),
            (("b.txt/",), set()),
        ):
            self.assertEqual(self.left_out(*patterns), expected, patterns)

    def test_ignore_files(self) -> None:
        """The rules of a folder count below it, before those of folders above; the selection comes first."""
        selector = Selector(Selection(("x/",)))
        selector.add_rules("", ["*.jpg"], ".homeftpignore")
        selector.add_rules("lib", ["!a.jpg", "/b.txt"], "lib/.homeftpignore")
        self.assertEqual(taken(selector), {"b.txt", "lib/", "lib/a.jpg", "build/"})

    def test_names(self) -> None:
        """Only listed files are selected, listed folders with what is in them, and the folders that lead to both."""
        selector = Selector(Selection(names=frozenset({"lib/x", "b.txt", "none", "build/none"})))
        self.assertEqual(taken(selector), {"b.txt", "lib/", "lib/x/", "lib/x/a.jpg", "build/"})
        self.assertEqual(selector.missing(["lib/x", "b.txt"]), ["build/none", "none"])
        both = Selector(Selection(("n*",), names=frozenset({"lib/x", "none"})))
        self.assertEqual(both.missing([]), ["lib/x"])

    def test_escaped(self) -> None:
        """Patterns and listed names are local names; what is asked about is escaped, as on the wire."""
        rome = "2019\u201b\uff1a Rome"
        self.assertFalse(Selector(Selection(("2019: *",))).takes(f"{rome}/a", is_directory=False))
        listed = Selector(Selection(names=frozenset({"2019: Rome/a"})))
        self.assertTrue(listed.takes(rome, is_directory=True))
        self.assertTrue(listed.takes(f"{rome}/a", is_directory=False))
        self.assertFalse(listed.takes(f"{rome}/b", is_directory=False))
        self.assertEqual(listed.missing([f"{rome}/a"]), [])
        self.assertEqual(listed.missing([f"{rome}/b"]), ["2019: Rome/a"])

    def test_bad_patterns(self) -> None:
        """A pattern that is none is refused, with where it is from."""
        for pattern in ("!", "[z-a]", "a\\"):
            self.assertRaises(OperatorError, Selection, (pattern,))
            error = self.assertRaises(OperatorError, Selector(EVERYTHING).add_rules, "", [pattern], "/lib/x")
            self.assertTrue(str(error).startswith("/lib/x: "), pattern)


class NamesTests(SynchronousTestCase):
    """parse_names."""

    def test_names(self) -> None:
        """One name a line, in the form of the wire; comments and empty lines do not count."""
        text = "a\n./lib//x/\n\n# no\n; no\n/top\r\ncafe\u0301\n"
        self.assertEqual(parse_names(text, "list"), {"a", "lib/x", "top", "caf\u00e9"})

    def test_outside(self) -> None:
        """A name outside the folder is refused, with where it is from."""
        self.assertIn("list: ", str(self.assertRaises(OperatorError, parse_names, "a\nlib/../../x\n", "list")))
