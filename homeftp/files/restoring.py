"""Puts a directory back as it was at a time, and removes versions for good, step by step.

Everything here blocks: it runs in the pool, and no step holds more than a page of names. The store decides about each
file by itself, so that one that is refused leaves the others be.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import Generator, Iterator, Sequence

import attrs

from homeftp.endpoint import Endpoint
from homeftp.errors import Internal, NotEmpty, NotFound, Refusal
from homeftp.files.past import history_of, not_there_then
from homeftp.history.changes import Pruned, PruneStep, RestoreStep, Reversion, Reverted, VersionId
from homeftp.history.timeline import Timeline
from homeftp.interfaces import IHistory, IStore
from homeftp.model import ABSENT, PRESENT, SECOND_US, Entry, Version
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.wording import display_path, is_directory

BATCH = 64
"""Files that are put back, or versions that are removed, in one step: as many as the local store makes durable
together. With more, other accounts would wait longer for the pool."""

ONE_CHANGE_US = 1 * SECOND_US
"""Changes of different files that follow each other within this time count as one: a push of many files is one."""


def last_change(history: IHistory, endpoint: Endpoint) -> Iterator[int | None]:
    """When the last change of what is beneath an endpoint began: None after each step, and that at the end.

    Microseconds since 1970 UTC. What was removed with its directory has one time, which is that of the change. Any
    other change begins with the first of several that followed each other, and has changed no file twice. Raises
    `NotFound` (40) where nothing was ever replaced or removed.
    """
    last = _Newest()
    for page in history.timelines(endpoint, 0):
        for timeline in page:
            last.add([version.at_us for version in timeline.versions[-2:]])
        yield None
    if not last.count:
        raise NotFound(f"there is no version of anything at {display_path(endpoint)}")
    if last.count > 1:
        yield last.at_us
        return
    changes = _Changes()
    for page in history.timelines(endpoint, last.twice_us + 1):
        for timeline in page:
            for version in timeline.versions:
                changes.add(version.at_us)
        yield None
    yield changes.starts[-1] if changes.starts else last.at_us


@attrs.define
class _Newest:
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


def restore_tree(
    store: IStore, endpoint: Endpoint, as_of_us: int | None, *, dry_run: bool
) -> Generator[RestoreStep, None, None]:
    """Put back what was at an endpoint, and beneath it, at a time; without one, before its last change.

    A file that was not there then becomes a version, and a directory that was not is removed when nothing is left in
    it. With `dry_run` nothing is changed. The first step raises `NotFound` (40) where nothing was there then; a later
    one what ends all of it, such as `Internal` (50) and `Busy` (51).
    """
    history = history_of(store)
    if as_of_us is None:
        for found in last_change(history, endpoint):
            as_of_us = found
            yield RestoreStep(found)
    assert as_of_us is not None, "the last step tells it"
    for page in history.timelines(endpoint, as_of_us):
        if any(each.at(as_of_us) for each in page):
            break
        yield RestoreStep(as_of_us)
    else:
        raise not_there_then(endpoint)
    yield from _Restoring(store, history, endpoint, as_of_us, dry_run).steps()


@attrs.define(eq=False)
class _RestoredDirectory:
    """A directory on the way to the last name."""

    name: str
    stays: bool
    """Whether it was there then, or something in it stays."""
    file: Timeline | None
    """Its timeline, where a file was in its place then."""


@attrs.define(eq=False)
class _Restoring:
    """A tree that is being put back."""

    store: IStore
    history: IHistory
    endpoint: Endpoint
    as_of_us: int
    dry_run: bool
    _way: list[_RestoredDirectory] = attrs.field(factory=list, init=False)
    _reversions: dict[str, tuple[Reversion, Timeline]] = attrs.field(factory=dict, init=False)
    _left: list[_RestoredDirectory] = attrs.field(factory=list, init=False)
    _unchanged: int = attrs.field(default=0, init=False)

    def steps(self) -> Iterator[RestoreStep]:
        """Put it back."""
        for page in self.history.timelines(self.endpoint, self.as_of_us):
            for timeline in page:
                self._leave(timeline.name)
                self._add(timeline)
                if len(self._reversions) + len(self._left) >= BATCH:
                    yield self._step()
            yield self._step()
        self._leave(None)
        yield self._step()

    def _leave(self, name: str | None) -> None:
        """The next name is this one, or there is none."""
        while self._way and (name is None or not name.startswith(f"{self._way[-1].name}/")):
            left = self._way.pop()
            if left.stays:
                self._hold()
            if not left.stays or left.file is not None:
                self._left.append(left)

    def _hold(self) -> None:
        """Something stays in the directories on the way."""
        for each in self._way:
            each.stays = True

    def _add(self, timeline: Timeline) -> None:
        now, then = timeline.current, timeline.at(self.as_of_us)
        wanted = self._reversion(timeline, then) if isinstance(then, Version) else None
        if now is not None and now.kind == "directory":
            if timeline.name:  # what was asked for stays
                self._way.append(
                    _RestoredDirectory(timeline.name, then is now, timeline if wanted is not None else None)
                )
            return
        if wanted is not None and then is not None and not (now is not None and _same(now, then)):
            self._hold()
            self._reversions[timeline.name] = wanted, timeline
        elif now is not None and then is None:
            self._reversions[timeline.name] = self._reversion(timeline, None), timeline
        elif now is not None or timeline.problem is not None:
            self._hold()
            self._unchanged += now is not None

    def _reversion(self, timeline: Timeline, then: Version | None) -> Reversion:
        """What to do about a name: what is there now must still be that."""
        now = timeline.current
        precondition: str | None = ABSENT
        if timeline.problem is not None:
            precondition = None  # the store refuses it, and says why
        elif now is not None and now.kind == "file":
            precondition = now.hash or now.damaged or PRESENT
        return Reversion(self.endpoint.at(timeline.name), None if then is None else then.at_us, precondition)

    def _step(self) -> RestoreStep:
        """Carry out what is planned."""
        reversions, self._reversions = self._reversions, {}
        left, self._left = self._left, []
        unchanged, self._unchanged = self._unchanged, 0
        reverted = self._revert(reversions)
        for directory in left:
            reverted += self._remove(directory)
        return RestoreStep(self.as_of_us, tuple(reverted), unchanged)

    def _revert(self, reversions: dict[str, tuple[Reversion, Timeline]]) -> list[Reverted]:
        wanted = [reversion for reversion, _ in reversions.values()]
        results: Sequence[Entry | Exception | None]
        results = [None] * len(wanted) if self.dry_run else self.history.revert(wanted) if wanted else ()
        raise_failure(results)
        return [
            self._reverted(name, timeline, result)
            for (name, (_, timeline)), result in zip(reversions.items(), results, strict=True)
        ]

    def _reverted(self, name: str, timeline: Timeline, result: Entry | Exception | None) -> Reverted:
        then = timeline.at(self.as_of_us)
        if isinstance(result, Exception):
            self._hold()
            return Reverted(name=name, outcome="refused", refusal=_refusal(result))
        if not isinstance(then, Version):
            return Reverted(name=name, outcome="removed", size=timeline.current.size if timeline.current else 0)
        content_hash = then.hash if result is None else result.hash
        return Reverted(name=name, outcome="restored", at_us=then.at_us, size=then.size, hash=content_hash)

    def _remove(self, directory: _RestoredDirectory) -> list[Reverted]:
        """Remove a directory in which nothing is left, and put back the file in whose place it was made."""
        name, file = directory.name, directory.file
        refused: Exception | None = None
        if directory.stays:
            refused = NotEmpty("")
        elif not self.dry_run:
            refused = catch(self._remove_empty, name)
        if isinstance(refused, NotEmpty):
            # Something in it stays, was refused, came meanwhile, or is not shared.
            return [] if file is None else [self._reverted(name, file, is_directory(self.endpoint.at(name)))]
        if refused is not None:
            return [Reverted(name=name, outcome="refused", kind="directory", refusal=_refusal(refused))]
        removed = Reverted(name=name, outcome="removed", kind="directory")
        then = None if file is None else file.at(self.as_of_us)
        if file is None or not isinstance(then, Version):
            return [removed]
        return [removed, *self._revert({name: (self._reversion(file, then), file)})]

    def _remove_empty(self, name: str) -> None:
        for _ in self.store.remove(self.endpoint.at(name), None, False):
            pass


def _same(now: Entry, then: Entry | Version) -> bool:
    """Whether what is there now is known to be what was there then."""
    if then is now:
        return True
    return now.hash is not None and (now.hash, now.mtime_us, now.mode) == (then.hash, then.mtime_us, then.mode)


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    raise error


def raise_failure(results: Sequence[object]) -> None:
    """Raise why everything failed, where it is the server that fails: the next files would fail too."""
    if results and all(isinstance(result, Internal) for result in results):
        failed = results[0]
        assert isinstance(failed, Internal)
        raise failed


def prune(store: IStore, endpoint: Endpoint, *, before_us: int | None, keep: int, dry_run: bool) -> Iterator[PruneStep]:
    """Remove the versions of what is at an endpoint and beneath it for good, but for the newest `keep` of each file.

    With `before_us` (microseconds since 1970 UTC) only those that were replaced or removed earlier. With `dry_run`
    nothing is removed. The current files stay.
    """
    history = history_of(store)
    for page in history.timelines(endpoint, 0):
        batch: list[Pruned] = []
        for timeline in page:
            for version in timeline.versions[: max(0, len(timeline.versions) - keep)]:
                if before_us is None or version.at_us < before_us:
                    batch.append(Pruned(name=timeline.name, at_us=version.at_us, size=version.size))
                if len(batch) >= BATCH:
                    yield _pruned(history, endpoint, batch, dry_run)
                    batch = []
        yield _pruned(history, endpoint, batch, dry_run)


def _pruned(history: IHistory, endpoint: Endpoint, batch: Sequence[Pruned], dry_run: bool) -> PruneStep:
    """Remove these versions; each with why it is still there."""
    if dry_run or not batch:
        return PruneStep(tuple(batch))
    results = history.discard([VersionId(endpoint.at(each.name), each.at_us) for each in batch])
    raise_failure(results)
    return PruneStep(
        tuple(
            attrs.evolve(each, refusal=_refusal(result)) if isinstance(result, Exception) else each
            for each, result in zip(batch, results, strict=True)
        )
    )
