"""Memory that goes back to the system."""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import os
import re
import sys
from typing import Iterator
from unittest import mock

from cryptography.hazmat.bindings import _rust
from twisted.trial.unittest import SynchronousTestCase

from homeftp.syscalls.memory import MappedFile, give_back_memory, release_code, unwritten, use_c_allocator
from tests.support import needs


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


class AllocatorTests(SynchronousTestCase):
    """The allocator of Python's objects."""

    def setUp(self) -> None:
        self.executed: list[tuple[object, ...]] = []

    def execute(self, *arguments: object) -> None:
        """Instead of execve(2), which would end the tests."""
        self.executed.append(arguments)

    def test_begins_anew(self) -> None:
        """The same command line begins anew, with one variable more, and with one more of glibc's settings."""
        off = "glibc.malloc.tcache_count=0"
        words = [sys.executable, "-m", "homeftp", "sync"]
        for before, settings in (({}, off), ({"GLIBC_TUNABLES": "glibc.a=1"}, f"{off}:glibc.a=1")):
            use_c_allocator(["python", "-m", "homeftp", "sync"], {"A": "b", **before}, self.execute)
            variables = {"A": "b", "PYTHONMALLOC": "malloc", "GLIBC_TUNABLES": settings}
            self.assertEqual(self.executed.pop(), (sys.executable, words, variables))

    def test_decided(self) -> None:
        """It does so once, not where somebody has chosen an allocator, and not where Python knows no program."""
        use_c_allocator(["python"], {"PYTHONMALLOC": "pymalloc"}, self.execute)
        with mock.patch.object(sys, "executable", ""):
            use_c_allocator(["python"], {}, self.execute)
        self.assertEqual(self.executed, [])

    def test_fails(self) -> None:
        """Where no program can be started, this one goes on."""

        def fail(*arguments: object) -> None:
            raise OSError

        use_c_allocator(["python"], {}, fail)


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

    def test_unwritten(self) -> None:
        """It finds private parts of files that may not be written, and were not: not in memory, nor in the swap."""
        lines = []
        for number, (permissions, path, anonymous, swap) in enumerate(
            [
                ("r-xp", "/lib/a b.so", 0, 0),
                ("rw-p", "/lib/writable.so", 0, 0),
                ("r-xp", "/lib/relocated.so", 4, 0),
                ("r-xp", "/lib/swapped.so", 0, 4),
                ("r--s", "/lib/shared", 0, 0),
                ("---p", "/lib/hole.so", 0, 0),
                ("r-xp", "", 0, 0),
                ("r-xp", "[vdso]", 0, 0),
                ("r--p", "/lib/c.so", 0, 0),
            ],
            1,
        ):
            lines += [
                f"{number:x}000-{number + 2:x}000 {permissions} 00001000 fe:00 26723    {path}".rstrip(" ") + "\n"
            ]
            lines += ["Rss:       8 kB\n", f"Anonymous:       {anonymous} kB\n", f"Swap:       {swap} kB\n"]
        lines += ["a0000-b0000 r-xp 00001000 fe:00 26723 /lib/untold.so\n", "Rss:       8 kB\n"]
        found = [MappedFile("/lib/a b.so", 0x1000, 0x2000), MappedFile("/lib/c.so", 0x9000, 0x2000)]
        self.assertEqual(list(unwritten(lines)), found)

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

    def test_others(self) -> None:
        """What a program has mapped of a file by itself is not a library's, and stays; nothing is lost anywhere."""
        path = self.mktemp()
        with open(path, "wb+") as file:
            file.write(b"content" * 1000)
            file.flush()
            with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE) as mapped:
                bytes(mapped)
                release_code(ctypes.CDLL(None))
                with open("/proc/self/smaps", encoding="utf-8") as lines:
                    after = lines.read().partition(os.path.basename(path))[2]
        self.assertGreater(int(re.search(r"Rss: +([0-9]+)", after)[1]), 0)  # type: ignore[index]

    def test_unknown(self) -> None:
        """Where the system has no such call, nothing happens."""
        release_code(None)
