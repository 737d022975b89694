"""B1, B7, B8: whatever is sent as an endpoint is refused in one way, or is a path that means one file everywhere.

Ten thousand random texts, and the controls, are in tests/system/test_endpoint_names.py.
"""

from __future__ import annotations

from typing import Callable

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import (
    NO_FOLDERS,
    Endpoint,
    FolderSet,
    folded,
    is_plain,
    name_problem,
    other_case,
    parse,
)
from homeftp.errors import BadEndpoint
from tests.support.hostilenames import hostile
from tests.support.nameoracle import broken
from tests.support.nameproperties import any_text, biased, faults, misspelled, search


class PropertyTests(SynchronousTestCase):
    """A few hundred random texts."""

    def test_any_text(self) -> None:
        """It is BadEndpoint, or stays beneath the root, is composed, fits every disk, and comes back as it was sent."""
        search(parse, biased, any_text, misspelled, examples=300)


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

    def test_plain(self) -> None:
        """A plain name has no problem; the names of most files are plain."""
        for text, _ in hostile():
            if is_plain(text):
                self.assertIsNone(name_problem(text), ascii(text[:80]))
        for name in ("a", "IMG_0001.jpeg", "Letter to Ann (2).odt", "CONTENTS", "nullable.txt", "x" * 255):
            self.assertTrue(is_plain(name), name)
        for name in ("", "CON", "nul.txt", "a.", "a/b", "é", ".hidden", "x" * 256, "a\n", "Com1 .x"):
            self.assertFalse(is_plain(name), name)


def asked(ask: Callable[[str], Endpoint], name: str) -> str:
    """The endpoint of a name, or the refusal of it."""
    try:
        return repr(ask(name))
    except BadEndpoint as refused:
        return refused.message


class PathTests(SynchronousTestCase):
    """Endpoints beneath others."""

    def test_at(self) -> None:
        """A relative path leads to what is beneath an endpoint, and keeps its home; "" is the endpoint itself."""
        home = Endpoint(("people", "ann"), home=2)
        self.assertEqual([str(home.at(path)) for path in ("", "a", "a/b")], ["", "a", "a/b"])
        self.assertEqual(home.at("a/b").parts, ("people", "ann", "a", "b"))
        self.assertEqual(parse("").at(""), parse(""))

    def test_relative_to(self) -> None:
        """An endpoint at or beneath another is named from there, without its home; any other one is not."""
        top = parse("people/ann")
        for path in ("", "a", "a/b"):
            self.assertEqual(top.at(path).relative_to(top), parse(path))
        below = Endpoint(("people", "ann", "a"), home=2).relative_to(top)
        self.assertEqual(str(below), "a")
        for path in ("", "people", "people/anna", "people/Ann/a"):
            self.assertIsNone(parse(path).relative_to(top), path)

    def test_child(self) -> None:
        """What a directory is asked for by a name is what the whole path is, and is refused as that is."""
        long = "x" * 200
        tops = ("a", "a/b", "é/😀", "/".join([long] * 19), "/".join("a" * 127), "/".join(["é" * 100] * 19))
        names = ("b", "b/c", "CON", "b/nul.txt", "b//c", "/b", "..", "b/..", "é", "e\u0301", "x" * 255, "x" * 256, long)
        more = ("b.", "b/", ".homeftp", "b/HOMEFT~1", "a b", "x/" * 126 + "x", "\x00", "b\\c")
        for top in tops:
            for name in (*names, *more):
                self.assertEqual(asked(parse(top).child, name), asked(parse, f"{top}/{name}"), (top, name))


class IgnoredLetterTests(SynchronousTestCase):
    """HFS+ of macOS leaves some letters out when it compares names (Apple, TN1150; Git's CVE-2014-9390)."""

    def test_ignored(self) -> None:
        """None of them makes our own folder's name one that may be sent."""
        for number in (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF):
            with self.assertRaises(BadEndpoint):
                parse(f"a/.home{chr(number)}ftp/lock")


class FoldedTests(SynchronousTestCase):
    """Names that some system treats as one."""

    def test_other_case(self) -> None:
        """Only letters that every system knows in both cases are swapped."""
        self.assertEqual(other_case("Photo-1.jpg"), "pHOTO-1.JPG")
        self.assertEqual(other_case("Stra\u00dfe \u00b5"), "sTRA\u00dfE \u00b5")

    def test_alike(self) -> None:
        """Case, composition, compatible forms, and characters that file systems ignore."""
        for one, other in (
            ("Photo", "pHOTO"),
            ("é", "E\u0301"),
            ("ﬁn", "FIN"),
            ("straße", "STRASSE"),
            ("se\u00adcret", "SECRET"),
            ("se\u200bcret", "secret\ufe0f"),
            ("\U000e0041secret", "secret"),
        ):
            self.assertEqual(folded(one), folded(other), ascii(one))
        for one, other in (("a", "b"), ("é", "e"), ("a b", "ab"), ("a-b", "ab")):
            self.assertNotEqual(folded(one), folded(other))


class FolderSetTests(SynchronousTestCase):
    """Folders with everything beneath them."""

    def test_covers(self) -> None:
        """A folder, all beneath it, in every spelling; not what only begins like it, nor what is above."""
        folders = FolderSet(frozenset({("a", "B"), ("ß",)}))
        for parts, covered in (
            ((), False),
            (("a",), False),
            (("A", "b"), True),
            (("a", "b", "c"), True),
            (("a", "bc"), False),
            (("SS", "x"), True),
            (("x", "a", "b"), False),
        ):
            self.assertEqual(folders.covers(parts), covered, parts)
        self.assertFalse(NO_FOLDERS.covers(()))
        self.assertTrue(FolderSet(frozenset({()})).covers(("x",)))

    def test_names(self) -> None:
        """The names of those directly in a directory, folded."""
        folders = FolderSet(frozenset({("a", "B"), ("a", "c", "d"), ("E",)}))
        for parts, names in (((), {"e"}), (("A",), {"b"}), (("a", "c"), {"d"}), (("a", "b"), set())):
            self.assertEqual(folders.names_in(parts), names, parts)
        self.assertEqual(FolderSet(frozenset({()})).names_in(()), set())

    def test_together(self) -> None:
        """Two sets are one, and all can be seen from above."""
        both = FolderSet(frozenset({("a",)})) | FolderSet(frozenset({("b",)}))
        self.assertEqual(both.beneath(parse("home/ann")).folders, {("home", "ann", "a"), ("home", "ann", "b")})
        self.assertEqual((bool(both), bool(NO_FOLDERS)), (True, False))
