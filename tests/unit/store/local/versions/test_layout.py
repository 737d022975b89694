"""The layout of version folders: every version is found by its path, and nothing else is taken for one."""

from __future__ import annotations

import os
import shutil
from collections import deque
from typing import Callable, Generator

from homeftp.store.local.disk import sortednames
from homeftp.store.local.disk.sortednames import NameBudget
from homeftp.store.local.versions.layout import Skip, VersionDir
from homeftp.store.local.versions.naming import Names, VersionFile, version_path
from homeftp.store.policy.pages import STEP_ITEMS
from tests.support.stores import StoreCase

NOON = 1_764_158_400_000_000
"""2025-11-26 12:00:00 UTC."""


class LayoutTests(StoreCase):
    """One version folder."""

    def setUp(self) -> None:
        """Open it."""
        super().setUp()
        root, metadata_dir = self.opened_root()
        self.root_of_versions = root
        self.budget = NameBudget()
        self.versions = VersionDir(root, metadata_dir.versions, lambda size: size, self.budget)

    def add(self, name: str, at_us: int, content: bytes = b"x") -> None:
        """Add a version."""
        folders, file = version_path(tuple(name.encode().split(b"/")), at_us)
        path = os.path.join(*map(os.fsdecode, (*folders, file)))
        self.lay(f".homeftp/versions/{path}", content)

    def find(self, *names: bytes, below: bool = False, skip: Skip | None = None) -> list[VersionFile]:
        """The versions, in one list."""
        return [each for page in self.versions.find(names, below=below, skip=skip) for each in page]

    def found(self, *names: bytes, below: bool = False) -> list[tuple[Names, int]]:
        """The paths and times of versions."""
        return [(each.names, each.at_us - NOON) for each in self.find(*names, below=below)]

    def test_find(self) -> None:
        """The versions of a file are found newest first, over days, and for long names; those of others are not."""
        long = "n" * 250
        for name in ("d/a", f"d/{long}", "d/b"):
            for at_us in (0, 86_400_000_000, 1):
                self.add(name, NOON + at_us)
        for name in ("a", long):
            names = (b"d", name.encode())
            self.assertEqual(self.found(*names), [(names, each) for each in (86_400_000_000, 1, 0)])
        self.assertEqual(len(self.found(b"d", below=True)), 9)
        self.assertEqual(self.found(b"d"), [])

    def test_skip(self) -> None:
        """Skipped files are not found, and skipped folders are not opened."""
        for name in ("d/a", "d/b", "d/e/f", "d/e/g/h"):
            self.add(name, NOON)
        asked: list[Names] = []

        def skip(names: Names) -> bool:
            asked.append(names)
            return names in ((b"d", b"b"), (b"d", b"e"))

        self.assertEqual([each.names for each in self.find(b"d", below=True, skip=skip)], [(b"d", b"a")])
        self.assertFalse([names for names in asked if names[:2] == (b"d", b"e") and len(names) > 2])
        self.assertEqual(len(self.found(b"d", below=True)), 4, "the control")

    def test_little_memory(self) -> None:
        """All versions are found, each once, however few names are kept."""
        for name in ("d/a", "d/b", "d/e/f", "d/e/g/h", "d/e/g/i", "d/x/y"):
            for at_us in range(5):
                self.add(name, NOON + at_us)
        everything = self.found(b"d", below=True)
        self.assertEqual((len(everything), len(set(everything))), (30, 30))
        self.budget = NameBudget(1, least=1)
        self.versions = VersionDir(self.root_of_versions, self.versions.fd, lambda size: size, self.budget)
        self.assertEqual(self.found(b"d", below=True), everything)
        self.assertEqual(self.found(b"d", b"a"), [((b"d", b"a"), at_us) for at_us in range(4, -1, -1)])
        self.assertEqual(self.budget.walks, 0)

    def test_pages(self) -> None:
        """The versions of a large folder are looked at in steps: none before its step is asked for."""
        for number in range(STEP_ITEMS + 1):
            self.add(f"d/{number % 3}", NOON + number)
        pages = self.versions.find((b"d",), below=True)
        self.assertEqual(len(next(filter(None, pages))), STEP_ITEMS)
        self.assertEqual(self.budget.walks, 1)
        shutil.rmtree(self.path(".homeftp/versions/2025-11-26/d"))
        self.assertEqual(list(filter(None, pages)), [], "what was removed meanwhile is not found")
        self.assertEqual(self.budget.walks, 0)

    def test_steps(self) -> None:
        """A folder with many versions is read in steps, also to find the folders in it."""
        self.patch(sortednames, "PART", 10)
        for number in range(30):
            self.add("d/a", NOON + number)
        self.add("d/e/f", NOON)
        sizes = [len(page) for page in self.versions.find((b"d",), below=True)]
        self.assertEqual(sizes[-2:], [0, 1])
        self.assertEqual(sizes.count(0), 3 + 1 + 3, "steps: the versions of the day, and the folders beside them")
        self.assertEqual(sum(sizes), 31)

    def test_closed(self) -> None:
        """A search that is ended early is no longer under way."""
        self.add("d/a", NOON)
        pages = self.versions.find((b"d",), below=True)
        next(pages)
        assert isinstance(pages, Generator)
        pages.close()
        self.assertEqual(self.budget.walks, 0)

    def remove_empty_folders(self, removed: Callable[[tuple[bytes, ...]], None]) -> None:
        """Remove all folders that are empty, the deepest first."""
        for folder in self.versions.folders():
            self.versions.remove_folder(folder, removed)

    def test_others(self) -> None:
        """Files with other names, and folders that are no days, are ignored and not removed."""
        self.add("a", NOON)
        others = ("2025-11-26/README", "2025-11-26/.homeftp-99-a", "2025-13-01/.homeftp-12.00.00.000000-a", "x/a")
        for other in others:
            self.lay(f".homeftp/versions/{other}")
        self.assertEqual(self.found(b"a"), [((b"a",), 0)])
        self.assertEqual(self.versions.evict(deque(), 2**62, 2**62), 1)
        self.remove_empty_folders(lambda _: None)
        for other in others:
            self.assertTrue(os.path.exists(self.path(f".homeftp/versions/{other}")), other)

    def test_evict(self) -> None:
        """The oldest are removed first, only as many as needed, and pinned ones stay."""
        for number in range(5):
            self.add(f"d/f{number}", NOON + number, b"x" * 10)
        (newest,) = self.find(b"d", b"f0")
        evicted = self.versions.evict(deque(), 2**62, 15, pinned={newest.found.st_ino})
        self.assertEqual(evicted, 20)
        self.assertEqual({names[-1] for names, _ in self.found(b"d", below=True)}, {b"f0", b"f3", b"f4"})
        self.assertEqual((self.versions.total(2**62), self.versions.total(NOON + 4)), (30, 20))

    def test_evict_folders(self) -> None:
        """Where it is asked for, folders that eviction leaves empty go at once; others stay."""
        for path in ("d/e/a", "d/b", "f/a"):
            self.add(path, NOON)
        removed: list[tuple[bytes, ...]] = []
        self.versions.evict(deque(), 2**62, 0, 3)
        self.assertTrue(os.path.exists(self.path(".homeftp/versions/2025-11-26/d/e")), "the control")
        self.remove_empty_folders(lambda _: None)
        for path in ("d/e/a", "d/b", "f/a"):
            self.add(path, NOON + len(path))
        self.versions.evict(deque(), 2**62, 0, 2, folder_removed=removed.append)
        left = [names for names, _ in self.found(below=True)]
        self.assertEqual(left, [(b"d", b"e", b"a")])
        self.assertEqual(removed, [(b"2025-11-26", b"f")])

    def test_evicted_folders_count(self) -> None:
        """What is freed are versions and their folders: not that of a day, nor that of the home itself."""
        versions = VersionDir(self.root_of_versions, self.versions.fd, lambda size: size or 10, self.budget)
        for below, freed in (((), 31), ((b"d",), 21), ((b"d", b"e"), 11), ((b"d", b"e", b"f"), 1)):
            self.add("d/e/f/a", NOON)
            self.assertEqual((versions.total(2**62, below), versions.folders_total(2**62, below)), (1, freed - 1))
            self.assertEqual(versions.evict(deque(), 2**62, 1, below=below, folder_removed=lambda _: None), freed)
            self.assertEqual(os.listdir(self.path(".homeftp/versions")), [])

    def test_other_name(self) -> None:
        """A version that has another name frees nothing."""
        self.add("a", NOON, b"x" * 10)
        (version,) = self.find(b"a")
        folder = self.path(f".homeftp/versions/{os.fsdecode(version.folder[0])}")
        os.link(os.path.join(folder, os.fsdecode(version.file)), self.path("linked"))
        removed: list[tuple[bytes, int]] = []
        self.versions.evict(
            deque(), 2**62, 1, removed=lambda version, freed: removed.append((version.names[-1], freed))
        )
        self.assertEqual(removed, [(b"a", 0)])

    def test_empty_folders(self) -> None:
        """Empty folders are removed and reported, others are not."""
        self.add("d/e/a", NOON)
        self.add("b", NOON + 1)
        self.versions.evict(deque(), 2**62, 0, 1)
        removed: list[tuple[bytes, ...]] = []
        self.remove_empty_folders(removed.append)
        self.assertEqual(removed, [(b"2025-11-26", b"d", b"e"), (b"2025-11-26", b"d")])
        left = [
            os.path.join(above, name) for above, _, names in os.walk(self.path(".homeftp/versions")) for name in names
        ]
        self.assertEqual(len(left), 1)
        self.assertEqual(len(os.listdir(self.path(".homeftp/versions/2025-11-26"))), 1)
