"""The memory of this process: how much of it the C library and the kernel keep for later.

What is here changes only how soon memory goes back to the system. Where a system has none of these calls, nothing
happens.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from typing import Any, Callable

Mallopt = Callable[[int, int], int]
"""mallopt(3): takes a setting and its value; 1 where the C library took it."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8

_PT_LOAD = 1
_PF_W = 2
"""The segments of a program or library that are in memory, and those of them that may be written; see elf(5)."""

_MADV_DONTNEED = 4


class _Segment(ctypes.Structure):
    """Elf64_Phdr of elf(5)."""

    _fields_ = (
        ("type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("offset", ctypes.c_uint64),
        ("address", ctypes.c_uint64),
        ("physical", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("memory", ctypes.c_uint64),
        ("align", ctypes.c_uint64),
    )


class _Library(ctypes.Structure):
    """The beginning of struct dl_phdr_info of dl_iterate_phdr(3)."""

    _fields_ = (
        ("base", ctypes.c_uint64),
        ("name", ctypes.c_char_p),
        ("segments", ctypes.POINTER(_Segment)),
        ("count", ctypes.c_uint16),
    )


_Visitor = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Library), ctypes.c_size_t, ctypes.c_void_p)


def c_mallopt() -> Mallopt | None:
    """mallopt(3) of the C library; None where it has none."""
    return getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None


def give_back_memory(threshold: int, mallopt: Mallopt | None) -> None:
    """Let the C library keep no more than `threshold` free bytes, and one heap for all threads.

    By default glibc gives each thread a heap, and never gives back memory that a
    heap once needed. A hint: without `mallopt` nothing happens.
    """
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_TRIM_THRESHOLD, threshold)
        mallopt(_M_MMAP_THRESHOLD, threshold)


def release_code(libc: Any) -> None:
    """Give back the pages of programs and libraries that nothing has written: what runs next is mapped again.

    That takes as long as a page fault, because the kernel keeps the pages of files. Segments that may be written have
    what the dynamic linker and the program wrote into them, and stay. The linker's own list is used, under its lock,
    so that no library is loaded or unloaded meanwhile. `libc` is the C library; None where this cannot be done.
    """
    iterate = getattr(libc, "dl_iterate_phdr", None)
    if iterate is None or ctypes.sizeof(ctypes.c_void_p) != ctypes.sizeof(ctypes.c_uint64):
        return
    madvise = libc.madvise
    madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int

    def visit(library: Any, size: int, data: object) -> int:
        found = library.contents
        for number in range(found.count):
            segment = found.segments[number]
            if segment.type == _PT_LOAD and not segment.flags & _PF_W:
                first = found.base + segment.address
                begin = -(-first // mmap.PAGESIZE) * mmap.PAGESIZE  # what is on a page with something else stays
                end = (first + segment.size) // mmap.PAGESIZE * mmap.PAGESIZE
                if begin < end:
                    madvise(begin, end - begin, _MADV_DONTNEED)
        return 0

    iterate(_Visitor(visit), None)
