"""C4: disks that are really full, or read-only, and a process that may not write or open any more."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from typing import Callable, Iterator

from homeftp.errors import NoSpace
from tests.support import needs
from tests.support.mounts import btrfs, memory, run
from tests.support.stores import StoreCase, put_of
from tests.system.faults.case import FaultCase
from tests.system.faults.driver import AFTERWARDS
from tests.system.faults.driving import Driver
from tests.system.faults.scenarios import LARGE, OLD, SCENARIOS
from tests.system.faults.verdict import after_failure, after_restart

SMALL_DISK = "size=1m,nr_inodes=100,mode=755"

TELLING = re.compile("it needs .* (are free|exhausted)|: the disk, .* exhausted")
"""What an owner must hear of a full disk; a parent's refusal has a test of its own."""

_LARGE = ("huge", "resume")
FITTING = [name for name, one in SCENARIOS.items() if name not in _LARGE and not one.starts and not one.has_versions]
"""The scenarios for which it has space, with a store that is open when it is full and nothing that gives way."""

WRITING = {name for name in FITTING if SCENARIOS[name].writes}
"""Those that need more space than there is."""


def free(path: str) -> tuple[int, int]:
    """Bytes and names that are still free."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize, found.f_favail


def taken(path: str) -> tuple[int, int]:
    """Bytes and names that the files of a folder account for."""
    found = [os.lstat(os.path.join(above, name)) for above, *both in os.walk(path) for names in both for name in names]
    sizes = {one.st_ino: one.st_blocks * 512 for one in found}
    return sum(sizes.values()), len(sizes)


def capacity(root: str) -> list[int]:
    """What there is for files in all: it shrinks where something that has no name is kept."""
    return [left + own for left, own in zip(free(root), taken(root), strict=True)]


@contextlib.contextmanager
def no_bytes(root: str) -> Iterator[None]:
    """A disk without a free byte."""
    filler = os.path.join(root, "filler")
    fd = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        with contextlib.suppress(OSError):
            while os.write(fd, bytes(4096)):
                pass
        yield
    finally:
        os.ftruncate(fd, 0)  # a process that another thread is just starting may have the file open for a while
        os.close(fd)
        os.unlink(filler)


@contextlib.contextmanager
def no_names(root: str) -> Iterator[None]:
    """A disk without a free inode."""
    fillers = []
    try:
        with contextlib.suppress(OSError):
            for number in range(10_000):
                path = os.path.join(root, f"filler {number}")
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
                fillers.append(path)
        yield
    finally:
        for path in fillers:
            os.unlink(path)


@contextlib.contextmanager
def read_only(root: str) -> Iterator[None]:
    """A disk that its owner, or the kernel after a fault, has mounted read-only."""
    run("mount", "-o", "remount,ro", root)
    try:
        yield
    finally:
        run("mount", "-o", "remount,rw", root)


class DiskTests(FaultCase):
    """Each scenario meets each of these; afterwards all is as it was, and the next file is taken."""

    def setUp(self) -> None:
        """Only root mounts."""
        needs.root()
        super().setUp()

    def check(self, condition: Callable[[str], contextlib.AbstractContextManager[None]], refusal: str) -> list[str]:
        """Let all scenarios meet this, each on a disk of its own; those that were refused nothing."""
        unharmed = []

        def meet(driver: Driver, name: str) -> list[str]:
            root = driver.root()
            with memory(root, SMALL_DISK):
                SCENARIOS[name].lay(root)
                before = capacity(root)
                outcome = driver.run(name, root, condition=condition(root))
                wrong = after_failure(SCENARIOS[name], outcome, root) + after_restart(root)
                if capacity(root) != before:
                    wrong.append(f"free before: {before}, and now: {capacity(root)}")
                full = [answer.message for answer in outcome.answers.values() if answer.refusal == "NoSpace"]
                wrong += [message for message in full if not TELLING.search(message)]
                if not outcome.refusals:
                    unharmed.append(name)
                elif outcome.refusals != {refusal}:
                    wrong.append(f"refused as {outcome.refusals}")
            driver.forget(root)
            return [f"{name}: {one}" for one in wrong]

        self.assertEqual(self.each(meet, FITTING), [])
        return unharmed

    def test_no_bytes(self) -> None:
        """Full of bytes: 52 for new content, with what is needed and what is free."""
        self.assertEqual(set(self.check(no_bytes, "NoSpace")) & WRITING, set())

    def test_no_names(self) -> None:
        """Full of files: 52 for new content, and for a directory."""
        self.assertEqual(set(self.check(no_names, "NoSpace")) & (WRITING | {"directory"}), set())

    def test_read_only(self) -> None:
        """Read-only: 33, for everything."""
        self.assertEqual(self.check(read_only, "Forbidden"), [])

    def test_control(self) -> None:
        """A file without a name takes space from the others, and that is noticed."""
        root = self.driver().root()
        with memory(root, SMALL_DISK):
            before = capacity(root)
            with tempfile.TemporaryFile(dir=root) as file:
                file.write(b"content")
                file.flush()
                self.assertEqual([was - now for was, now in zip(before, capacity(root), strict=True)], [4096, 1])
            self.assertEqual(capacity(root), before)


class QuotaTests(FaultCase):
    """A quota that the kernel keeps."""

    def test_quota(self) -> None:
        """EDQUOT: 52, though space seems to be free; all of it is given back, and without the quota it is stored."""
        driver = self.driver()
        root = driver.root()
        top = os.path.dirname(root)
        with btrfs(top):
            run("btrfs", "quota", "enable", top)
            run("btrfs", "subvolume", "create", root)
            SCENARIOS["large"].lay(root)
            before = self.referenced(root)
            run("btrfs", "qgroup", "limit", "512K", root)
            outcome = driver.run("large", root, condition=contextlib.nullcontext())
            self.assertEqual(outcome.refusals, {"NoSpace"})
            self.assertIn("a disk quota or the number of files is exhausted", outcome.answers[0].message)
            self.assertEqual(after_failure(SCENARIOS["large"], outcome, root), [])
            os.unlink(os.path.join(root, AFTERWARDS))
            self.assertAlmostEqual(self.referenced(root), before, delta=16384)
            run("btrfs", "qgroup", "limit", "none", root)
            outcome = driver.run("large", root)
            self.assertEqual(outcome.refusals, set())
            self.assertEqual(after_failure(SCENARIOS["large"], outcome, root) + after_restart(root), [])

    def referenced(self, root: str) -> int:
        """Bytes that the quota counts."""
        run("btrfs", "filesystem", "sync", root)
        shown = run("btrfs", "qgroup", "show", "--raw", "-f", root)
        return int(shown.splitlines()[-1].split()[1])


class LimitTests(FaultCase):
    """What a process may, real limits."""

    def check(self, name: str, refusal: str, **limits: int) -> bool:
        """Carry out a scenario within these limits; whether it was refused nothing."""
        driver = self.driver()
        root = driver.root()
        SCENARIOS[name].lay(root)
        outcome = driver.run(name, root, limits=limits)
        self.assertEqual(after_failure(SCENARIOS[name], outcome, root) + after_restart(root), [], (name, limits))
        self.assertLessEqual(outcome.refusals, {refusal, *(["OperatorError"] if SCENARIOS[name].starts else [])}, name)
        return not outcome.refusals

    def test_file_size(self) -> None:
        """EFBIG, with SIGXFSZ ignored as every Python program ignores it: 52."""
        for name, scenario in SCENARIOS.items():
            unharmed = self.check(name, "NoSpace", RLIMIT_FSIZE=0)
            self.assertFalse(unharmed and scenario.writes, name)

    def test_descriptors(self) -> None:
        """EMFILE, at the first descriptor, at the second, and so on until there are enough: 51."""
        for name in SCENARIOS:
            enough = next(more for more in range(100) if self.check(name, "Busy", RLIMIT_NOFILE=more))
            self.assertGreater(enough, 1, name)

    def test_control(self) -> None:
        """A store that keeps what it gave up on open is caught by a real error as by one that was injected."""
        driver = self.driver()
        root = driver.root()
        SCENARIOS["large"].lay(root)
        outcome = driver.run("large", root, system="wasteful", limits={"RLIMIT_FSIZE": 0})
        found = after_failure(SCENARIOS["large"], outcome, root)
        self.assertTrue(any("still open: " in wrong for wrong in found), found)


class MeanwhileTests(StoreCase):
    """A disk that gets full while a large file arrives."""

    def test_full_meanwhile(self) -> None:
        """The write that finds no space is refused with 52; all that was written before is given back."""
        needs.root()
        with memory(self.root, SMALL_DISK):
            path = self.lay("file", OLD)
            store = self.store()
            before = capacity(self.root), os.stat(path).st_ino
            upload = store.upload(put_of("file", LARGE)[0])
            upload.write(LARGE[:300_000])
            with no_bytes(self.root):
                with self.assertRaises(NoSpace) as caught:
                    upload.write(LARGE[300_000:])
                self.assertEqual(self.left(), [])
            self.assertRegex(caught.exception.message, r"it needs 397\.3 kB, about 0 bytes are free")
            self.assertEqual((capacity(self.root), os.stat(path).st_ino), before)
            self.assertEqual(self.stream(store, "file", LARGE).size, len(LARGE))
            store.close()


class ParentTests(StoreCase):
    """A disk that is full before a file's directory is made."""

    def test_message(self) -> None:
        """It is the file that is refused, and the number of files that is used up."""
        needs.root()
        with memory(self.root, SMALL_DISK):
            store = self.store()
            try:
                with no_names(self.root):
                    (answer,) = store.write_many([put_of("new/file", b"content")])
            finally:
                store.close()
        assert isinstance(answer, NoSpace)
        self.assertRegex(
            answer.message,
            "new/file: it needs 7 bytes, and .* a disk quota or the number of files is exhausted",
        )
