"""Random endpoints, and what is wrong with what a parser makes of them: the machinery of B1, B7 and B8."""

from __future__ import annotations

import posixpath
import unicodedata
from typing import Callable

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import BadEndpoint
from tests.support.nameoracle import broken
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
_LONG = ["x" * 255, "x" * 256, "ä" * 127, "ä" * 128, "😀" * 64, "d/" * 130, ("x" * 200 + "/") * 20, "x" * 200]


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


def search(parser: Parser, *strategies: st.SearchStrategy[str], examples: int = EXAMPLES, shrink: bool = True) -> None:
    """Try so many examples in all; the first that is at fault is raised, with `shrink` as small as it can be made."""
    each = settings(
        max_examples=-(-examples // len(strategies)),
        derandomize=not LONG,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
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
