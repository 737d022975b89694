"""Files and directories are removed, and every file becomes a version."""

from __future__ import annotations

import itertools
import os
import tracemalloc

from homeftp.config import LISTING_PAGE, Retention
from homeftp.endpoint import ROOT, parse
from homeftp.errors import (
    BadRequest,
    Changed,
    FiletypeNotAllowed,
    Internal,
    NotFound,
    Refusal,
    WrongKind,
)
from homeftp.model import ABSENT
from homeftp.store.local.disk import entries
from homeftp.store.local.disk.handles import WAYS_PARTS
from homeftp.syscalls import System
from homeftp.wire.messages import meta_data
from tests.support.descriptors import count_descriptors
from tests.support.storecases import MoveCase
from tests.support.stores import LONG_AGO, Failing, Recording, sha, snapshot


class RemoveTests(MoveCase):
    """Removing."""

    def test_file(self) -> None:
        """A removed file becomes a version, and can be restored."""
        store = self.store()
        self.put(store, "a/file.txt", b"content", mode=0o640)
        self.assertEqual(self.remove(store, "a/file.txt", sha(b"content")), 1)
        self.assertEqual((self.files(), self.versions(store)), (["a"], ["a/file.txt"]))
        entry = store.restore(parse("a/file.txt"), None, ABSENT)
        self.assertEqual(dict(meta_data(entry)), {"mtime_us": LONG_AGO, "mode": 0o640})
        self.assertEqual(self.content("a/file.txt"), b"content")

    def test_not_archived(self) -> None:
        """With `--keep-versions 0` it is deleted."""
        store = self.store(retention=Retention(seconds=0))
        self.put(store, "file.txt", b"content")
        self.remove(store, "file.txt")
        self.assertEqual((self.files(), self.versions(store)), ([], []))

    def test_directory(self) -> None:
        """An empty directory is removed; another one only recursively, and every file in it becomes a version."""
        store = self.store()
        names = [f"d/{number % 5}/{number}" for number in range(600)]
        for name in names:
            self.lay(name, name.encode())
        os.makedirs(self.path("d/empty/er"))
        self.remove(store, "d/empty/er")
        with self.assertRaisesRegex(WrongKind, "not empty"):
            self.remove(store, "d")
        self.assertEqual(self.remove(store, "d", recursive=True), 600 + 6 + 1)
        self.assertEqual((self.files(), self.versions(store)), ([], sorted(names)))

    def test_by_two(self) -> None:
        """What somebody else removes meanwhile keeps nothing of the rest: whenever that is, all of it goes."""
        store, found = self.store(), set()
        for steps in range(0, 400, 40):
            for number in range(4 * 40):
                self.lay(f"d/{number % 4}/{number}/file")
            removing = store.remove(parse("d"), None, True)
            done = sum(itertools.islice(removing, steps))
            there = [name for name in ("d/0", "d/3", "d/3/3") if os.path.exists(self.path(name))]
            others = sum(self.remove(store, name, recursive=True) for name in reversed(there))
            rest = sum(removing)
            found.add((done > 0, others > 0, rest > 0))
            self.assertFalse(os.path.exists(self.path("d")), steps)
            self.assertEqual(done + others + rest, 4 * 40 * 2 + 4 + 1, steps)
        self.assertIn((True, True, True), found, "the control")

    def test_refused(self) -> None:
        """Missing entries, failed preconditions, wrong kinds and files that are not shared are refused."""
        store = self.store(filetypes=(".txt",))
        self.lay("a.txt")
        self.lay("a.jpg")
        self.lay("d/deep/b.txt")
        os.symlink(self.outside, self.path("d/deep/link"))
        before, outside = snapshot(self.root), snapshot(self.outside)
        for name, precondition, recursive, refusal in (
            ("b.txt", None, False, NotFound),
            ("none/b.txt", None, False, NotFound),
            ("a.txt", sha(b"other"), False, Changed),
            ("a.jpg", None, False, FiletypeNotAllowed),
            ("d", sha(b"x"), True, WrongKind),
            ("d", None, True, WrongKind),
            ("d/deep/link", None, True, WrongKind),
            ("d/deep/link/secret.txt", None, False, WrongKind),
        ):
            with self.assertRaises(refusal, msg=name):
                self.remove(store, name, precondition, recursive)
        with self.assertRaises(BadRequest):
            sum(store.remove(ROOT, None, True))
        self.assertEqual({k: v[-1] for k, v in snapshot(self.root).items()}, {k: v[-1] for k, v in before.items()})
        self.assertEqual(snapshot(self.outside), outside)

    def test_hidden(self) -> None:
        """A directory that holds reserved names is refused, and nothing in it is removed."""
        self.lay("d/e/file.txt")
        self.lay("d/f/.homeftp-something")
        store = self.store()
        with self.assertRaisesRegex(WrongKind, "d/f holds .homeftp-something"):
            self.remove(store, "d", recursive=True)
        self.assertEqual((self.versions(store), self.content("d/e/file.txt")), ([], b"old"))
        os.unlink(self.path("d/f/.homeftp-something"))
        self.assertEqual(self.remove(store, "d", recursive=True), 4, "the control")

    def test_little_memory(self) -> None:
        """Of a large directory no more entries are known at a time than a page and a batch."""
        made_here = tracemalloc.Filter(True, entries.__file__)

        def known() -> int:
            found = tracemalloc.take_snapshot().filter_traces([made_here])
            return sum(each.count for each in found.statistics("filename"))

        for number in range(4 * LISTING_PAGE):
            self.lay(f"d/{number % 3}/{number}")
        store = self.store(retention=Retention(seconds=0))
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        everything = list(store.list(ROOT, True))
        known_of_all = known()
        self.assertGreater(known_of_all, 4 * LISTING_PAGE, "the control")
        del everything
        before = known()
        steps = store.remove(parse("d"), None, True)
        some = (known() - before for number, _ in enumerate(steps) if number % 8 == 1)  # each look takes long
        self.assertLess(max(some), known_of_all // 2)
        self.assertEqual(self.files(), [])

    def test_steps(self) -> None:
        """A step removes no more than 64 files: requests of others wait for it."""
        for number in range(150):
            self.lay(f"d/{number}")
        removed = list(self.store().remove(parse("d"), None, True))
        self.assertEqual((sum(removed), max(removed)), (151, 64))

    def test_few_descriptors(self) -> None:
        """Files in many deep directories are removed in batches that open few directories together."""
        opened: list[int] = []

        class Counting(System):
            def rename_new(
                self, source: bytes, target: bytes, *, source_dir: int | None = None, target_dir: int | None = None
            ) -> None:
                opened.append(count_descriptors())
                super().rename_new(source, target, source_dir=source_dir, target_dir=target_dir)

        for number in range(12):
            self.lay(f"d/{number}{'/e' * 60}/file")
        store = self.store(Counting())
        before = count_descriptors()
        self.assertEqual(self.remove(store, "d", recursive=True), 12 * 62 + 1)
        self.assertEqual(len(opened), 12)
        self.assertLess(max(opened) - before, 2 * WAYS_PARTS)

    def test_durable(self) -> None:
        """The name of the version is durable before the name of the file is removed."""
        self.lay("a/file.txt")
        system = Recording()
        store = self.store(system)
        system.calls.clear()
        self.remove(store, "a/file.txt")
        kinds = [kind for kind, _ in system.calls]
        self.assertEqual(kinds[0], "rename")
        self.assertIn(("fsync_directory", os.stat(self.path("a")).st_ino), system.calls[-1:])

    def test_failures(self) -> None:
        """Whichever call fails, the file or its version exists, and only a durable removal is reported as done."""
        for number in range(1, 20):
            self.lay("file.txt", b"content")
            system = Failing(10**6)
            store = self.store(system)
            system._left = number
            try:
                self.remove(store, "file.txt")
            except Refusal as refused:
                self.assertIsInstance(refused, Internal)
            there = os.path.exists(self.path("file.txt"))
            self.assertEqual(there + len(self.versions(store)), 1, system.failed)
            if not system.failed:
                break
            if not there:
                store.restore(parse("file.txt"), None, None)
            store.close()
        self.assertGreater(number, 3)
