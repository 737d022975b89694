"""Which of many writes can be done together, so that all of them have the effect that they have one after the other.

The directories of a run are made first, then its files get their names. So an entry that would notice the difference
begins another run, or goes into one.
"""

from __future__ import annotations

from typing import Iterator, Sequence

from homeftp.model import WriteRequest
from homeftp.store.local.disk.handles import WAYS_PARTS, per_job

Contents = Sequence["tuple[WriteRequest, bytes | None]"]
"""Requests, each with the content of a file, or None for a directory."""

BATCH = 512
"""Entries of one run; beyond a few hundred more of them save nothing. Each file holds a descriptor meanwhile."""

Parts = tuple[str, ...]


def runs(requests: Contents) -> Iterator[list[int]]:
    """The numbers of the requests of each run, in the order in which the runs are to be done.

    A run has at most `BATCH` entries, and no endpoint twice: a second write must find the first one's content. The
    directories that it opens or makes are at most `WAYS_PARTS`, with all above them.
    """
    most, most_ways = per_job(BATCH), per_job(WAYS_PARTS)
    run = _WriteRun(most, most_ways)
    for number, (request, content) in enumerate(requests):
        parts, is_file = request.endpoint.parts, content is not None
        new_ways = run.new_ways(parts[:-1] if is_file else parts)
        may_exist = not is_file and request.precondition is None
        if run.is_full(new_ways) or run.conflicts(parts, new_ways, may_exist=may_exist):
            yield from run.numbers()
            run = _WriteRun(most, most_ways)
            new_ways = run.new_ways(parts[:-1] if is_file else parts)
        run.add(number, parts, new_ways, is_file=is_file)
    yield from run.numbers()


class _WriteRun:
    """The entries of one run, and the directories that a file in them would give another time: they come after it."""

    def __init__(self, most: int, most_ways: int) -> None:
        self._most = most
        self._most_ways = most_ways
        self._now: list[int] = []
        self._later: list[int] = []
        self._endpoints: set[Parts] = set()
        self._files: set[Parts] = set()
        self._changed_later: set[Parts] = set()
        self._filled: set[Parts] = set()
        """The directories whose time is changed by a file, or by what comes later."""
        self._ways: set[Parts] = set()
        """All directories that have to be open, and those above them. No file has the name of one."""

    def numbers(self) -> Iterator[list[int]]:
        """The numbers of its entries, and those of the directories that come after them."""
        if self._now:
            yield self._now
        if self._later:
            yield self._later

    def new_ways(self, directory: Parts) -> list[Parts]:
        """A directory and those above it that are not on the way of any entry, the deepest first."""
        new: list[Parts] = []
        while directory and directory not in self._ways:
            new.append(directory)
            directory = directory[:-1]
        return new

    def is_full(self, new_ways: Sequence[Parts]) -> bool:
        """Whether an entry with these directories is one too many. One alone may have any number."""
        entries = len(self._endpoints)
        return entries == self._most or (entries > 0 and len(self._ways) + len(new_ways) > self._most_ways)

    def conflicts(self, parts: Parts, new_ways: Sequence[Parts], *, may_exist: bool) -> bool:
        """Whether an entry might have another effect in this run than after it.

        `may_exist`: it has the same effect on a directory that was made for what is in it.
        """
        if parts in self._endpoints or (parts in self._ways and not may_exist):
            return True
        if new_ways and not self._files.isdisjoint(new_ways):
            return True
        # What is in a directory that becomes private is to be made after that.
        return bool(self._changed_later) and any(parts[:depth] in self._changed_later for depth in range(1, len(parts)))

    def add(self, number: int, parts: Parts, new_ways: Sequence[Parts], *, is_file: bool) -> None:
        """Add an entry that does not conflict."""
        is_later = not is_file and parts in self._filled
        self._endpoints.add(parts)
        self._ways.update(new_ways)
        if is_file:
            self._files.add(parts)
        if is_later:
            self._changed_later.add(parts)
        if is_file or is_later:
            self._filled.add(parts[:-1])
        (self._later if is_later else self._now).append(number)
