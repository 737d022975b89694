"""One pair: what its keys may be, and how it is written."""

from __future__ import annotations

import os
import sys

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.pairs.pair import PairFault, SavedPair, pair_text, parse_pair
from homeftp.client import Direction, Preference
from homeftp.errors import OperatorError
from tests.support.repeatable import REPEATABLE

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FULL = SavedPair(
    folder="~/Documents",
    server="nas",
    path="Documents",
    direction=Direction.PUSH,
    preference=Preference.NEWER,
    max_delete=3,
    patterns=("*.tmp", "!keep.tmp"),
    ignore_files=False,
    strict_names=True,
    follow_links=True,
    bandwidth="1.5M",
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


class PairTests(SynchronousTestCase):
    """SavedPair, parse_pair and pair_text."""

    def test_request(self) -> None:
        """A request has what the pair says; the home is that of the user."""
        request = FULL.request(dry_run=True)
        self.assertEqual((request.local, request.remote), (os.path.expanduser("~/Documents"), "Documents"))
        self.assertEqual((request.options.direction, request.max_delete), (Direction.PUSH, 3))
        self.assertEqual((request.selection.patterns, request.selection.ignore_files), (FULL.patterns, False))
        self.assertTrue(request.dry_run)
        self.assertEqual((FULL.remote, FULL.rate), ("nas:Documents", 1.5 * 1024**2))
        self.assertIsNone(SavedPair(folder="/a", server="nas", path="").rate)

    def test_written(self) -> None:
        """What is written is read again; what is as usual is left out."""
        self.assertEqual(parse_pair(tomllib.loads(pair_text(FULL))["pair"][0]), FULL)
        merging = SavedPair(folder="/a", server="nas", path="b", merge=True)
        self.assertEqual(parse_pair(tomllib.loads(pair_text(merging))["pair"][0]), merging)
        self.assertTrue(merging.request().options.merge)
        plain = SavedPair(folder="/a", server="nas", path="b")
        self.assertEqual(pair_text(plain), '[[pair]]\nfolder = "/a"\nremote = "nas:b"\n')

    @REPEATABLE
    @given(TEXTS, TEXTS, st.lists(TEXTS.map(lambda text: f"a{text}".rstrip("\\")), max_size=3))
    def test_any_names(self, folder: str, path: str, patterns: list[str]) -> None:
        """Names and patterns of any characters are read as they were written."""
        try:
            pair = SavedPair(folder=f"/{folder}", server="nas", path=path, patterns=tuple(patterns))
            pair.selection  # noqa: B018 (it checks the patterns)
        except OperatorError:
            return
        self.assertEqual(parse_pair(tomllib.loads(pair_text(pair))["pair"][0]), pair)

    def test_no_merge(self) -> None:
        """Where one side is taken as it is nothing is merged."""
        with self.assertRaisesRegex(OperatorError, "Leave out --merge"):
            SavedPair(folder="/a", server="nas", path="b", direction=Direction.PULL, merge=True).request()

    def test_not_unicode(self) -> None:
        """A name that is not Unicode cannot be in TOML."""
        with self.assertRaisesRegex(OperatorError, "not in UTF-8"):
            pair_text(SavedPair(folder="/a\udcff", server="nas", path="b"))

    def test_refused(self) -> None:
        """Each value that is not allowed is a fault of its key, which says what is."""
        good = {"folder": "/a", "remote": "nas:b"}
        for key, value, words in (
            ("folder", "a", "an absolute path"),
            ("folder", 3, "a text in quotes"),
            ("remote", "b", "not a path on a server|has no path"),
            ("direction", "up", '"both" or "push" or "pull"'),
            ("prefer", [], '"here" or "there" or "newer"'),
            ("max-delete", -1, "a number of files"),
            ("max-delete", True, "a number of files"),
            ("ignore", "*.tmp", "a list of patterns"),
            ("ignore", ["!"], "pattern"),
            ("no-ignore", 1, "true or false"),
            ("bwlimit", "fast", "a rate"),
            ("max-deletes", 3, "did you mean max-delete"),
            ("colour", 3, "The keys are folder, remote"),
        ):
            with self.assertRaisesRegex(PairFault, words) as caught:
                parse_pair({**good, key: value})
            self.assertEqual(caught.exception.key, key)
        for key in good:
            with self.assertRaisesRegex(PairFault, f"needs the key {key}") as caught:
                parse_pair({name: value for name, value in good.items() if name != key})
            self.assertEqual(caught.exception.key, "")
