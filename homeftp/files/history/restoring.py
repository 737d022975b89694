"""Puts a directory back as it was at a time, step by step.

Everything here blocks: it runs in the pool, and no step holds more than a page of names. The store decides about each
file by itself, so that one that is refused leaves the others be.
"""

from __future__ import annotations

from typing import Generator, Iterator, Sequence

import attrs
import msgspec

from homeftp.endpoint import Endpoint
from homeftp.errors import NotEmpty
from homeftp.files.history.lastchange import last_change
from homeftp.files.history.past import history_of, not_there_then, tree_at
from homeftp.files.history.results import FILES_PER_STEP, raise_failure, refusal_of
from homeftp.history.changes import RestoreStep, Reversion, Reverted
from homeftp.history.timeline import Timeline
from homeftp.interfaces import IHistory, IStore
from homeftp.model import ABSENT, PRESENT, Entry, Version
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.wording import is_directory


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


class _RestoredDirectory(msgspec.Struct, eq=False):
    """A directory on the way to the last name."""

    name: str
    stays: bool
    """Whether it was there then, or something in it stays."""
    file: Timeline | None
    """Its timeline, where a file was in its place then."""

    @property
    def prefix(self) -> str:
        """The prefix of the names in it; that asked for has an empty name."""
        return f"{self.name}/" if self.name else ""


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
        for page in tree_at(self.history, self.endpoint, self.as_of_us):
            for timeline in page:
                self._leave(timeline.name)
                self._add(timeline)
                if len(self._reversions) + len(self._left) >= FILES_PER_STEP:
                    yield self._step()
            yield self._step()
        self._leave(None)
        yield self._step()

    def _leave(self, name: str | None) -> None:
        """The next name is this one, or there is none."""
        while self._way and (name is None or not name.startswith(self._way[-1].prefix)):
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
            if timeline.name or wanted is not None:  # the directory that was asked for stays, unless a file was there
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
        """The reversion of a name: the entry there must still be the present one."""
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
            return Reverted(name=name, outcome="refused", refusal=refusal_of(result))
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
            return [Reverted(name=name, outcome="refused", kind="directory", refusal=refusal_of(refused))]
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
