"""Reads one open file again, from the disk, and judges whether it has kept its content.

Damage is told from a change by the stat: every write, truncation or replacement
by any program moves the ctime, which no program can set back. A file whose
size, mtime, ctime and inode are those of when it was hashed was not changed;
with another hash it is damaged. Anything else is a change. Where the disk keeps
no ctime, size and mtime have to do. Once it is marked,
it stays damaged for as long as it has just that content, whatever moves its ctime.
"""

from __future__ import annotations

import os
from typing import Generator

import msgspec

from homeftp.config import SLICE
from homeftp.errors import Changed
from homeftp.hashing.filehash import digest_slices
from homeftp.hashing.hashcache import CONTENT, UNREADABLE, KnownHash
from homeftp.hashing.signatures import is_unchanged
from homeftp.metadata.kept import ChangeTime
from homeftp.model import Verification
from homeftp.store.local.disk import errnos
from homeftp.syscalls import System


class Reading(msgspec.Struct, frozen=True):
    """The result of reading a file again."""

    damage: str = ""
    """`CONTENT` or `UNREADABLE`; "" where it is fine."""
    hash: str | None = None
    """The hash of what was read; None where it could not be, or was changed meanwhile."""


CHANGED = Reading()
"""Another program changes the file at this moment: it is neither damaged nor sound."""


def reread(
    system: System,
    fd: int,
    found: os.stat_result,
    known: KnownHash | None,
    change_time: ChangeTime = ChangeTime.CTIME,
) -> Generator[Verification, None, Reading]:
    """Read an open file with the stat `found`, of which `known` is remembered, slice by slice.

    `change_time` tells on its disk that a file was changed.

    A content that differs is read once more: the first reading may have failed, and not the disk.
    """
    reading = yield from _read(system, fd, found, change_time)
    if known is None or not known.hash or reading.damage or reading.hash in (None, known.hash):
        return reading
    if not known.is_same and known.content != reading.hash:
        return reading  # a program has changed it since
    again = yield from _read(system, fd, found, change_time)
    if again.damage or again.hash in (None, known.hash):
        return again
    return Reading(CONTENT, again.hash)


def _read(
    system: System, fd: int, found: os.stat_result, change_time: ChangeTime
) -> Generator[Verification, None, Reading]:
    """Read the file from the disk: the system's cache would hide damage there."""
    content_hash: str | None = None
    left = found.st_size
    try:
        system.drop_cache(fd)
        for step in digest_slices(fd, found.st_size):
            content_hash = step
            yield Verification(size=min(left, SLICE))
            left = max(0, left - SLICE)
        system.drop_cache(fd)
        after = os.fstat(fd)
    except Changed:
        return CHANGED
    except OSError as error:
        if error.errno not in errnos.NOT_READ:
            raise
        return Reading(UNREADABLE)
    return Reading("", content_hash) if is_unchanged(found, after, change_time) else CHANGED
