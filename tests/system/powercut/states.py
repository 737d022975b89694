"""What a disk may hold after the power went: which states there are, which are tried, and their images.

What was written before the last flush is there. Of what was written since,
each sector is there or is not, in whatever order the disk liked.
"""

from __future__ import annotations

import bisect
import errno
import itertools
import os
import random
import subprocess
from typing import Sequence

import attrs

from tests.system.powercut.log import Event

_REACHED = (0.0, 0.1, 0.5, 0.9, 1.0)
"""How likely a write since the last flush is to have reached the disk; one of these for each state."""

_TORN = (0.0, 0.0, 0.5)
"""And how likely such a write is to have done so only in part."""


@attrs.frozen(order=True)
class Piece:
    """A part of an event's data."""

    event: int
    start: int
    stop: int


@attrs.frozen(order=True)
class Cut:
    """The power goes after `at` events. Of those since the last flush, these pieces have reached the disk."""

    at: int
    flushed: int
    """Events up to and with the last flush."""
    reached: tuple[Piece, ...]

    def __str__(self) -> str:
        reached: dict[int, int] = {}
        for piece in self.reached:
            reached[piece.event] = reached.get(piece.event, 0) + piece.stop - piece.start
        since = ", ".join(f"{size} bytes of event {event}" for event, size in reached.items()) or "nothing"
        return f"cut after {self.at} events, on the disk are {self.flushed} and {since}"


class Cuts:
    """The cuts to try. `sector` is what the disk writes as a whole, in bytes."""

    def __init__(self, events: Sequence[Event], sector: int, chance: random.Random) -> None:
        self._events = events
        self._sector = sector
        self._chance = chance
        self._ends = [event.end for event in events]
        self._flushes = [number + 1 for number, event in enumerate(events) if event.flush]

    def choose(self, count: int, positions: Sequence[int]) -> list[Cut]:
        """So many different cuts, in the log's order.

        Half of them lie anywhere, half at or soon after one of `positions`,
        lengths of the log: where an answer was there, and no more than that.
        """
        marks = [bisect.bisect_right(self._ends, position) for position in positions]
        cuts: set[Cut] = set()
        for _ in range(50 * count):
            if len(cuts) == count:
                break
            if self._chance.random() < 0.5:
                at = self._chance.randrange(len(self._events) + 1)
            else:
                at = min(self._chance.choice(marks) + self._chance.randrange(4), len(self._events))
            cuts.add(self._cut(at))
        return sorted(cuts)

    def position(self, cut: Cut) -> int:
        """The log's length at the cut: that of the last moment before the next event."""
        return self._ends[cut.at] - 1 if cut.at < len(self._ends) else self._ends[-1]

    def _cut(self, at: int) -> Cut:
        index = bisect.bisect_right(self._flushes, at)
        flushed = self._flushes[index - 1] if index else 0
        likely, torn = self._chance.choice(_REACHED), self._chance.choice(_TORN)
        reached: list[Piece] = []
        for number in range(flushed, at):
            if self._chance.random() < likely:
                reached.extend(self._torn(number) if self._chance.random() < torn else [self._whole(number)])
        return Cut(at, flushed, tuple(reached))

    def _whole(self, number: int) -> Piece:
        return Piece(number, 0, len(self._events[number].data))

    def _torn(self, number: int) -> list[Piece]:
        """Some of its sectors: the first ones, the last ones, or any."""
        event = self._events[number]
        edges = [*range(-(event.offset % self._sector), len(event.data), self._sector), len(event.data)]
        sectors = list(itertools.pairwise(edges))
        middle = self._chance.randrange(len(sectors) + 1)
        some = [sector for sector in sectors if self._chance.random() < 0.5]
        kept = self._chance.choice([sectors[:middle], sectors[middle:], some])
        return [Piece(number, max(start, 0), stop) for start, stop in kept]


class Images:
    """Makes the cuts' disks, in the log's order, from `base`, the disk before the first event."""

    def __init__(self, base: str, events: Sequence[Event], folder: str) -> None:
        self._events = events
        self._flushed = os.path.join(folder, "flushed.img")
        self._done = 0
        subprocess.run(["cp", "--sparse=always", base, self._flushed], check=True)

    def make(self, cut: Cut, path: str) -> None:
        """Its disk, as the file `path`."""
        fd = os.open(self._flushed, os.O_WRONLY)
        try:
            for event in self._events[self._done : cut.flushed]:
                os.pwrite(fd, event.data, event.offset)
        finally:
            os.close(fd)
        self._done = cut.flushed
        _copy_data(self._flushed, path)
        fd = os.open(path, os.O_WRONLY)
        try:
            for piece in cut.reached:
                event = self._events[piece.event]
                os.pwrite(fd, event.data[piece.start : piece.stop], event.offset + piece.start)
        finally:
            os.close(fd)


def _copy_data(source: str, target: str) -> None:
    """Copy an image, but for its holes. To start a program for that takes longer than to copy."""
    with open(source, "rb", buffering=0) as read, open(target, "wb", buffering=0) as written:
        size = os.fstat(read.fileno()).st_size
        written.truncate(size)
        at = 0
        while at < size:
            try:
                at = os.lseek(read.fileno(), at, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:  # nothing but a hole follows
                    return
                raise
            end = os.lseek(read.fileno(), at, os.SEEK_HOLE)
            os.lseek(written.fileno(), at, os.SEEK_SET)
            while at < end:  # unlike copy_file_range, to another file system as well
                at += os.sendfile(written.fileno(), read.fileno(), at, end - at)
