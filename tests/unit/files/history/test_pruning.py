"""Versions are removed for good, step by step."""

from __future__ import annotations

from typing import Any
from unittest import mock

from homeftp.config import LISTING_PAGE
from homeftp.endpoint import parse
from homeftp.errors import Busy, Forbidden, Internal
from homeftp.files.history.pruning import prune
from homeftp.files.history.results import FILES_PER_STEP
from homeftp.history.changes import Pruned
from homeftp.interfaces import IStore
from homeftp.store.memory import MemoryStore
from tests.support.pasts import PastCase


class PruneTests(PastCase):
    """`prune`."""

    def setUp(self) -> None:
        super().setUp()
        for number in range(4):
            self.now_us = (number + 1) * 1_000_000
            for name in ("d/a", "d/e/b", "x"):
                self.write(name, b"%d" % number)

    def prune(self, path: str = "d", *, store: IStore | None = None, **given: Any) -> list[Pruned]:
        """Remove versions; what became of each."""
        asked = {"before_us": None, "keep": 0, "dry_run": False, **given}
        return [each for step in prune(store or self.whole, parse(path), **asked) for each in step.pruned]

    def test_all(self) -> None:
        """All versions of what is at an endpoint and beneath it; the current files and others' versions stay."""
        found = self.prune()
        self.assertEqual([(each.name, each.size) for each in found], [("a", 1)] * 3 + [("e/b", 1)] * 3)
        self.assertEqual({name for name, _ in self.kept()}, {"x"})
        self.assertEqual(self.tree("d"), {"a": b"3", "e": None, "e/b": b"3"})
        self.assertEqual([each.what for each in self.changes[-6:]], ["prune"] * 6)

    def test_keep(self) -> None:
        """The newest of each file stay."""
        self.prune(keep=2)
        self.assertEqual([at_us for name, at_us in self.kept("d") if name == "a"], [3_000_000, 4_000_000])
        self.assertEqual(len(self.kept("d")), 4)
        self.assertEqual(self.prune(keep=2), [])

    def test_before(self) -> None:
        """Only those that are older than a time; with both, those that neither keeps."""
        self.prune("d/a", before_us=3_000_000)
        self.assertEqual(self.kept("d/a"), [("", 3_000_000), ("", 4_000_000)])
        self.prune("d/a", before_us=10_000_000, keep=1)
        self.assertEqual(self.kept("d/a"), [("", 4_000_000)])

    def test_dry_run(self) -> None:
        """It tells what would go, and removes nothing."""
        planned = self.prune(dry_run=True, keep=1)
        self.assertEqual(len(self.kept("d")), 6)
        self.assertEqual(planned, self.prune(keep=1))

    def test_rights(self) -> None:
        """It takes the rights to read, to replace and to remove; otherwise each is named, and stays."""
        for rights in ("read,add", "read,add,replace", "read,add,delete"):
            found = self.prune(store=self.limited(rights))
            self.assertEqual({type(each.refusal) for each in found}, {Forbidden})
        self.assertEqual(self.prune(store=self.limited("add,replace,delete")), [])
        self.assertEqual(len(self.kept("d")), 6)
        found = self.prune(store=self.limited("read,replace,delete", e="read"))
        self.assertEqual([each.refusal is None for each in found], [True] * 3 + [False] * 3)

    def test_server_fails(self) -> None:
        """A server that fails ends it; one version that is busy does not."""
        with mock.patch.object(MemoryStore, "remove_versions", lambda store, some: [Internal("x")] * len(some)):
            self.assertRaises(Internal, self.prune)
        with mock.patch.object(MemoryStore, "remove_versions", lambda store, some: [Busy("x")] + [1] * (len(some) - 1)):
            self.assertEqual([each.refusal is None for each in self.prune("d/a")], [False, True, True])

    def test_many(self) -> None:
        """Many versions of one file go in steps."""
        for _ in range(600):
            self.now_us += 1
            self.write("many", b"%d" % self.now_us)
        steps = list(prune(self.whole, parse("many"), before_us=None, keep=0, dry_run=False))
        self.assertEqual(sum(len(step.pruned) for step in steps), 599)
        self.assertLessEqual(max(len(step.pruned) for step in steps), FILES_PER_STEP)

    def test_keep_of_many(self) -> None:
        """Of a file whose versions do not fit into one page, the newest stay too, however many; and of the next one."""
        total = 2 * LISTING_PAGE + 2
        for number in range(total):
            self.now_us += 1
            self.write("many", b"%d" % number)
        self.write("next", b"1")
        self.write("next", b"2")
        times = [at_us for name, at_us in self.kept() if name == "many"]
        self.assertEqual(len(times), total - 1)
        for keep in (total, total - 1, LISTING_PAGE + 1, LISTING_PAGE, 1, 0):
            gone = self.prune("", keep=keep)
            times, older = times[max(0, len(times) - keep) :], times[: max(0, len(times) - keep)]
            self.assertEqual([each.at_us for each in gone if each.name == "many"], older)
            self.assertEqual([at_us for name, at_us in self.kept() if name == "many"], times)
            self.assertEqual(len(self.kept("next")), min(keep, 1))
