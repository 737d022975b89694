"""Refusals: one exception for each status that refuses, in both directions."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from homeftp import errors
from homeftp.errors import BY_STATUS, Internal, NotEmpty, Refusal, TooLarge, WrongKind, check_limit, counted, refusal
from homeftp.status import Status

ROOT = Path(__file__).parents[2]

NAMED = re.compile(r"`(\w+)`\s+\((\d\d)\)")
"""A refusal with its status, as docstrings and documentation name it."""


def misnamed(text: str) -> list[tuple[str, str]]:
    """The refusals in a text that have another status than is said there."""
    statuses = {kind.__name__: str(int(status)) for status, kind in BY_STATUS.items()}
    return [(name, status) for name, status in NAMED.findall(text) if statuses.get(name, status) != status]


class RefusalTests(SynchronousTestCase):
    """The table between statuses and exceptions."""

    def test_complete(self) -> None:
        """Every status that refuses has a class with that status, and no other status has one."""
        self.assertEqual(set(BY_STATUS), {status for status in Status if status.refused})
        for status, kind in BY_STATUS.items():
            self.assertIs(kind.status, status)

    def test_all_listed(self) -> None:
        """Every refusal of the module is in the table, or is a special case of one that is."""
        defined = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Refusal)}
        listed = set(BY_STATUS.values())
        for kind in defined - listed - {Refusal}:
            self.assertIn(kind.__base__, listed)
        self.assertEqual(defined - listed, {Refusal, NotEmpty})

    def test_both_ways(self) -> None:
        """The status of a refusal gives the same class again, with its message."""
        for status, kind in BY_STATUS.items():
            made = refusal(int(status), "why")
            self.assertIs(type(made), kind)
            self.assertEqual((made.status, made.message, str(made)), (status, "why", "why"))

    def test_special_case(self) -> None:
        """A directory that is not empty has the status of its base class: the client gets that class."""
        self.assertIs(type(refusal(NotEmpty("x").status, "x")), WrongKind)

    def test_unknown_status(self) -> None:
        """The refusal of a newer peer, or a status that does not refuse, becomes `Internal` and names the number."""
        for status in (99, -1, Status.OK, Status.SAME):
            made = refusal(status, "why")
            self.assertIs(type(made), Internal)
            self.assertEqual(made.message, f"status {status}: why")

    def test_named(self) -> None:
        """Docstrings and documentation give each refusal its status."""
        paths = [*ROOT.glob("homeftp/**/*.py"), *ROOT.glob("docs/**/*.rst"), *ROOT.glob("docs/**/*.md")]
        texts = {str(path): path.read_text(encoding="utf-8") for path in paths}
        self.assertEqual({path: wrong for path, text in texts.items() if (wrong := misnamed(text))}, {})
        self.assertTrue(any(map(NAMED.search, texts.values())))
        self.assertEqual(misnamed("`Busy` (51) and\n`ShuttingDown`\n(50), `Other` (99)"), [("ShuttingDown", "50")])

    def test_not_refusals(self) -> None:
        """Errors for the person at this end never become a response."""
        for kind in (errors.OperatorError, errors.UntrustedServer):
            self.assertNotIn(Refusal, kind.__mro__)


class MessageTests(SynchronousTestCase):
    """`counted` and `check_limit`."""

    def test_limit(self) -> None:
        """A limit may be reached; one byte more is refused, with both sizes."""
        check_limit("a", 1000, 1000)
        refused = self.assertRaises(TooLarge, check_limit, "a", 1001, 1000)
        self.assertEqual(refused.message, "a has 1,001 bytes; at most 1,000 are allowed here")

    def test_counted(self) -> None:
        """One thing is singular, none and several are plural; thousands are grouped."""
        self.assertEqual([counted(number, "file") for number in (0, 1, 1200)], ["0 files", "1 file", "1,200 files"])
        self.assertEqual([counted(number, "copy", "copies") for number in (1, 2)], ["1 copy", "2 copies"])
