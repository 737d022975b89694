"""The names of directories in order, few of them in memory at a time, however many names a directory has.

A listing takes hours where its client reads slowly, and one client can ask for many of them: what each keeps is
bounded, and so is what all of them keep together. Nothing here opens a directory.
"""

from __future__ import annotations

import contextlib
from functools import partial
from itertools import islice
from threading import Lock
from typing import Callable, Generic, Iterable, Iterator, Protocol, Sequence, TypeVar

import attrs
import msgspec

from homeftp.config import LISTING_PAGE

R = TypeVar("R")

NAMES_KEPT = 60_000
"""Names that all listings of a store keep together: some 6 MB. The more listings, the fewer names of each."""

ReadNames = Callable[[], Iterable["bytes | None"]]
"""Reads all names of a directory, in any order; None stands for one that is not wanted, and counts like the others."""

PER_DIRECTORY = 3
"""The part of a listing's names that one directory may take up, as a divisor: the others are for those above it."""


READY_NAMES = 10
"""The memory of what was looked up of a name, in names: a stat and perhaps a hash."""

PART = 1500
"""Names that are read at a time: that takes 1 to 4 ms, for which the interpreter may be kept from other threads. With
2,500 it took 6 ms for names of versions; to sort 100,000 names took 140 ms of a processor, and takes 157."""


class NameBudget:
    """How many names each of the walks that are under way may keep. Thread-safe."""

    def __init__(self, names: int = NAMES_KEPT, *, least: int = LISTING_PAGE) -> None:
        self._names = names
        self._least = least
        self._lock = Lock()
        self.walks = 0
        """How many walks are under way."""

    @contextlib.contextmanager
    def walk(self) -> Iterator[None]:
        """Count a walk for as long as the block runs."""
        with self._lock:
            self.walks += 1
        try:
            yield
        finally:
            with self._lock:
                self.walks -= 1

    @property
    def share(self) -> int:
        """Names that one walk may keep; never fewer than a page of them."""
        return max(self._least, self._names // max(1, self.walks))


class SortedNames:
    """The names of one directory in order. Beyond those that are kept, they are read again from the last one on.

    A name that is in the directory all the time is given exactly once. None is given twice, although a system may read
    one twice that is removed and made again meanwhile.
    """

    def __init__(self, budget: NameBudget, *, backwards: bool = False) -> None:
        self._budget = budget
        self._backwards = backwards
        self._names: list[bytes] = []  # in reverse order: the next one is at the end
        self._reading: Iterator[None] | None = None
        self._last: bytes | None = None
        self._complete = False

    @property
    def kept(self) -> int:
        """How many names are kept."""
        return len(self._names)

    @property
    def ended(self) -> bool:
        """Whether all names have been given."""
        return self._complete and not self._names

    def take(self, most: int, read: ReadNames) -> list[bytes]:
        """The next names, at most so many; none at the end of the directory."""
        while not self.read_part(read):
            pass
        taken = self._names[-most:]
        del self._names[-most:]
        taken.reverse()
        if taken:
            self._last = taken[-1]
        return taken

    def read_part(self, read: ReadNames) -> bool:
        """Read `PART` of the names that `take` needs next, or what is left; whether that is all. `read` as there."""
        if self._names or self._complete:
            return True
        if self._reading is None:
            self._reading = self._fill(read())
        try:
            next(self._reading)
        except StopIteration:
            self._reading = None
            return True
        except BaseException:
            self._reading = None
            raise
        return False

    def _fill(self, names: Iterable[bytes | None]) -> Iterator[None]:
        """Keep the first of all names, step by step. To sort one part after the other takes half as long as a heap."""
        most = max(1, self._budget.share // PER_DIRECTORY)
        first: list[bytes] = []
        after, before = self._last, None
        source = iter(names)
        is_left = True
        while is_left:
            read = list(islice(source, PART))
            is_left = len(read) == PART
            part = list(filter(None, read))
            first += _between(part, before, after) if self._backwards else _between(part, after, before)
            del read, part
            first.sort(reverse=self._backwards)
            del first[most:]
            before = first[-1] if len(first) == most else None
            if is_left:
                yield
        self._complete = len(first) < most
        self._names = list(dict.fromkeys(reversed(first)))

    def forget(self, last: bytes | None = None) -> None:
        """Keep no names: the next ones are read again, from `last` on where those behind it were not used."""
        self._names.clear()
        self._reading = None
        self._complete = False
        self._last = self._last if last is None else last


def _between(names: list[bytes], low: bytes | None, high: bytes | None) -> list[bytes]:
    """The names that sort between two others; None is no bound."""
    if low is not None and high is not None:
        return [name for name in names if low < name < high]
    if low is not None:
        return [name for name in names if name > low]
    return names if high is None else [name for name in names if name < high]


class Level(Protocol):
    """A walk's state of one directory on its way."""

    @property
    def kept(self) -> int:
        """The memory that it takes up, in names."""

    def forget(self) -> None:
        """Keep nothing: what comes next is read again."""


@attrs.define(eq=False)
class ListingLevel(Generic[R]):
    """The state of one directory that is being listed."""

    names: SortedNames
    ready: list[R] = attrs.field(factory=list, init=False)
    """The names before `names`, which were looked up already, in reverse order: the next one is at the end."""
    after: bytes = attrs.field(default=b"", init=False)
    """The last name that was used."""

    @property
    def kept(self) -> int:
        """The memory that it takes up, in names."""
        return self.names.kept + READY_NAMES * len(self.ready)

    def forget(self) -> None:
        """Drop all names; they are read again from `after` on."""
        self.ready.clear()
        self.names.forget(self.after)


def forget_outer(levels: Sequence[Level], budget: NameBudget) -> None:
    """Let the outermost directories of a walk forget what they keep, until the walk keeps no more than its share."""
    kept = sum(level.kept for level in levels)
    for level in levels[:-1]:
        if kept <= budget.share:
            return
        kept -= level.kept
        level.forget()


class _Folder(msgspec.Struct, frozen=True, eq=False):
    """A directory on the way of a walk."""

    path: tuple[bytes, ...]
    names: SortedNames

    @property
    def kept(self) -> int:
        return self.names.kept

    def forget(self) -> None:
        self.names.forget()


def directories_in(
    top: tuple[bytes, ...],
    subdirectories: Callable[[tuple[bytes, ...]], Iterable[bytes | None]],
    budget: NameBudget,
    *,
    left: bool = False,
) -> Iterator[tuple[bytes, ...]]:
    """A directory and all below it, by the path of each; with `left` each after those below it.

    `subdirectories` reads the names of those that are directly in a directory.
    """
    return (each for each in directory_steps(top, subdirectories, budget, left=left) if each is not None)


def directory_steps(
    top: tuple[bytes, ...],
    subdirectories: Callable[[tuple[bytes, ...]], Iterable[bytes | None]],
    budget: NameBudget,
    *,
    left: bool = False,
) -> Iterator[tuple[bytes, ...] | None]:
    """`directories_in`, with None where a step ends: `PART` names were read, with those that are no directories.

    For each of these `subdirectories` gives None.
    """
    levels = [_Folder(top, SortedNames(budget))]
    if not left:
        yield top
    while levels:
        level = levels[-1]
        read = partial(subdirectories, level.path)
        while not level.names.read_part(read):
            yield None
        name = level.names.take(1, read)
        if name:
            below = (*level.path, *name)
            levels.append(_Folder(below, SortedNames(budget)))
            forget_outer(levels, budget)
            if not left:
                yield below
        else:
            levels.pop()
            if left:
                yield level.path
