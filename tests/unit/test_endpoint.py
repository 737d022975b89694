"""B1, B7, B8: whatever is sent as an endpoint is refused in one way, or is a path that means one file everywhere."""

from __future__ import annotations

import os
import posixpath
import unicodedata
from typing import Callable

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import BadEndpoint
from tests.support.hostilenames import hostile
from tests.support.mounts import held, ntfs
from tests.support.nameoracle import RULES, broken
from tests.support.needs import LONG

EXAMPLES = 10_000
ROUNDS = 100 if LONG else 1

_NAMES = "a file.txt .homeftp .homeftp- homeftp con nul aux com1 lpt9 com² conin$ etc lock".split()
_SMALL = [*" .:*?\"<>|\\-~$'", "..", "...", "\0", "\n", "\r", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", ".txt"]
_LETTERS = [
    *"éßøİﬁ日한😀\u017f\u0131",
    "e\u0301",
    "\u212a",
    "\u212b",
    "\u1100\u1161",
    "\uff0e",
    "\u2024",
    "\u200d",
    "\u202e",
]
_BROKEN = ["\ud800", "\udcff", "\ude00"]
_LONG = ["x" * 255, "x" * 256, "ä" * 127, "ä" * 128, "😀" * 64, "d/" * 2040, "x" * 200]


def _wide(name: str) -> str:
    """A name in the letters that are as wide as Chinese ones."""
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in name)


_STYLED = [style(name) for name in _NAMES for style in (str.upper, str.title, _wide)]
_PIECES = ["/"] * 25 + _NAMES * 2 + _STYLED + _SMALL + _LETTERS + _BROKEN + _LONG

any_text = st.text(st.characters(codec=None), max_size=40)
biased = st.lists(st.sampled_from(_PIECES), max_size=9).map("".join)
misspelled = st.builds(
    lambda name, where, letter: name[:where] + letter + name[where:],
    st.sampled_from(_NAMES + _STYLED),
    st.integers(0, 9),
    st.characters(codec=None),
)

Parser = Callable[[str], Endpoint]


def faults(parser: Parser, text: str) -> list[str]:
    """What is wrong with what a parser makes of a text."""
    wanted = broken(text)
    try:
        endpoint = parser(text)
    except BadEndpoint as refused:
        found = [] if wanted else [f"refused: {refused.message}"]
        if not refused.message.isprintable() or len(refused.message) > 1000:
            found.append(f"the refusal is not fit to be shown: {refused.message!a}")
        return found
    found = [f"accepted, and it breaks the rule {rule}" for rule in wanted]
    if str(endpoint) != text or (endpoint.parts and parser(str(endpoint)) != endpoint):
        found.append(f"it is another one: {str(endpoint)!a}")
    if not text and endpoint != ROOT:
        found.append("nothing is the root")
    return found


def search(parser: Parser, *strategies: st.SearchStrategy[str]) -> None:
    """Try so many examples; the first that is at fault is raised, as small as it can be made."""
    each = settings(
        max_examples=-(-EXAMPLES // len(strategies)),
        derandomize=not LONG,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    def check(text: str) -> None:
        found = faults(parser, text)
        assert not found, (ascii(text), found)

    for strategy in strategies:
        for number in range(ROUNDS):
            example = each(given(strategy)(check))
            (seed(number)(example) if LONG else example)()


def forgetful(forgotten: str) -> Parser:
    """Wrong: a parser that has all the rules but one."""

    def parser(text: str) -> Endpoint:
        if set(broken(text)) - {forgotten}:
            raise BadEndpoint("it breaks a rule")
        return Endpoint(tuple(text.split("/"))) if text else ROOT

    return parser


def tidying(text: str) -> Endpoint:
    """Wrong: makes a good path of a bad one, which then means another file."""
    return parse(unicodedata.normalize("NFC", posixpath.normpath(text).strip(". ")) if text else text)


class PropertyTests(SynchronousTestCase):
    """Ten thousand texts; a million, where there is time."""

    def test_any_text(self) -> None:
        """It is BadEndpoint, or stays beneath the root, is composed, fits every disk, and comes back as it was sent."""
        search(parse, biased, any_text, misspelled)

    def test_forgetful(self) -> None:
        """The control: a parser that forgets any one of the rules is caught."""
        for rule in RULES:
            with self.assertRaises(AssertionError) as caught:
                search(forgetful(rule), biased)
            self.assertIn(f"breaks the rule {rule}", str(caught.exception))

    def test_strict(self) -> None:
        """The control: so is one that refuses what is an endpoint, and one that makes one of what is none."""
        for parser, said in ((lambda text: parse(text + "."), "refused"), (tidying, "it is another one")):
            with self.assertRaises(AssertionError) as caught:
                search(parser, biased)
            self.assertIn(said, str(caught.exception))

    def test_crash(self) -> None:
        """The control: any other exception is found."""

        def fragile(text: str) -> Endpoint:
            text.encode()
            return parse(text)

        with self.assertRaises(UnicodeEncodeError):
            search(fragile, biased)


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


class NtfsTests(SynchronousTestCase):
    """A driver of a Windows file system, which refuses what Windows would."""

    def setUp(self) -> None:
        """A small disk."""
        self.top = held(self, ntfs(os.path.abspath(self.mktemp()), "-o", "windows_names"))

    def made(self, name: str) -> bool:
        """Whether a file of that name can be made, and has it then."""
        path = os.path.join(self.top, name)
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        except OSError:
            return False
        found = os.listdir(self.top)
        os.unlink(path)
        return found == [name]

    def test_windows_names(self) -> None:
        """B7: every name that is an endpoint's can be made there, and is there as it was made."""
        names = {name for text, reason in hostile() if text and not reason for name in text.split("/")}

        def collect(text: str) -> None:
            if not faults(parse, text) and not broken(text):
                names.update(text.split("/"))

        given(biased)(settings(max_examples=2000, derandomize=True, database=None)(collect))()
        names.discard("")
        self.assertEqual([name for name in sorted(names) if not self.made(name)], [])
        self.assertGreater(len(names), 300)

    def test_control(self) -> None:
        """It has rules: what our oracle calls illegal on Windows cannot be made there."""
        for text, _ in hostile():
            rules = broken(text)
            if rules in (["windows_characters"], ["windows_ending"]) and "/" not in text:
                self.assertFalse(self.made(text), ascii(text))
        for name in ("CON", "nul.txt", "lpt1.tar.gz"):
            self.assertFalse(self.made(name), name)
