"""Hashing files, and telling whether a file is still the same: used by server and client alike.

No paths, no database and no Twisted: a file is an open descriptor and its
stat.
"""

from __future__ import annotations

import hashlib
import os
import time
from typing import Iterator

from homeftp.config import KIB, MIB, PIECE, SLICE
from homeftp.errors import Changed

ALGORITHM = "sha256:"
"""The prefix of every hash."""

READ_AHEAD = 1 * MIB
"""Bytes that the system is asked to read beyond what is being hashed, or up to twice as many. By itself it reads what
the disk is set up for: where that was 2.5 MiB, a read took up to 25 ms of a processor, which no other thread gets while
the system reads."""

READ_AHEAD_STEP = 128 * KIB
"""Bytes that the system is asked for at a time. Of more, Linux reads no more than the larger of two settings of the
disk, ``read_ahead_kb`` and ``max_sectors_kb``, and leaves the rest out without a word. By default the first is 128."""

TRUSTWORTHY_NS = 2_000_000_000
"""Nanoseconds between a file's mtime and its hashing from which on a later change must show in the mtime.

The coarsest clock of a file system in use ticks every 2 s (FAT); Git calls a
file younger than that "racily clean".
"""


TICK_NS = 20_000_000
"""Nanoseconds after which the time of a change is another: Linux counts in jiffies, of 10 ms at the most."""

_TICKS = 10

_SECOND_NS = 1_000_000_000


def binary(hash: str) -> bytes:
    """The 32 bytes of the digest in a hash."""
    return bytes.fromhex(hash[len(ALGORITHM) :])


def from_binary(digest: bytes) -> str:
    """The hash with these bytes as its digest."""
    return ALGORITHM + digest.hex()


def hash_bytes(content: bytes) -> str:
    """The hash of some bytes."""
    return ALGORITHM + hashlib.sha256(content).hexdigest()


class Hasher:
    """The hash of bytes that arrive in pieces."""

    def __init__(self) -> None:
        self._state = hashlib.sha256()

    def update(self, data: bytes | memoryview) -> None:
        """Add the next bytes."""
        self._state.update(data)

    def hash(self) -> str:
        """The hash of all bytes so far."""
        return ALGORITHM + self._state.hexdigest()


def signature(found: os.stat_result) -> str:
    """A signature that tells whether a file changed without reading it: size, mtime, ctime and inode.

    The ctime moves with every change and cannot be set back; it also moves
    when the file is renamed or its mode is set, which costs one hashing.
    """
    return f"{found.st_size}.{found.st_mtime_ns}.{found.st_ctime_ns}.{found.st_ino}"


