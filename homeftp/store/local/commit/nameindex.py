"""The names of one directory, to be found by their folded form: small in memory, and no step depends on how many.

A hash table that grows by one bucket at a time (linear hashing, Litwin 1980),
whose buckets are bytes. A dict of 60,000 names took nine megabytes and stood
still for milliseconds whenever it grew.
"""

from __future__ import annotations

from homeftp.endpoint import folded

_LOAD = 8
"""Names in a bucket on average: fewer would cost memory, more would cost time."""

_SLASH = b"/"
"""The byte before and behind each name in a bucket: no name has it."""

_BUCKET_BYTES = 48
"""Bytes that an empty bucket takes up in CPython, with the reference to it."""


class NameIndex:
    """The names of one directory, some 25 bytes for each. Not thread-safe. A name is in it once."""

    def __init__(self) -> None:
        self._buckets = [_SLASH]
        self._round = 1
        """How many buckets there were when the current round of splitting began: a power of two."""
        self._split = 0
        """The bucket that is split next."""
        self._count = 0
        self._bytes = 0

    def __len__(self) -> int:
        return self._count

    @property
    def size(self) -> int:
        """The bytes that it takes up."""
        return self._bytes + _BUCKET_BYTES * len(self._buckets)

    def __contains__(self, name: str) -> bool:
        return _entry(name) in self._buckets[self._place(folded(name))]

    def similar(self, name: str) -> list[str]:
        """The names with the same folded form; `name` itself is one of them where it is there."""
        fold = folded(name)
        return self._alike(fold, self._place(fold))

    def _alike(self, fold: str, place: int) -> list[str]:
        """The names with a folded form, which belongs into that bucket."""
        bucket = self._buckets[place]
        if bucket.isascii() and _entry(fold) not in bucket.lower():
            return []  # most of the time; of such names the folded form is the lower case
        return [each for each in self._names(place) if folded(each) == fold]

    def claim(self, name: str) -> list[str]:
        """`similar`, and where there is none, `add`: with one look-up."""
        fold = folded(name)
        place = self._place(fold)
        alike = self._alike(fold, place)
        if not alike:
            self._add(place, _entry(name))
        return alike

    def add(self, name: str) -> None:
        """Add a name, unless it is there already."""
        place, entry = self._place(folded(name)), _entry(name)
        if entry not in self._buckets[place]:
            self._add(place, entry)

    def _add(self, place: int, entry: bytes) -> None:
        self._buckets[place] += entry[1:]
        self._bytes += len(entry) - 1
        self._count += 1
        if self._count > _LOAD * len(self._buckets):
            self._grow()

    def remove(self, name: str) -> None:
        """Remove a name, if it is there."""
        place, entry = self._place(folded(name)), _entry(name)
        if entry in self._buckets[place]:
            self._buckets[place] = self._buckets[place].replace(entry, _SLASH)
            self._bytes -= len(entry) - 1
            self._count -= 1

    def _place(self, fold: str) -> int:
        """The number of the bucket for a folded form. Python's hash of a text is keyed: no client can choose it."""
        number = hash(fold)
        place = number % self._round
        return number % (self._round * 2) if place < self._split else place

    def _names(self, place: int) -> list[str]:
        return self._buckets[place].decode().split("/")[1:-1]

    def _grow(self) -> None:
        """Split one bucket into two."""
        old = self._split
        names = self._names(old)
        self._buckets.append(_SLASH)
        self._split += 1
        if self._split == self._round:
            self._round *= 2
            self._split = 0
        parts: dict[bool, list[str]] = {True: [""], False: [""]}
        for name in names:
            parts[self._place(folded(name)) == old].append(name)
        for place, part in ((old, parts[True]), (-1, parts[False])):
            self._buckets[place] = "/".join([*part, ""]).encode()


def _entry(name: str) -> bytes:
    """A name as it is in a bucket."""
    return b"/%b/" % name.encode()
