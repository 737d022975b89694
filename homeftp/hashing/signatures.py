"""Signatures: what a disk shows of a file, or of all files in a folder, as long as no program has written to them.

`filehash.signature` has the whole stat of a file. Here is what counts of it on disks that make up a part of it, or show
it late (`ChangeTime`). The form tells which disk it was: a signature of one form is never that of another.
"""

from __future__ import annotations

import hashlib
import marshal
import operator
import os
from typing import Callable, Sequence

from homeftp.hashing.filehash import signature
from homeftp.metadata.kept import ChangeTime

LATE_NS = 2_000_000_000
"""Nanoseconds within which the ctime of a file that was renamed moves once more (`ChangeTime.LATE_CTIME`).

It moves when the file is closed: with many files that are committed together, after the last of them.
"""

_LATE = "~"
"""Before a ctime that may move."""

_WITHOUT_CTIME = ".."
"""In the place of ctime and inode."""

_SIZE, _MTIME, _CTIME, _INODE = range(4)


def _with_late_ctime(found: os.stat_result) -> str:
    return f"{found.st_size}.{found.st_mtime_ns}.{_LATE}{found.st_ctime_ns}.{found.st_ino}"


def _without_ctime(found: os.stat_result) -> str:
    return f"{found.st_size}.{found.st_mtime_ns}{_WITHOUT_CTIME}"


_FORMS = {
    ChangeTime.CTIME: signature,
    ChangeTime.LATE_CTIME: _with_late_ctime,
    ChangeTime.MTIME: _without_ctime,
}


def form_on(change_time: ChangeTime) -> Callable[[os.stat_result], str]:
    """A function that makes the signatures of files on a disk of this kind."""
    return _FORMS[change_time]


def signature_on(found: os.stat_result, change_time: ChangeTime) -> str:
    """The signature of a file with that stat, on a disk of which this is known."""
    return _FORMS[change_time](found)


def is_same(one: str, other: str) -> bool:
    """Whether two signatures are of the same file, and no program has written to it between them."""
    if one == other:
        return True
    if _LATE not in one or _LATE not in other:
        return False
    first, second = one.split("."), other.split(".")
    times = (int(parts[_CTIME].removeprefix(_LATE)) for parts in (first, second))
    return _lasting(first) == _lasting(second) and abs(next(times) - next(times)) < LATE_NS


def is_unchanged(before: os.stat_result, after: os.stat_result, change_time: ChangeTime) -> bool:
    """Whether two stats are of the same file, and no program has written to it between them."""
    return is_same(signature_on(before, change_time), signature_on(after, change_time))


def is_still_marked(marked: str, found: os.stat_result) -> bool:
    """Whether a file with this stat is the one that had the signature `marked` when its damage was found."""
    before, now = marked.split("."), signature(found).split(".")
    return before[:_CTIME] == now[:_CTIME] and before[_INODE] in ("", now[_INODE])


def has_change_time(signature: str) -> bool:
    """Whether the ctime is part of a signature: otherwise a program may have written to the file nevertheless."""
    return not signature.endswith(_WITHOUT_CTIME)


_LOOK = operator.attrgetter("st_mode", "st_ino", "st_dev", "st_size", "st_mtime_ns", "st_ctime_ns")

_WITHOUT_REFERENCES = 2
"""The version of `marshal` whose bytes depend on the values alone."""


def folder_signature(names: Sequence[str], stats: Sequence[os.stat_result], *others: str) -> bytes:
    """A hash that is the same while a folder has the same files, and no program has changed one.

    `stats` are those of the names, in the same order, and `others` is what counts besides. All files of a folder
    together cost a tenth of what their signatures would.
    """
    first = repr((len(names), others)).encode("utf-8", "backslashreplace")
    digest = hashlib.sha256(first + os.fsencode("\0".join(names)))
    digest.update(b"\0")
    digest.update(marshal.dumps(list(map(_LOOK, stats)), _WITHOUT_REFERENCES))
    return digest.digest()


def _lasting(parts: list[str]) -> list[str]:
    return [parts[_SIZE], parts[_MTIME], parts[_INODE]]
