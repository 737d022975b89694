"""Names that a disk finds and does not list: they do not exist."""

from __future__ import annotations

import os

from homeftp.store.local.disk.spelling import Spelling, is_settled
from homeftp.syscalls import System
from tests.support.stores import LONG_AGO, StoreCase, Unlisted


class Counting(Unlisted):
    """Counts how often names are read."""

    reads = 0

    def names_in(self, directory: int) -> list[bytes]:
        self.reads += 1
        return super().names_in(directory)


class SpellingTests(StoreCase):
    """One directory."""

    def setUp(self) -> None:
        """Files in the root, the second of which is listed by another name, the third in another case."""
        super().setUp()
        for name in ("a", "OTHER", "Photo", "SHORT~1.TXT", "REAL~1.TXT"):
            self.lay(name)
        self.fd = os.open(self.root, os.O_RDONLY)
        self.addCleanup(os.close, self.fd)
        self.system = Counting(**{"OTHER": "long name", "SHORT~1.TXT": "short and long.txt"})

    def age(self, mtime_us: int = LONG_AGO) -> None:
        """Set the time of the directory."""
        os.utime(self.root, ns=(mtime_us * 1000, mtime_us * 1000))

    def is_found(self, spelling: Spelling, name: str, of: str | None = None) -> bool:
        """Whether the file `of` is found by a name."""
        try:
            spelling.expect(self.fd, name.encode())
            spelling.check(self.fd, name.encode(), os.stat(self.path(of or name)))
        except FileNotFoundError:
            return False
        return True

    def test_listed(self) -> None:
        """A name is found if it is listed, or if the same file is listed by one that folds alike."""
        spelling = Spelling(self.system, self.fd)
        self.assertIsNone(spelling.exact_device)
        for name, of, found in (
            ("a", "a", True),
            ("OTHER", "OTHER", False),
            ("photo", "Photo", True),
            ("pho\u00adto", "Photo", True),
            ("photo", "a", False),
            ("A", "OTHER", False),
            ("SHORT~1.TXT", "SHORT~1.TXT", False),
            ("REAL~1.TXT", "REAL~1.TXT", True),
            ("real~1.txt", "REAL~1.TXT", False),
        ):
            self.assertEqual(self.is_found(spelling, name, of), found, (name, of))

    def test_disk_without_forms(self) -> None:
        """On a disk that finds a name by all its Unicode forms, such as APFS, the one that is listed is served."""
        composed, other = "é".encode(), "e\u0301".encode()
        self.lay("é")
        os.link(self.path("é"), self.path("e\u0301"))  # here another name; there the same
        spelling = Spelling(Counting(**{"é": "e\u0301"}), self.fd)
        self.assertTrue(spelling.is_stored_as(self.fd, composed, other))
        spelling = Spelling(Counting(), self.fd)
        self.assertFalse(spelling.is_stored_as(self.fd, composed, other), "the control: two names of one file")

    def test_exact(self) -> None:
        """On a file system that finds nothing else nothing is refused, and no directory is read."""

        class Exact(Counting):
            def finds_only_listed_names(self, fd: int) -> bool:
                return True

        system = Exact(OTHER="long name")
        spelling = Spelling(system, self.fd)
        self.assertEqual(spelling.exact_device, os.stat(self.root).st_dev)
        for name in ("OTHER", "SHORT~1.TXT", "a"):
            self.assertTrue(self.is_found(spelling, name))
        self.assertTrue(spelling.may_be_new(self.fd, b"NEW~1"))
        self.assertEqual(system.reads, 0)

    def test_new(self) -> None:
        """A name in the form of 8.3 names is no new name, whether it is taken or not."""
        spelling = Spelling(self.system, self.fd)
        for name in ("SHORT~1.TXT", "NONE~1", "none~12.z", "AB1234~1.JPG"):
            self.assertFalse(spelling.may_be_new(self.fd, name.encode()), name)
        for name in ("REAL~1.TXT", "a~", "~a", "notes~1.text", "a long name~1.txt", "backup.old~1", "OTHER", "new"):
            self.assertTrue(spelling.may_be_new(self.fd, name.encode()), name)

    def test_same_for_missing(self) -> None:
        """For an 8.3 name the directory is read as often whether a file has it or not, and nothing is looked up."""
        reads = []
        for name in (b"SHORT~1.TXT", b"NONE~1.TXT"):
            system = Counting(**{"SHORT~1.TXT": "short and long.txt"})
            spelling = Spelling(system, self.fd)
            self.assertRaises(FileNotFoundError, spelling.expect, self.fd, name)
            self.assertRaises(FileNotFoundError, spelling.expect, self.fd, name)
            reads.append(system.reads)
        self.assertEqual(reads[0], reads[1])

    def test_remembered(self) -> None:
        """A directory is read once as long as its times stay, and again when they change."""
        self.age()
        spelling = Spelling(self.system, self.fd)
        for _ in range(3):
            self.assertTrue(self.is_found(spelling, "a"))
        self.assertEqual(self.system.reads, 1)
        self.lay("b")
        self.assertTrue(self.is_found(spelling, "b"))
        self.assertEqual(self.system.reads, 2)

    def test_coarse_times(self) -> None:
        """What is read while its times may still hide a change is not remembered: FAT has two seconds."""

        second = 10**9
        for stamp, seconds, settled in (
            ((100 * second, 90 * second), 100, False),
            ((90 * second, 100 * second), 102, False),
            ((100 * second, 100 * second), 104, True),
            ((100 * second + 1, 100 * second), 100, True),
            ((100 * second, 100 * second + 1), 100, True),
        ):
            self.assertEqual(is_settled(stamp, seconds * second), settled, (stamp, seconds))

    def test_bounded(self) -> None:
        """Only so many names are kept, those of the directories that were asked about last; no larger directory is."""
        folders = []
        for number in range(3):
            self.lay(f"d{number}/x")
            self.lay(f"d{number}/y")
            folders.append(os.open(self.path(f"d{number}"), os.O_RDONLY))
            self.addCleanup(os.close, folders[-1])
        spelling = Spelling(self.system, self.fd, kept=4)
        found = os.stat(self.path("d0/x"))
        for fd in folders:
            spelling.check(fd, b"x", found)
        for fd, reads in ((folders[2], 0), (folders[1], 0), (folders[0], 1), (folders[2], 1), (self.fd, 1)):
            before = self.system.reads
            self.assertRaises(FileNotFoundError, spelling.check, fd, b"z", found)
            self.assertEqual(self.system.reads - before - 1, reads, "one more looks for names that fold alike")

    def test_forms_bounded(self) -> None:
        """The names in other Unicode forms are kept of so many directories, those that were asked about last."""
        folders = []
        for number in range(3):
            self.lay(f"d{number}/e\u0301")
            folders.append(os.open(self.path(f"d{number}"), os.O_RDONLY))
            self.addCleanup(os.close, folders[-1])
        spelling = Spelling(self.system, self.fd, forms_kept=2)
        for number, reads in ((0, 1), (1, 1), (0, 0), (2, 1), (0, 0), (1, 1)):
            before = self.system.reads
            self.assertEqual(spelling.other_form(folders[number], "\u00e9".encode()), "e\u0301".encode())
            self.assertEqual(self.system.reads - before, reads, number)


class RealTests(StoreCase):
    """The machine's own file systems."""

    def test_names(self) -> None:
        """Names are read from the beginning each time, of a directory that is open for lookups only."""
        self.lay("a")
        self.lay("b")
        fd = os.open(self.root, getattr(os, "O_PATH", os.O_RDONLY))
        self.addCleanup(os.close, fd)
        for _ in range(2):
            self.assertEqual(sorted(System().names_in(fd)), [b"a", b"b"])
