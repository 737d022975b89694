"""Lists what each name beneath a directory has, and had: its file or directory, and its versions, name by name.

Like a listing it is sorted, without recursion, and with little memory for any size: the names of a directory are those
that it has now, together with those that the folders of its versions have, one for each day.
"""

from __future__ import annotations

import contextlib
import os
import stat
from functools import partial
from typing import Generator, Iterator

import msgspec

from homeftp.config import LISTING_PAGE
from homeftp.endpoint import MAX_PARTS, MAX_PATH_BYTES, NO_FOLDERS, Endpoint, FolderSet, folded, name_problem
from homeftp.errors import NotFound, Refusal, WrongKind
from homeftp.hashing.hashcache import HashCache
from homeftp.history.timeline import Restoration, Timeline
from homeftp.model import Entry, Version
from homeftp.store.local.disk.entries import entry_of, is_reserved, kind_problem, known_entry
from homeftp.store.local.disk.errnos import MISSING, close_quietly, refusal
from homeftp.store.local.disk.handles import raw
from homeftp.store.local.disk.privatefiles import read_private_link
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.disk.sortednames import NameBudget, SortedNames, forget_outer
from homeftp.store.local.disk.spelling import wire_form
from homeftp.store.local.timelinekeys import CURRENT, FOLDER, MARK, TIME, FoundKey, Place, TimelineLevel
from homeftp.store.local.versions.folders import VersionFolders
from homeftp.store.local.versions.naming import (
    Names,
    folder_of,
    parse_version,
    restored_version,
    start_of,
    version_path,
)
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.pages import STEP_ITEMS, entry_cost, paged
from homeftp.syscalls import System


class TimelineLister(msgspec.Struct, frozen=True):
    """Lists the timelines of one store. Thread-safe; each listing is for one thread at a time."""

    root: SafeRoot
    system: System
    folders: VersionFolders
    cache: HashCache
    filetypes: Filetypes
    budget: NameBudget

    def pages(
        self, endpoint: Endpoint, since_us: int, *, depth: int | None = None, hidden: FolderSet = NO_FOLDERS
    ) -> Iterator[list[Timeline]]:
        """The timelines, page by page, as `IHistory.timelines`."""
        walk = _Walk(self, endpoint, since_us, depth, hidden)
        try:
            with self.budget.walk():
                yield from paged(walk.timelines(), _cost)
        except OSError as error:
            raise refusal(error, endpoint) from error


