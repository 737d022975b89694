"""When the last change of a directory began. Everything here blocks: it runs in the pool."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import Iterator, Sequence

import attrs
import msgspec

from homeftp.endpoint import Endpoint
from homeftp.errors import NotFound
from homeftp.interfaces import IHistory
from homeftp.model import SECOND_US, Version
from homeftp.store.policy.wording import display_path

ONE_CHANGE_US = 1 * SECOND_US
"""Changes of different files that follow each other within this time count as one: a push of many files is one."""


def last_change(history: IHistory, endpoint: Endpoint) -> Iterator[int | None]:
    """When the last change of what is beneath an endpoint began: None after each step, and that at the end.

    Microseconds since 1970 UTC. What was removed with its directory has one time, which is that of the change. Any
    other change is a series of replacements and removals that followed each other and changed no file twice. It began
    before the first of the new contents was made, so that to repeat the restore changes nothing. Raises `NotFound`
    (40) where nothing was ever replaced or removed.
    """
    last = _LastChange()
    name = ""
    times: list[int] = []
    for page in history.timelines(endpoint, 0):
        for part in page:
            if part.name != name:
                last.add(times)
                name, times = part.name, []
            times = [*times, *(version.at_us for version in part.versions[-2:])][-2:]
        yield None
    last.add(times)
    if not last.count:
        raise NotFound(f"there is no version of anything at {display_path(endpoint)}")
    if last.count > 1:
        yield last.at_us
        return
    changes = _Changes()
    for page in history.timelines(endpoint, last.twice_us + 1):
        for part in page:
            for version in part.versions:
                changes.add(_before(version, part.made_us, last.twice_us))
        yield None
    yield changes.starts[-1] if changes.starts else last.at_us


def _before(version: Version, made_us: int | None, earlier_us: int) -> int:
    """When a version was there and what replaced it was not made yet, after an earlier change.

    A content that is uploaded is made before it replaces another. Where that took longer than `ONE_CHANGE_US`, other
    changes may have been made meanwhile: then it is the time of the version.
    """
    if made_us is None or not version.at_us - ONE_CHANGE_US <= made_us <= version.at_us:
        return version.at_us
    return max(made_us - 1, earlier_us + 1, version.made_us or 0)


class _LastChange(msgspec.Struct):
    """The newest time of all versions."""

    at_us: int = 0
    count: int = 0
    """How many versions have it."""
    twice_us: int = 0
    """The newest time of a version that is not the newest of its file: its file was changed again since."""

    def add(self, times: Sequence[int]) -> None:
        """Add the last times of one file, in order."""
        if times and times[-1] > self.at_us:
            self.at_us, self.count = times[-1], 1
        elif times and times[-1] == self.at_us:
            self.count += 1
        if len(times) > 1:
            self.twice_us = max(self.twice_us, times[-2])


@attrs.define
class _Changes:
    """Changes, each a span of time; sorted, and few although there may be millions of versions."""

    starts: array[int] = attrs.field(factory=lambda: array("q"))
    _ends: array[int] = attrs.field(factory=lambda: array("q"))

    def add(self, at_us: int) -> None:
        """Add a moment: it may be part of a change, join two, or begin one."""
        first = after = bisect_left(self._ends, at_us - ONE_CHANGE_US)
        start = end = at_us
        while after < len(self.starts) and self.starts[after] <= at_us + ONE_CHANGE_US:
            start, end = min(start, self.starts[after]), max(end, self._ends[after])
            after += 1
        self.starts[first:after] = array("q", [start])
        self._ends[first:after] = array("q", [end])
