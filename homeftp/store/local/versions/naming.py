"""The names of versions.

A version is the earlier file at an endpoint. It lies in a folder for the day
(UTC) on which it was replaced, below the same folders as the file, under a
name that no endpoint can have, so that it is never mistaken for the file:

    versions/2026-11-26/photos/.homeftp-15.11.00.123456-holiday.jpg

If that name is too long, the version gets a folder with the name of the file,
and only the time as its name. Nothing else is recorded: an owner can find a
file by browsing, and a copy of the folder is a copy of the versions. In one
folder the order of the names is that of the times.

Where a version was put back, a symbolic link has such a name, with the time at
which that was: it leads nowhere, and says which version it was.
"""

from __future__ import annotations

import os
import re
import stat
from datetime import date, datetime, timedelta, timezone
from typing import NamedTuple

from homeftp.endpoint import MAX_NAME_BYTES, RESERVED_PREFIX
from homeftp.model import SECOND_US

Names = tuple[bytes, ...]
"""The parts of a path, as system calls take them."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_PREFIX = RESERVED_PREFIX.encode()
_DAY = re.compile(rb"(\d{4})-(\d\d)-(\d\d)\Z")
_TIME = rb"([01]\d|2[0-3])\.([0-5]\d)\.([0-5]\d)\.(\d{6})"
_FILE = re.compile(re.escape(_PREFIX) + _TIME + rb"(?:-(?P<original>.+))?\Z", re.DOTALL)

_RESTORED = b"homeftp restored the version of "
_DIGITS = re.compile(rb"[0-9]{1,18}\Z")
_LAST_US = (datetime.max.replace(tzinfo=timezone.utc) - _EPOCH) // _MICROSECOND
"""The last time that a version can have: at the end of the year 9999."""


class VersionFile(NamedTuple):
    """A version as a file on the disk, or the mark of one that was put back."""

    at_us: int
    """When it was replaced: microseconds since 1970 UTC."""
    names: Names
    """The path of the file that it is a version of, from the top of its file system."""
    folder: Names
    """The folders that hold it, from the versions folder."""
    file: bytes
    """Its name there."""
    found: os.stat_result

    @property
    def is_version(self) -> bool:
        """Whether it is one, and not the mark of one that was put back."""
        return stat.S_ISREG(self.found.st_mode)

    @property
    def size(self) -> int:
        """The bytes that it counts with; a mark has none, whatever its text takes up, as for a quota."""
        return self.found.st_size if self.is_version else 0


def version_path(names: Names, at_us: int) -> tuple[Names, bytes]:
    """The folders and the name for a version of the file `names` that was replaced at `at_us`."""
    at = _EPOCH + timedelta(microseconds=at_us)
    day, time = at.strftime("%Y-%m-%d").encode(), _PREFIX + at.strftime("%H.%M.%S.%f").encode()
    named = b"%b-%b" % (time, names[-1])
    if len(named) > MAX_NAME_BYTES:
        return (day, *names), time
    return (day, *names[:-1]), named


def restored_mark(version_us: int) -> bytes:
    """The text of the mark of a version of that time that was put back."""
    return b"%b%d" % (_RESTORED, version_us)


def restored_version(text: bytes) -> int | None:
    """The time that a version had until it was put back, by the text of a link; None where that is no such mark."""
    digits = text[len(_RESTORED) :]
    if not text.startswith(_RESTORED) or not _DIGITS.match(digits):
        return None
    return int(digits) if int(digits) <= _LAST_US else None


def folder_of(names: Names) -> Names:
    """The folders for all versions of the file `names`, below that of the day."""
    folder, _ = version_path(names, 0)
    return folder[1:]


def start_of(day: bytes) -> int | None:
    """The start of a day, in microseconds since 1970; None for a folder whose name is not a day."""
    parsed = _DAY.match(day)
    try:
        return None if parsed is None else (date(*map(int, parsed.groups())) - _EPOCH.date()) // _MICROSECOND
    except ValueError:
        return None


def original_of(folder: Names, name: bytes) -> Names | None:
    """The path of the file that a version in a folder is of; None for a name that is not a version's."""
    parsed = _FILE.match(name)
    if parsed is None:
        return None
    return folder[1:] if parsed["original"] is None else (*folder[1:], parsed["original"])


def time_of(folder: Names, name: bytes) -> int | None:
    """When a version in a folder was replaced; None for a name that is not a version's, or a folder of no day."""
    start, parsed = start_of(folder[0]), parse_version(name)
    return None if start is None or parsed is None else start + parsed[1]


def parse_version(name: bytes) -> tuple[bytes | None, int] | None:
    """The name of the file, which is None where the folder has it, and the microseconds since the start of the day.

    None for a name that is not a version's. A folder may have a hundred thousand of them, so each must cost little.
    """
    parsed = _FILE.match(name)
    if parsed is None:
        return None
    hour, minute, second, us, original = parsed.groups()
    return original, ((int(hour) * 60 + int(minute)) * 60 + int(second)) * SECOND_US + int(us)