class _Walk(msgspec.Struct, frozen=True):
    """One listing."""

    lister: TimelineLister
    top: Endpoint
    since_us: int
    depth: int | None
    hidden: FolderSet

    def timelines(self) -> Iterator[Timeline | None]:
        """Each name that has a timeline; None where a step ends."""
        root = self.lister.root
        if not self.top.is_top:
            levels = [self._level(self.top.parent, "", self.top.name)]
        else:  # what is, and was, beside an account's home is not even read
            found = root.stat(self.top)
            if found is not None:
                yield Timeline(name="", current=entry_of(found, root.disks))
            levels = [self._level(self.top, "")] if self.depth != 0 else []
        while levels:
            level = levels[-1]
            part = yield from self._next_part(level)
            if not part:
                levels.pop()
                continue
            name = _legal(level, part[0].name)
            if name is None:
                continue
            timeline = self._timeline(level.relative(name), name, part)
            if timeline is not None:
                yield timeline
            level.leads_on = _leads_on(part) or (level.leads_on and level.last == part[0].name)
            level.last = part[0].name
            below = level.endpoint.beneath(name)
            if (
                level.leads_on
                and not (level.ready and level.ready[-1].name == level.last)
                and (self.depth is None or len(below.parts) - len(self.top.parts) < self.depth)
            ):
                levels.append(self._level(below, f"{level.relative(name)}/" if level.relative(name) else ""))
                forget_outer(levels, self.lister.budget)

    def _level(self, endpoint: Endpoint, prefix: str, only: str | None = None) -> TimelineLevel:
        names = SortedNames(self.lister.budget)
        return TimelineLevel(names, endpoint, prefix, self.hidden.names_in(endpoint.parts), only)

    def _timeline(self, relative: str, name: str, part: list[FoundKey]) -> Timeline | None:
        """The timeline of one name; None where it has nothing that is offered."""
        versions = tuple(each.value for each in part if isinstance(each.value, Version))
        restored = tuple(each.value for each in part if isinstance(each.value, Restoration))
        current = part[-1] if part[-1].key.endswith(MARK + CURRENT) else None
        entry = current.value if current is not None and isinstance(current.value, Entry) else None
        problem = current.value if current is not None and isinstance(current.value, str) else None
        unwanted = self.lister.filetypes.problem(name)
        if unwanted is not None:
            versions, restored = (), ()
            if entry is not None and entry.kind == "file":
                entry, problem = None, unwanted
        if entry is None and problem is None and not versions and not (restored and len(part) == LISTING_PAGE):
            return None
        return Timeline(
            name=relative,
            current=entry,
            made_us=None if current is None else current.made_us,
            versions=versions,
            restored=restored,
            problem=problem,
        )

    def _next_part(self, level: TimelineLevel) -> Generator[None, None, list[FoundKey]]:
        """The next name, or a page of it, while the next key is ready; nothing at the end. Yields after each step."""
        part: list[FoundKey] = []
        while level.ready or not level.names.ended:
            if not level.ready:
                self._advance(level)
                yield None
                continue
            found = level.ready[-1]
            if part and (found.name != part[0].name or len(part) == LISTING_PAGE):
                break
            level.ready.pop()
            level.after = found.key
            part.append(found)
        return part

    def _advance(self, level: TimelineLevel) -> None:
        """Read a part of the names, or look up some of those that have been read."""
        if level.names.read_part(partial(self._keys, level)):
            keys = level.names.take(STEP_ITEMS, partial(self._keys, level))
            with contextlib.ExitStack() as opened:
                level.ready = self._look_up(level, self._open(level.endpoint, opened), keys)[::-1]

    def _open(self, directory: Endpoint, opened: contextlib.ExitStack) -> Place:
        folders = self.lister.folders
        fd = versions = -1
        with contextlib.suppress(NotFound, WrongKind):
            handle = self.lister.root.open_directory(directory)
            opened.callback(close_quietly, handle.fd)
            fd = handle.fd
        mount = folders.mount_in(directory)
        version_dir = opened.enter_context(folders.open_if_exists(mount))
        days: tuple[bytes, ...] = ()
        if version_dir is not None:
            versions, days = version_dir.fd, tuple(version_dir.days(self.since_us))
        return Place(fd, mount, versions, days, tuple(map(raw, directory.parts[len(mount.parts) :])))

    # -- names ---------------------------------------------------------------------

    def _keys(self, level: TimelineLevel) -> Iterator[bytes | None]:
        """All keys of a directory, in any order; None for one that is not wanted."""
        with contextlib.ExitStack() as opened:
            for key in self._all_keys(level, self._open(level.endpoint, opened)):
                if key is None or (level.only is None and not level.hidden):
                    yield key
                    continue
                name = os.fsdecode(key.partition(MARK)[0])
                yield None if level.only not in (None, name) or folded(name) in level.hidden else key

    def _all_keys(self, level: TimelineLevel, place: Place) -> Iterator[bytes | None]:
        ending = b"" if level.only is None else os.fsencode(level.only)
        if level.only is not None:
            yield wire_form(ending) + MARK + CURRENT  # looked up: others' names are not even read
        elif place.directory >= 0:
            with self.lister.root.open_below(place.directory, ()) as directory, os.scandir(directory) as entries:
                yield from (wire_form(os.fsencode(entry.name)) + MARK + CURRENT for entry in entries)
        for day in place.days:
            yield from self._version_keys(place, (day, *place.names), ending)

    def _version_keys(self, place: Place, folder: Names, ending: bytes) -> Iterator[bytes | None]:
        """The keys of the versions in one folder, and of the folders in it, whose names end so."""
        day_us = start_of(folder[0])
        with self._folder(place, folder) as directory:
            if directory is None:
                return
            with os.scandir(directory) as entries:
                for entry in entries:  # it may have a hundred thousand
                    name = os.fsencode(entry.name)
                    if not name.endswith(ending):
                        yield None
                        continue
                    parsed = parse_version(name)
                    if parsed is not None:
                        original, at_us = parsed
                        yield None if original is None or day_us is None else self._key(original, day_us + at_us)
                    elif entry.is_dir(follow_symlinks=False):
                        yield name + MARK + FOLDER
                        if folder_of((*folder[1:], name)) == (*folder[1:], name):
                            yield from self._long_keys(place, (*folder, name), day_us)

    def _long_keys(self, place: Place, folder: Names, day_us: int | None) -> Iterator[bytes | None]:
        """The keys of the versions of a file whose name is so long that they have a folder of their own."""
        with self._folder(place, folder) as directory:
            if directory is None or day_us is None:
                return
            with os.scandir(directory) as entries:
                for entry in entries:
                    original, at_us = parse_version(os.fsencode(entry.name)) or (b"", 0)
                    yield self._key(folder[-1], day_us + at_us) if original is None else None

    def _key(self, name: bytes, at_us: int) -> bytes | None:
        return name + MARK + TIME % at_us if at_us >= self.since_us else None

    @contextlib.contextmanager
    def _folder(self, place: Place, folder: Names) -> Iterator[int | None]:
        """Open a folder of versions; None where there is none."""
        with contextlib.ExitStack() as opened:
            directory = None
            try:
                directory = opened.enter_context(self.lister.root.open_below(place.versions, folder))
            except OSError as error:
                if error.errno not in MISSING:
                    raise
            yield directory

    # -- what they stand for -------------------------------------------------------

    def _look_up(self, level: TimelineLevel, place: Place, keys: list[bytes]) -> list[FoundKey]:
        """The files and versions of these keys, in their order."""
        found = {key: FoundKey(key, None) for key in keys}
        current: list[bytes] = []
        folders: dict[Names, list[tuple[bytes, bytes, int]]] = {}
        for key in keys:
            name, _, mark = key.partition(MARK)
            if mark == CURRENT:
                current.append(key)
            elif mark != FOLDER:
                folder, file = version_path((*place.names, name), int(mark))
                folders.setdefault(folder, []).append((key, file, int(mark)))
        for folder, versions in folders.items():
            found.update(self._versions(place, folder, versions))
        found.update(self._current(level, place, current))
        return [found[key] for key in keys]

    def _versions(
        self, place: Place, folder: Names, wanted: list[tuple[bytes, bytes, int]]
    ) -> Iterator[tuple[bytes, FoundKey]]:
        """The versions in one folder."""
        stats: dict[str, os.stat_result] = {}
        made: dict[bytes, int | None] = {}
        restored: dict[bytes, int | None] = {}
        with self._folder(place, folder) as directory:
            for _, file, _ in wanted if directory is not None else ():
                with contextlib.suppress(FileNotFoundError):
                    found = os.stat(file, dir_fd=directory, follow_symlinks=False)
                    if directory is not None and stat.S_ISREG(found.st_mode):
                        stats[os.fsdecode(file)] = found
                        made[file] = self.lister.system.made_us(directory, file)
                    elif directory is not None and stat.S_ISLNK(found.st_mode):
                        restored[file] = restored_version(read_private_link(directory, file))
        known = self.lister.cache.known(self.lister.folders.cache_path(place.mount, folder), stats)
        for key, file, at_us in wanted:
            if os.fsdecode(file) in stats:
                found = stats[os.fsdecode(file)]
                cached = known.get(os.fsdecode(file))
                entry = known_entry(found, self.lister.root.disks, cached)
                version = Version("", at_us, entry.size, entry.mtime_us, entry.mode, entry.hash, made[file])
                yield key, FoundKey(key, version)
        marks = [(key, at_us, restored[file]) for key, file, at_us in wanted if file in restored]
        yield from self._restorations(place, marks)

    def _restorations(
        self, place: Place, marks: list[tuple[bytes, int, int | None]]
    ) -> Iterator[tuple[bytes, FoundKey]]:
        """The restorations that marks tell of, but for versions that are still there: after a power cut they may be."""
        folders: dict[Names, list[tuple[bytes, bytes, Restoration]]] = {}
        for key, at_us, version_us in marks:
            if version_us is not None:
                folder, file = version_path((*place.names, key.partition(MARK)[0]), version_us)
                folders.setdefault(folder, []).append((key, file, Restoration(at_us, version_us)))
        for folder, some in folders.items():
            with self._folder(place, folder) as directory:
                for key, file, restoration in some:
                    if directory is None or not _is_version(directory, file):
                        yield key, FoundKey(key, restoration)

    def _current(self, level: TimelineLevel, place: Place, keys: list[bytes]) -> Iterator[tuple[bytes, FoundKey]]:
        """The present files of the directory."""
        root, stats, refused = self.lister.root, dict[str, os.stat_result](), dict[bytes, str]()
        made: dict[bytes, int | None] = {}
        for key in keys:
            name = _legal(level, key.partition(MARK)[0])
            if name is None or place.directory < 0:
                continue
            endpoint = level.endpoint.beneath(name)
            try:
                found = root.stat_in(place.directory, endpoint)
            except Refusal as error:
                refused[key] = error.message
                continue
            if found is not None:
                root.disks.learn(found, place.directory)
                stats[name] = found
                made[key] = self.lister.system.made_us(place.directory, root.stored_name(place.directory, endpoint))
        known = self.lister.cache.known(root.cache_path(level.endpoint), stats)
        for key in keys:
            stored = os.fsdecode(key.partition(MARK)[0])
            if stored in stats:
                problem = kind_problem(stats[stored])
                entry = known_entry(stats[stored], root.disks, known.get(stored))
                yield key, FoundKey(key, problem or entry, made[key])
            elif key in refused:
                yield key, FoundKey(key, refused[key])


def _legal(level: TimelineLevel, raw_name: bytes) -> str | None:
    """A name in a directory as an endpoint has it; None where no endpoint can have it."""
    try:
        name = raw_name.decode()
    except UnicodeDecodeError:
        return None
    if is_reserved(name) or name_problem(name) is not None or len(level.endpoint.parts) >= MAX_PARTS:
        return None
    return name if len(level.endpoint.beneath(name).whole.encode()) <= MAX_PATH_BYTES else None


def _is_version(directory: int, file: bytes) -> bool:
    """Whether there is a version of that name in an open folder."""
    with contextlib.suppress(FileNotFoundError):
        return stat.S_ISREG(os.stat(file, dir_fd=directory, follow_symlinks=False).st_mode)
    return False


def _leads_on(part: list[FoundKey]) -> bool:
    """Whether something may be beneath a name."""
    last = part[-1].value
    return part[0].key.endswith(MARK + FOLDER) or (isinstance(last, Entry) and last.kind == "directory")


def _cost(timeline: Timeline) -> int:
    return entry_cost(timeline.name) * (1 + len(timeline.versions) + len(timeline.restored))