def same_content(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether an open file's content is the same by two stats of it.

    The ctime does not count: it also moves when another file takes the name,
    and a reader keeps the file that it opened. Where the ctime has moved, a
    program may have changed the content and set the mtime back: then only
    reading it again tells.
    """
    return before.st_size == after.st_size and before.st_mtime_ns == after.st_mtime_ns


def is_settled(found: os.stat_result) -> bool:
    """Whether every change after this stat will show in the file's mtime.

    Two changes within one tick of the clock of file times leave the same mtime, and the second one would go unnoticed.
    """
    return not 0 <= time.time_ns() - found.st_mtime_ns < TICK_NS


def at_rest(fd: int, found: os.stat_result) -> os.stat_result:
    """The stat of an open file, from when it `is_settled`; `found` is its stat of now.

    Sleeps until the next tick if needed, so that it is not for jobs of the server's pool; raises `Changed` (44) for a
    file that keeps changing.
    """
    for _ in range(_TICKS):
        age = time.time_ns() - found.st_mtime_ns
        if not 0 <= age < TICK_NS:
            return found
        time.sleep((TICK_NS - age) / 1e9)
        found = os.fstat(fd)
    raise Changed("the file is being written at this moment: try again")


def is_trustworthy(found: os.stat_result, hashed_ns: int) -> bool:
    """Whether every change after `hashed_ns` (nanoseconds since 1970), and after the stat `found`, shows in its stat.

    A later change sets the mtime to what the file system's clock shows then, which is not before the ctime. So the
    change shows if the mtime is at least a tick before the ctime; a fraction of a second in the mtime tells that a tick
    is shorter than a second. So the hash of a file that was pushed with its own mtime is known at once.
    """
    if abs(hashed_ns - found.st_mtime_ns) >= TRUSTWORTHY_NS:
        return True
    return bool(found.st_mtime_ns % _SECOND_NS) and found.st_ctime_ns - found.st_mtime_ns >= TICK_NS


def read_at(fd: int, offset: int, length: int) -> bytes:
    """Up to `length` bytes at `offset`; fewer only at the file's end."""
    if not hasattr(os, "pread"):
        os.lseek(fd, offset, os.SEEK_SET)
        return os.read(fd, length)
    data = os.pread(fd, length, offset)
    if len(data) == length or not data:
        return data
    pieces = [data]
    offset += len(data)
    length -= len(data)
    while length and (data := os.pread(fd, length, offset)):
        pieces.append(data)
        offset += len(data)
        length -= len(data)
    return b"".join(pieces)


def read_whole(fd: int, size: int) -> bytes:
    """All of an open file that should have `size` bytes, or a byte more of one that has more: mostly by one call.

    Fewer bytes than were asked for are all there were, if that is what the file should have.
    """
    if hasattr(os, "pread"):
        data = os.pread(fd, size + 1, 0)
        if len(data) == size:
            return data
    return read_at(fd, 0, size + 1)


def hash_slices(hasher: Hasher, fd: int, start: int, end: int, *, slice_size: int = SLICE) -> Iterator[None]:
    """Give `hasher` the bytes of an open file from `start` to `end`; yields after each slice of `slice_size` bytes.

    Until it ends the system reads nothing ahead for this descriptor but what it is asked for. Raises `Changed` (44)
    when the file ends before `end`.
    """
    offset, pause, asked = start, start + slice_size, start
    asks = end - start > PIECE and _advise(fd, 0, 0, "RANDOM")
    try:
        while offset < end:
            if offset >= pause:
                pause += slice_size
                yield None
            if asks and asked - offset < READ_AHEAD:
                asked = _read_ahead(fd, asked, min(end, offset + 2 * READ_AHEAD))
            data = read_at(fd, offset, min(PIECE, end - offset, pause - offset))
            if not data:
                raise Changed("the file changed size while being read: try again")
            hasher.update(data)
            offset += len(data)
    finally:
        if asks:
            _advise(fd, 0, 0, "NORMAL")  # it may be sent next


def _read_ahead(fd: int, begin: int, end: int) -> int:
    """Ask the system to read a range, in steps; gives its end."""
    while begin < end:
        step = min(READ_AHEAD_STEP - begin % READ_AHEAD_STEP, end - begin)
        _advise(fd, begin, step, "WILLNEED")
        begin += step
    return end


def _advise(fd: int, offset: int, length: int, advice: str) -> bool:
    """posix_fadvise(2). Whether the system has taken it: not every system has the call, nor every file system."""
    try:
        os.posix_fadvise(fd, offset, length, getattr(os, f"POSIX_FADV_{advice}"))
    except (AttributeError, OSError):
        return False
    return True


def digest_slices(fd: int, size: int, *, slice_size: int = SLICE) -> Iterator[str | None]:
    """Hash the first `size` bytes of an open file: None after each slice of `slice_size` bytes, at last the hash.

    Raises `Changed` (44) when the file ends before `size`.
    """
    hasher = Hasher()
    yield from hash_slices(hasher, fd, 0, size, slice_size=slice_size)
    yield hasher.hash()


def digest(fd: int, size: int) -> str:
    """`digest_slices` in one go."""
    hashes = [found for found in digest_slices(fd, size) if found is not None]
    return hashes[0]
