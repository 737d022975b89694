"""Memory that goes back to the system."""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import os
import re
from typing import Any, Iterator

from cryptography.hazmat.bindings import _rust
from twisted.trial.unittest import SynchronousTestCase

from homeftp.syscalls.memory import give_back_memory, release_code
from tests.support import needs

PAGE = mmap.PAGESIZE
LOAD, NOTE = 1, 4
READ_EXECUTE, READ_WRITE = 5, 6


class HeapTests(SynchronousTestCase):
    """The C library's heap."""

    def test_give_back(self) -> None:
        """One arena (-8), and the threshold for trimming (-1) and for separate mappings (-3)."""
        settings: list[tuple[int, int]] = []

        def mallopt(setting: int, value: int) -> int:
            settings.append((setting, value))
            return 1

        give_back_memory(2**21, mallopt)
        self.assertEqual(sorted(settings), [(-8, 1), (-3, 2**21), (-1, 2**21)])
        give_back_memory(2**21, None)


class OneLibrary:
    """A C library whose linker has loaded one other, at 16 pages; it notes what is given back."""

    def __init__(self, *segments: tuple[int, int, int, int]) -> None:
        """Each segment has a type, flags, an address in the library, and a size."""
        self.advised: list[tuple[int, int, int]] = []
        self.madvise = Advise(self.advised)
        self._segments = segments

    def dl_iterate_phdr(self, visit: Any, data: object) -> int:
        """Call with the struct that dl_iterate_phdr(3) shows."""
        library = visit.argtypes[0]._type_
        segment = dict(library._fields_)["segments"]._type_
        made = (segment * len(self._segments))()
        for place, (kind, flags, address, size) in enumerate(self._segments):
            made[place] = segment(kind, flags, 0, address, 0, size, size, PAGE)
        found = library(16 * PAGE, b"lib", made, len(self._segments))
        return int(visit(ctypes.pointer(found), ctypes.sizeof(library), None))


class Advise:
    """madvise(2), which only notes its arguments."""

    def __init__(self, advised: list[tuple[int, int, int]]) -> None:
        self._advised = advised

    def __call__(self, begin: int, size: int, advice: int) -> int:
        self._advised.append((begin, size, advice))
        return 0


def parts(path: str) -> Iterator[tuple[int, int, int]]:
    """Where the parts of a library are that may not be written, each with its bytes and those that are in memory."""
    begin = size = 0
    with open("/proc/self/smaps", encoding="utf-8") as file:
        for line in file:
            if found := re.match(r"([0-9a-f]+)-([0-9a-f]+) (....)", line):
                begin, end = int(found[1], 16), int(found[2], 16)
                size = end - begin if line.rstrip().endswith(path) and found[3] == "r-xp" else 0
            elif size and line.startswith("Rss:"):
                yield begin, size, int(line.split()[1]) * 1024


class CodeTests(SynchronousTestCase):
    """The pages of programs and libraries."""

    def test_segments(self) -> None:
        """Whole pages are given back of what is loaded and may not be written, and of nothing else."""
        libc = OneLibrary(
            (LOAD, READ_EXECUTE, 0, 2 * PAGE + 1),
            (LOAD, READ_WRITE, 3 * PAGE, PAGE),
            (NOTE, READ_EXECUTE, 4 * PAGE, PAGE),
            (LOAD, READ_EXECUTE, 5 * PAGE + 1, 3 * PAGE),
            (LOAD, READ_EXECUTE, 9 * PAGE + 1, PAGE),
        )
        release_code(libc)
        self.assertEqual(libc.advised, [(16 * PAGE, 2 * PAGE, 4), (22 * PAGE, 2 * PAGE, 4)])

    def test_released(self) -> None:
        """The code of a library goes, and what is run next works; the control: all of it was there."""
        needs.require("a system that shows what is in memory", lambda: os.path.exists("/proc/self/smaps"))
        before = list(parts(_rust.__file__))
        self.assertNotEqual(before, [])
        for begin, size, _ in before:
            ctypes.string_at(begin, size)  # reads every page
        digest = hashlib.sha256(b"").digest()
        sizes = sum(size for _, size, _ in before)
        self.assertGreater(sum(rss for _, _, rss in parts(_rust.__file__)), 0.9 * sizes)
        release_code(ctypes.CDLL(None))
        self.assertLess(sum(rss for _, _, rss in parts(_rust.__file__)), 0.1 * sizes)
        self.assertEqual(hashlib.sha256(b"").digest(), digest)

    def test_unknown(self) -> None:
        """Where the system has no such list, nothing happens."""
        release_code(None)
