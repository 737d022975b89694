"""Quota usage: counted exactly, and never too little while files change."""

from __future__ import annotations

import os
import threading
from typing import Callable

from homeftp.store.local.disk.quota import QuotaUsage
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.syscalls import System
from tests.support.storecases import SpaceCase
from tests.support.waiting import WITHIN


class QuotaCase(SpaceCase):
    """A folder whose files are counted."""

    def safe_root(self) -> SafeRoot:
        """The folder, open until the end of the test."""
        root = SafeRoot(self.root, System())
        self.addCleanup(root.close)
        return root


class ScanTests(QuotaCase):
    """What counts."""

    def test_names(self) -> None:
        """Versions count in a folder of any name, with the folder; what the server keeps for itself does not."""
        store = self.store()
        for name in ("incoming/a", "partial/a", "clock/a", "mounts"):
            self.lay(f".homeftp/versions/2026-01-01/{name}/.homeftp-00.00.00.000000-x", bytes(4096))
        store.close()
        usage = QuotaUsage(self.safe_root(), 100 * 4096)
        usage.count()
        self.assertEqual(usage.left(), (100 - 4 - 7) * 4096)

    def test_every_kind(self) -> None:
        """Each name counts: an empty file, a directory, a link; a file that has two names counts once."""
        self.lay("empty", b"")
        os.mkdir(self.path("directory"))
        os.symlink("nowhere", self.path("link"))
        self.lay("twice", bytes(2 * 4096))
        os.link(self.path("twice"), self.path("directory/again"))
        usage = QuotaUsage(self.safe_root(), 100 * 4096)
        usage.count()
        self.assertEqual(usage.left(), (100 - 3 - 2) * 4096)
        self.assertEqual([usage.cost(size) // 4096 for size in (0, 1, 4096, 4097)], [1, 1, 1, 2])


class CountTests(QuotaCase):
    """Changes during a count: it may count too much, never too little."""

    def counting(self, meanwhile: Callable[[QuotaUsage], object]) -> int:
        """The blocks left of 100 after a count that found 10, with something happening at its end."""

        class ScriptedUsage(QuotaUsage):
            def scan(self) -> int:
                meanwhile(self)
                return 10 * 4096

        self.usage = usage = ScriptedUsage(self.safe_root(), 100 * 4096)
        usage.count()
        return (usage.left() or 0) // 4096

    def test_removed(self) -> None:
        """A removal before the count is not subtracted again; one after it is."""
        usage = QuotaUsage(self.safe_root(), 100 * 4096)
        before = usage.mark()
        usage.count()
        left = usage.left()
        usage.removed(4096, before)
        self.assertEqual(usage.left(), left)
        usage.moved(4096, before)
        self.assertEqual(usage.left(), (left or 0) - 4096)
        usage.removed(4096, usage.mark())
        usage.moved(4096, usage.mark())
        self.assertEqual(usage.left(), left, "the control")

    def test_removed_meanwhile(self) -> None:
        """A removal during the count that is reported after it is not subtracted."""
        marks: list[int] = []
        self.assertEqual(self.counting(lambda usage: marks.append(usage.mark())), 90)
        (mark,) = marks
        before = self.usage.left()
        self.usage.removed(4096, mark)
        self.assertEqual(self.usage.left(), before)
        self.usage.moved(4096, mark)
        self.assertEqual(self.usage.left(), (before or 0) - 4096)

    def test_moved(self) -> None:
        """A file that was moved during the count may have been missed, and is added."""
        self.assertEqual(self.counting(lambda usage: usage.moved(3 * 4096, usage.mark())), 87)
        self.assertEqual(self.counting(lambda usage: usage.change(used=3 * 4096)), 87)
        self.assertEqual(self.counting(lambda _: None), 90, "the control")

    def test_directory_moved(self) -> None:
        """After the move of a directory it is counted again."""
        times = []

        def once(usage: QuotaUsage) -> None:
            times.append(1)
            if len(times) < 3:
                usage.moved(None, usage.mark())

        self.assertEqual((self.counting(once), len(times)), (90, 3))

    def test_counted_by_one(self) -> None:
        """A thread that would count again while another counts goes on with what is known: it does not wait."""
        finished: list[bool] = []

        def count(usage: QuotaUsage) -> None:
            usage.count_if_stale()
            finished.append(True)

        def another(usage: QuotaUsage) -> None:
            if not finished:
                thread = threading.Thread(target=count, args=(usage,), daemon=True)
                thread.start()
                thread.join(WITHIN)

        self.assertEqual(self.counting(another), 90)
        self.assertEqual(finished, [True])
