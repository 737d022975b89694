"""The table of preconditions, which every backend uses."""

from __future__ import annotations

from typing import Callable

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import Endpoint, parse
from homeftp.errors import Changed, Refusal, WrongKind
from homeftp.model import ABSENT, PRESENT, Entry, HashCondition, Kind
from homeftp.store.policy.preconditions import (
    check,
    check_directory,
    check_directory_move,
    check_kind,
    check_replaceable,
    check_source,
    check_target,
    names_content,
    required_hash,
)

Check = Callable[[Endpoint, "Entry | None", "str | None"], None]

WHERE = parse("a/b")
FILE = Entry("", "file", 1, hash="sha256:right")
FOLDER = Entry("", "directory")

CONDITIONS = (None, ABSENT, PRESENT, "sha256:right", "sha256:wrong")


class PreconditionTests(SynchronousTestCase):
    """A precondition against what exists."""

    def outcomes(self, check: Check, existing: Entry | None) -> list[type[Refusal] | None]:
        """What comes of each condition."""
        return [self.outcome(check, existing, condition) for condition in CONDITIONS]

    def outcome(self, check: Check, existing: Entry | None, condition: str | None) -> type[Refusal] | None:
        """What comes of one."""
        try:
            check(WHERE, existing, condition)
        except Refusal as refused:
            self.assertIn("a/b", str(refused))
            return type(refused)
        return None

    def test_required_hash(self) -> None:
        """Only a hash is one, and what is recorded of it is a plain string."""
        self.assertEqual([required_hash(each) for each in CONDITIONS], [None, None, None, *CONDITIONS[3:]])
        self.assertIs(type(required_hash(HashCondition("sha256:right"))), str)

    def test_check(self) -> None:
        """Nothing is absent, a file is what its hash says, and a directory has none."""
        self.assertEqual(self.outcomes(check, None), [None, None, Changed, Changed, Changed])
        self.assertEqual(self.outcomes(check, FILE), [None, Changed, None, None, Changed])
        self.assertEqual(self.outcomes(check, FOLDER), [None, Changed, None, WrongKind, WrongKind])

    def test_replaceable(self) -> None:
        """A file never replaces a directory."""
        self.assertEqual(self.outcomes(check_replaceable, FOLDER), [WrongKind] * 5)
        self.assertEqual(self.outcomes(check_replaceable, FILE), self.outcomes(check, FILE))
        self.assertEqual(self.outcomes(check_replaceable, None), self.outcomes(check, None))

    def test_without_content(self) -> None:
        """Without comparing contents any hash is accepted for a file, and all else is the same."""
        kinds = self.outcomes(_by_kind(check_kind), FILE)
        self.assertEqual(kinds, [None, Changed, None, None, None])
        self.assertEqual(self.outcomes(_by_kind(check_kind), FOLDER), self.outcomes(check, FOLDER))
        self.assertEqual(self.outcomes(_by_kind(check_kind), None), self.outcomes(check, None))
        self.assertEqual(self.outcomes(_by_kind(check_target), FILE), kinds)
        self.assertEqual(self.outcomes(_by_kind(check_target), FOLDER), [WrongKind] * 5)

    def test_source(self) -> None:
        """What is to be moved or removed cannot be absent, and the message does not speak of pushing."""
        self.assertEqual(self.outcomes(_by_kind(check_source), FILE), [None, Changed, None, None, None])
        self.assertEqual(self.outcomes(_by_kind(check_source), FOLDER), [None, Changed, None, WrongKind, WrongKind])
        refused = self.assertRaises(Changed, check_source, WHERE, "file", ABSENT)
        self.assertNotIn("push", refused.message)

    def test_directory(self) -> None:
        """To make a directory no hash can be expected, whatever exists."""
        make = _by_kind(check_directory)
        self.assertEqual(self.outcomes(make, None), [None, None, Changed, WrongKind, WrongKind])
        self.assertEqual(self.outcomes(make, FOLDER), [None, Changed, None, WrongKind, WrongKind])

    def test_directory_move(self) -> None:
        """A directory replaces nothing."""

        def move(where: Endpoint, existing: Entry | None, condition: str | None) -> None:
            check_directory_move(WHERE, WHERE, existing is not None, condition)

        self.assertEqual(self.outcomes(move, None), [None, None, Changed, WrongKind, WrongKind])
        self.assertEqual(self.outcomes(move, FILE), [Changed, Changed, Changed, WrongKind, WrongKind])

    def test_names_content(self) -> None:
        """Only a hash names a content."""
        self.assertEqual([names_content(each) for each in CONDITIONS], [False, False, False, True, True])


def _by_kind(check: Callable[[Endpoint, Kind, str | None], None]) -> Check:
    """A check that only wants to know the kind of what exists."""
    return lambda where, existing, condition: check(where, existing and existing.kind, condition)  # type: ignore[arg-type]
