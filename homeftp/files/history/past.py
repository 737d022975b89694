"""An endpoint at a time: one file, or a directory with everything beneath it, as a store's steps.

Everything here blocks: it runs in the pool. What was where at a time is the rule of `homeftp.history`.
"""

from __future__ import annotations

from typing import Generator, Iterator, Sequence

import attrs
from msgspec import structs

from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, NotFound
from homeftp.history.parts import at_time
from homeftp.history.timeline import Timeline
from homeftp.interfaces import IHistory, IOpenFile, IStore
from homeftp.model import Entry, ListingPage, Version
from homeftp.store.policy.pages import listing_pages
from homeftp.store.policy.wording import display_path, is_directory, not_a_directory, unsupported

_ATTEMPTS = 3
"""Times to look again where a file is replaced while it is opened."""


def history_of(store: IStore) -> IHistory:
    """The history of a store; raises `Forbidden` (33) where it keeps none."""
    history = store.history()
    if history is None:
        raise unsupported("tell what was there earlier: it keeps no versions")
    return history


def not_there_then(endpoint: Endpoint) -> NotFound:
    """The refusal where nothing existed at a time."""
    return NotFound(f"nothing was at {display_path(endpoint)} at that time, or it is no longer kept")


def open_past(store: IStore, endpoint: Endpoint, as_of_us: int) -> Iterator[IOpenFile | tuple[()]]:
    """Open the file that was at an endpoint at a time: empty steps, and at last the file.

    Raises `WrongKind` (43) where a directory may have been there, `Damaged` (46), and `Changed` (44) for one that is
    replaced all the time.
    """
    history = history_of(store)
    for _ in range(_ATTEMPTS):
        found = yield from _found_at(history, endpoint, as_of_us)
        if isinstance(found, Version):
            yield history.open_version(endpoint, found.at_us)
            return
        if found is None or found.kind == "directory":
            raise is_directory(endpoint)
        file = store.open(endpoint)
        try:
            again = yield from _found_at(history, endpoint, as_of_us)
        except BaseException:
            file.close()
            raise
        if isinstance(again, Entry):
            yield file
            return
        file.close()  # it was replaced just before it was opened
    raise Changed(f"{display_path(endpoint)} is being changed all the time: try again")


def _found_at(
    history: IHistory, endpoint: Endpoint, as_of_us: int
) -> Generator[tuple[()], None, Entry | Version | None]:
    for page in tree_at(history, endpoint, as_of_us):
        for timeline in page:
            return None if timeline.name else timeline.at(as_of_us)
        yield ()
    return None


def tree_at(history: IHistory, endpoint: Endpoint, as_of_us: int) -> Iterator[Sequence[Timeline]]:
    """Each name at an endpoint and beneath it, as `at_time`, where `Timeline.at` gives nothing beneath a file.

    Both seem to have been there where one of them was put back or moved there later: `Timeline.file_at` tells which.
    """
    held: list[Timeline] = []  # the page before: something in this one may be beneath its last name
    beneath: tuple[str, ...] = ()
    for page in at_time(history.timelines(endpoint, as_of_us), as_of_us):
        given: list[Timeline] = []
        for timeline in page:
            before = given or held
            if timeline.name.startswith(beneath):
                timeline = timeline.absent_at(as_of_us)
            elif before and timeline.name.startswith(_beneath(before[-1])) and before[-1].file_at(as_of_us) is not None:
                if (yield from _was_directory(history, endpoint.at(before[-1].name), before[-1], as_of_us)):
                    before[-1] = before[-1].absent_at(as_of_us)
                else:
                    beneath, timeline = (_beneath(before[-1]),), timeline.absent_at(as_of_us)
            given.append(timeline)
        if given:
            held, given = given, held
        yield given
    yield held


def _beneath(timeline: Timeline) -> str:
    return f"{timeline.name}/" if timeline.name else ""


def _was_directory(
    history: IHistory, endpoint: Endpoint, file: Timeline, as_of_us: int
) -> Generator[tuple[()], None, bool]:
    """Whether something beneath the name of a file was there at a time, and so the file was not."""
    for page in at_time(history.timelines(endpoint, as_of_us), as_of_us):
        files = [each.file_at(as_of_us) for each in page if each.name]
        if max(filter(None, files), default=(-1, 0)) > (file.file_at(as_of_us) or (0, 0)):
            return True
        yield ()
    return False


def list_past(store: IStore, as_of_us: int, endpoint: Endpoint, recursive: bool) -> Iterator[ListingPage]:
    """The entries that a directory had at a time, page by page, as `IStore.list`.

    A directory that does not exist any more has no time and no mode. Some pages are empty. Raises `NotFound` (40) where
    nothing was there, and `WrongKind` (43) for a file.
    """
    was_there = not endpoint.parts
    directories = DirectoriesThen()
    for page in tree_at(history_of(store), endpoint, as_of_us):
        items: list[Entry | tuple[str, str]] = []
        for timeline in page:
            found = timeline.at(as_of_us)
            if timeline.name:
                items += directories.add(timeline, found)
                if timeline.problem is not None:
                    items.append((timeline.name, timeline.problem))
            elif found is not None and _is_file(found):
                raise not_a_directory(endpoint)
            else:
                was_there = was_there or found is not None
        was_there = was_there or any(isinstance(item, Entry) for item in items)
        if not recursive:
            items = [item for item in items if "/" not in (item.name if isinstance(item, Entry) else item[0])]
        yield from listing_pages(items)
        yield ListingPage(())  # a step ends, whether it found something or not
    if not was_there:
        raise not_there_then(endpoint)


@attrs.define
class DirectoriesThen:
    """The directories on the way to what is listed, which are there then if anything beneath them is."""

    _known: list[tuple[str, Entry | None]] = attrs.field(factory=list)
    """The directories on the way to the last name, with their entries; None for those that have been given."""

    def add(self, timeline: Timeline, found: Entry | Version | None) -> Iterator[Entry]:
        """The entries of a name and its version then, after those of directories that were not given yet."""
        name = timeline.name
        while self._known and not name.startswith(f"{self._known[-1][0]}/"):
            self._known.pop()
        if found is None and (timeline.current is None or timeline.current.kind == "file"):
            return
        if found is None or not _is_file(found):
            self._known.append((name, timeline.current and structs.replace(timeline.current, name=name)))
        if found is None:
            return  # a directory of today: it counts only if something was in it then
        yield from self._give(name)
        if _is_file(found):
            yield past_entry(name, found)

    def _give(self, name: str) -> Iterator[Entry]:
        """The directories that lead to a name, or are it, unless they were given."""
        parts = name.split("/")
        known = dict(self._known)
        for depth in range(1, len(parts) + 1):
            above = "/".join(parts[:depth])
            if depth == len(parts) and above not in known:
                break  # the name is that of a file
            entry = known.get(above, Entry(above, "directory"))
            if entry is not None:
                yield entry
            known[above] = None
        self._known = sorted((above, entry) for above, entry in known.items())


def _is_file(found: Entry | Version) -> bool:
    return isinstance(found, Version) or found.kind == "file"


def past_entry(name: str, found: Entry | Version) -> Entry:
    """The entry that a name had."""
    if isinstance(found, Entry):
        return structs.replace(found, name=name)
    return Entry(name, "file", found.size, found.mtime_us, found.mode, found.hash)
