"""A file of the cluster store that is open for reading: the parts that its content had when it was opened.

The objects of a content are never changed, and stay a grace period after the last name of it went: so this is a
snapshot without a lock.
"""

from __future__ import annotations

import bisect
import contextlib
import itertools
from typing import Callable, Iterable, Iterator, Mapping, Sequence, TypeVar

from zope.interface import implementer

from homeftp.cluster.database import TRIES, IQueries
from homeftp.cluster.objects import Bucket, ObjectMissing
from homeftp.errors import Busy, Damaged
from homeftp.interfaces.store import IOpenFile
from homeftp.model import Entry
from homeftp.store.cluster.base.rows import ContentPart, FileRow
from homeftp.store.cluster.tables import contents
from homeftp.store.policy.limits import check_range

T = TypeVar("T")


class StoredContent:
    """The bytes of a content, by its parts."""

    def __init__(self, bucket: Bucket, parts: Sequence[ContentPart]) -> None:
        self._bucket = bucket
        self._parts = parts
        self._ends = list(itertools.accumulate(part.size for part in parts))

    @property
    def size(self) -> int:
        """The number of bytes of all parts."""
        return self._ends[-1] if self._ends else 0

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`. Raises `ObjectMissing`, and `Busy` (51)."""
        pieces = [self._bucket.get(part.object, part.start, part.size) for part in self.range(offset, length)]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def range(self, offset: int, length: int) -> list[ContentPart]:
        """The parts of such a range."""
        found = []
        end = min(offset + length, self.size)
        number = bisect.bisect_right(self._ends, offset)
        while offset < end:
            part, size = self._parts[number], min(self._ends[number], end) - offset
            begins = self._ends[number] - part.size
            found.append(ContentPart(part.object, part.start + offset - begins, size))
            offset += size
            number += 1
        return found


@implementer(IOpenFile)
class ClusterFile:
    """An open file, or version."""

    def __init__(self, entry: Entry, stored: StoredContent, content: bytes | None = None) -> None:
        self.entry = entry
        self.content = content
        self._stored = stored

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`. Raises `Damaged` (46), and `Busy` (51)."""
        check_range(offset, length)
        if self.content is not None:
            return self.content[offset : offset + length]
        try:
            return self._stored.read(offset, length)
        except ObjectMissing as error:
            raise not_kept() from error

    def hash_steps(self) -> Iterator[str | None]:
        """Take no step: the hash is known."""
        yield self.entry.hash

    def is_stale(self) -> bool:
        """A content that never changes is never stale."""
        return False

    def close_verified(self, hash: str | None) -> Entry:
        """Close the file, and give its entry."""
        return self.entry

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


def find_with_parts(
    queries: IQueries, find: Callable[[], T], files: Callable[[T], Iterable[FileRow]]
) -> tuple[T, dict[int, list[ContentPart]]]:
    """The result of `find`, and the parts of the contents of its files, all at once; lost contents are left out.

    Another server may replace or remove a file between the two statements, and its content goes if no version keeps it:
    then both are looked up again. A content that is still named and has not all of its parts is lost. Raises `Busy`
    (51) where other requests keep changing the files.
    """
    lost: set[int] = set()
    for _ in range(TRIES):
        found = find()
        sizes = {row.content: row.size for row in files(found) if row.content is not None}
        parts = contents.parts_of(queries, list(sizes))
        short = {content for content, size in sizes.items() if sum(part.size for part in parts[content]) != size}
        if short <= lost:
            return found, {content: each for content, each in parts.items() if content not in short}
        lost |= short
    raise Busy("other requests keep changing the same files: try again later")


def open_contents(
    queries: IQueries, bucket: Bucket, find: Callable[[], Sequence[tuple[FileRow, Entry] | Exception]], inline: int
) -> list[IOpenFile | Exception]:
    """Open files or versions: the parts of all with one statement. What is an exception stays one.

    The content of those of at most `inline` bytes is read, with one request for all that are in one object.
    """
    found, parts = find_with_parts(queries, find, _rows)
    small = {row.content: parts[row.content] for row in _rows(found) if row.content in parts and row.size <= inline}
    read = _read_small(bucket, small)

    def opened(row: FileRow, entry: Entry) -> ClusterFile | Damaged:
        if row.content is None:
            return ClusterFile(entry, StoredContent(bucket, ()), b"" if inline >= 0 else None)
        if row.content not in parts:
            return not_kept()
        return ClusterFile(entry, StoredContent(bucket, parts[row.content]), read.get(row.content))

    return [each if isinstance(each, Exception) else opened(*each) for each in found]


def _rows(found: Sequence[tuple[FileRow, Entry] | Exception]) -> list[FileRow]:
    return [each[0] for each in found if not isinstance(each, Exception)]


def _read_small(bucket: Bucket, small: Mapping[int, Sequence[ContentPart]]) -> dict[int, bytes]:
    """Small contents; what the bucket does not have is left out, and found when it is read."""
    ranges: dict[str, list[tuple[int, int]]] = {}
    for parts in small.values():
        for part in parts:
            ranges.setdefault(part.object, []).append((part.start, part.size))
    fetched: dict[tuple[str, int, int], bytes] = {}
    for name, wanted in ranges.items():
        with contextlib.suppress(ObjectMissing):
            for (start, size), content in zip(wanted, bucket.get_many(name, wanted), strict=True):
                fetched[name, start, size] = content
    keys = {number: [(part.object, part.start, part.size) for part in parts] for number, parts in small.items()}
    return {
        number: b"".join(fetched[key] for key in each)
        for number, each in keys.items()
        if all(key in fetched for key in each)
    }


def not_kept() -> Damaged:
    """The refusal to read a content of which an object, or the name of one, was lost."""
    return Damaged("this content is damaged on the server: its object store has not kept it")
