"""B1, B7, B8 at length: ten thousand random endpoints with a control for each rule, and a driver of a Windows disk."""

from __future__ import annotations

import os

from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import Endpoint, parse
from tests.support.hostilenames import hostile
from tests.support.mounts import held, ntfs
from tests.support.nameoracle import RULES, broken
from tests.support.nameproperties import any_text, biased, faults, forgetful, misspelled, search, tidying
from tests.support.repeatable import REPEATABLE


class PropertyTests(SynchronousTestCase):
    """Ten thousand texts; a million, where there is time."""

    def test_any_text(self) -> None:
        """It is BadEndpoint, or stays beneath the root, is composed, fits every disk, and comes back as it was sent."""
        search(parse, biased, any_text, misspelled)

    def test_forgetful(self) -> None:
        """The control: a parser that forgets any one of the rules is caught."""
        for rule in RULES:
            with self.assertRaises(AssertionError) as caught:
                search(forgetful(rule), biased, shrink=False)
            self.assertIn(f"breaks the rule {rule}", str(caught.exception))

    def test_strict(self) -> None:
        """The control: so is one that refuses what is an endpoint, and one that makes one of what is none."""
        for parser, said in ((lambda text: parse(text + "."), "refused"), (tidying, "it is another one")):
            with self.assertRaises(AssertionError) as caught:
                search(parser, biased, shrink=False)
            self.assertIn(said, str(caught.exception))

    def test_crash(self) -> None:
        """The control: any other exception is found."""

        def fragile(text: str) -> Endpoint:
            text.encode()
            return parse(text)

        with self.assertRaises(UnicodeEncodeError):
            search(fragile, biased, shrink=False)


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

        given(biased)(settings(REPEATABLE, max_examples=2000)(collect))()
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
