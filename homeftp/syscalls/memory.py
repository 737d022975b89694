"""The memory of this process: how much of it the C library and the kernel keep for later.

What is here changes only how soon memory goes back to the system. Where a system has none of these calls, nothing
happens.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

Execute = Callable[[str, list[str], Mapping[str, str]], object]
"""execve(2), which returns only where it fails."""

Mallopt = Callable[[int, int], int]
"""mallopt(3): takes a setting and its value; 1 where the C library took it."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8

_MADV_DONTNEED = 4

_ALLOCATOR = "PYTHONMALLOC"
"""The variable that chooses Python's allocator."""

_TUNABLES, _NO_THREAD_CACHES = "GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"
"""The variable with the settings of glibc, and the one by which threads keep no freed pieces of the heap."""

_MAPS = "/proc/self/maps"
"""The mappings of this process: see proc_pid_maps(5)."""

_SMAPS = "/proc/self/smaps"
"""The mappings, and how much of each is in memory: see proc_pid_smaps(5)."""

_HEXADECIMAL = 16

_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+ *(.*)\n")
_READABLE_FILE = re.compile(r"r-.p/.*")
_FIELD = re.compile(r"(Anonymous|Swap): +([0-9]+) kB\n")


class MappedFile(msgspec.Struct, frozen=True):
    """A part of a file that is mapped, and whose pages are as in the file."""

    path: str
    begin: int
    """Its first address."""
    size: int
    """Bytes."""


def unwritten(lines: Iterable[str]) -> Iterator[MappedFile]:
    """The private mappings in lines of `_SMAPS` that may not be written, and of which no page ever was.

    A page that was written is one of its own, in memory or swapped out: it would be lost.
    """
    mapped, fields = None, 0
    for line in lines:
        if found := _MAPPING.fullmatch(line):
            begin, end = int(found[1], _HEXADECIMAL), int(found[2], _HEXADECIMAL)
            fields = 0
            mapped = MappedFile(found[4], begin, end - begin) if _READABLE_FILE.match(found[3] + found[4]) else None
        elif mapped is not None and (found := _FIELD.fullmatch(line)):
            fields += 1
            if found[2] != "0":
                mapped = None
            elif fields == 2:
                yield mapped


def c_mallopt() -> Mallopt | None:
    """mallopt(3) of the C library; None where it has none."""
    return getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None


def use_c_allocator(program: Sequence[str], environment: Mapping[str, str], execute: Execute = os.execve) -> None:
    """Start this program again with the C library's allocator, unless its environment names an allocator.

    Python's own allocator keeps a MiB for as long as one object in it is used; that of the C library gives back each
    page of 4 KiB, but for those with a piece that a thread keeps for itself: so none does. Both are read when a program
    starts. If the program cannot be started again, it goes on.
    """
    if _ALLOCATOR not in environment and sys.executable:
        tunables = ":".join(filter(None, (_NO_THREAD_CACHES, environment.get(_TUNABLES))))  # the last one counts
        added = {_ALLOCATOR: "malloc", _TUNABLES: tunables}
        with contextlib.suppress(OSError):
            execute(sys.executable, [sys.executable, *program[1:]], {**environment, **added})


def give_back_memory(threshold: int, mallopt: Mallopt | None) -> None:
    """Let the C library keep no more than `threshold` free bytes, and one heap for all threads.

    By default glibc gives each thread a heap, and never gives back memory that a
    heap once needed. A hint: without `mallopt` nothing happens.
    """
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_TRIM_THRESHOLD, threshold)
        mallopt(_M_MMAP_THRESHOLD, threshold)


def _hold(path: str) -> bool:
    """Keep a library loaded from now on. Whether what is mapped of this file stays where it is, as the program does."""
    if path == os.readlink("/proc/self/exe"):
        return True
    with contextlib.suppress(OSError):  # it is no library
        ctypes.CDLL(path, os.RTLD_NOLOAD | os.RTLD_LAZY)  # ctypes never closes it
        return True
    return False


def release_code(libc: Any) -> None:
    """Give back the pages of programs and libraries that nothing has written: what runs next is mapped again.

    That takes as long as a page fault, because the kernel keeps the pages of files. `libc` is the C library; None where
    this cannot be done. Each library is kept loaded before its addresses are read: nothing else is mapped there then.
    """
    madvise = getattr(libc, "madvise", None)
    if madvise is None:
        return
    madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    with contextlib.suppress(OSError):  # a system that does not tell what is mapped
        with open(_MAPS, encoding="utf-8", errors="surrogateescape") as lines:
            found = filter(None, map(_MAPPING.fullmatch, lines))
            held = set(filter(_hold, {each[4] for each in found if _READABLE_FILE.match(each[3] + each[4])}))
        with open(_SMAPS, encoding="utf-8", errors="surrogateescape") as lines:
            for each in unwritten(lines):
                if each.path in held:
                    madvise(each.begin, each.size, _MADV_DONTNEED)
