"""Opens the directories of new files, makes missing ones durably, and removes them again if the request is refused.

Directories that requests ask for themselves get their time and mode here: what many requests want of many directories
is made and changed in one step, recorded with one write, and made durable by one sync.
"""

from __future__ import annotations

import contextlib
import os
from functools import partial
from threading import Lock
from types import MappingProxyType
from typing import Iterable, Iterator, Mapping, Sequence

import attrs
import msgspec

from homeftp.endpoint import Endpoint
from homeftp.errors import NoSpace, Refusal, WrongKind
from homeftp.model import ABSENT, PRESENT, Actor, Change, Entry, WriteRequest
from homeftp.store.local.commit.directorymaker import DirectoryMaker, MadeDirectory, Making
from homeftp.store.local.commit.namespace import Namespace
from homeftp.store.local.commit.space import NewDirectories, SpaceReservation
from homeftp.store.local.disk.entries import entry_of
from homeftp.store.local.disk.errnos import close_quietly, exhausted, refusal
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle, close_all, set_metadata
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.preconditions import missing, occupied

Parts = tuple[str, ...]

Asked = Mapping[Endpoint, WriteRequest]
"""The requests for directories themselves, with the actor of each."""

_NOTHING: Asked = MappingProxyType({})


class OpenDirectories(msgspec.Struct, eq=False):
    """The directories of one request."""

    handles: Mapping[Endpoint, DirHandle | Exception]
    """Each that is needed, or why it could not be opened or made."""
    entries: Mapping[Endpoint, Entry | Exception]
    """Each that was asked for itself, as it is now, or why that was refused."""
    new: Sequence[MadeDirectory] = ()
    """The new directories on the way, which are removed again unless a request needs them."""

    def keep(self, endpoints: Iterable[Endpoint]) -> None:
        """Note that something was stored in these directories, or that they were asked for themselves."""
        if self.new:
            ways = _ways(endpoints)
            for each in self.new:
                each.kept = each.kept or each.endpoint.parts in ways


@attrs.frozen
class Directories:
    """Opens and makes directories. Thread-safe.

    A directory that a refused request made is removed again, unless another
    request that has opened it succeeds.
    """

    root: SafeRoot
    fsync: Fsync
    namespace: Namespace
    space: SpaceReservation
    maker: DirectoryMaker
    changelog: ChangeLog
    unordered: Sequence[DirHandle]
    """The server's own folders, if they must be made durable before a new directory is.

    Without a journal the inode of a removed file can become a new directory's
    while the file's name is still on the disk; after a power cut e2fsck removes
    one of the two names, and may remove the right one. They are synced after the
    directory was made: a file may be removed by another thread just before that.
    """
    _lock: Lock = attrs.field(factory=Lock, init=False)
    _new: dict[Parts, MadeDirectory] = attrs.field(factory=dict, init=False)
    """The directories that were made for requests that have not ended yet."""
    _unsettled: set[Parts] = attrs.field(factory=set, init=False)
    """These, and those that are being made or removed: what is to be made is here before it is on the disk, and what is
    removed until it is not. So any other directory that was opened counts, and need not wait for these."""

    @contextlib.contextmanager
    def opened(self, endpoint: Endpoint, actor: Actor, *, target: Endpoint, size: int) -> Iterator[DirHandle]:
        """Open one directory, for a target of `size` bytes; make it for `actor` if it is missing.

        If the block raises, what was made is removed again. Raises the refusals
        of `opened_many`, and `NoSpace` (52) in terms of the target.
        """
        with self.opened_many({endpoint: actor}) as opened:
            handle = opened.handles[endpoint]
            if isinstance(handle, Exception):
                raise self.explain(handle, target, size)
            yield handle
            opened.keep([endpoint])

    @contextlib.contextmanager
    def opened_many(
        self, endpoints: Mapping[Endpoint, Actor | None], asked: Asked = _NOTHING
    ) -> Iterator[OpenDirectories]:
        """Open these directories; make missing ones durably for their actor, if any.

        Those of them that are `asked` for themselves also get the request's time and mode, durably, on its condition.
        After the block those that were made are removed again, but for those that were kept.
        A directory that exists may just have been made by another thread: it
        counts only once that thread has made it durable, hence the lock, which
        other directories need not wait for. Space
        is made before: a home may have to be counted for it, which takes a while.
        """
        results: dict[Endpoint, DirHandle | Exception] = {}
        try:
            found = {endpoint: catch(self.root.open_nearest, endpoint) for endpoint in endpoints}
            if asked or not self._are_settled(found):
                opened = self._open_or_make(endpoints, found, asked, results)
            else:
                results.update({each: nearest[0] for each, nearest in found.items() if isinstance(nearest, tuple)})
                opened = OpenDirectories(results, {})
        except BaseException:
            close_all(results.values())
            raise
        try:
            yield opened
        finally:
            close_all(opened.handles.values())
            if opened.new:
                with self._lock:
                    self._release(opened.new)
                    self._unsettled.intersection_update(self._new)

    def _open_or_make(
        self,
        endpoints: Mapping[Endpoint, Actor | None],
        found: Mapping[Endpoint, tuple[DirHandle, int] | Exception],
        asked: Asked,
        results: dict[Endpoint, DirHandle | Exception],
    ) -> OpenDirectories:
        """`opened_many` where something may have to be made, or is new; adds to `results` what it opens."""
        to_make: dict[Endpoint, Actor] = {}
        with self.space.new_directories() as new:
            refused = {each: self._expect(new, each, endpoints[each], found[each]) for each in found}
            with self._lock:
                for endpoint, nearest in found.items():
                    actor = endpoints[endpoint]
                    existing = nearest if isinstance(nearest, Exception) else _existing(*nearest, endpoint)
                    results[endpoint] = refused[endpoint] or missing(endpoint) if existing is None else existing
                    if existing is None and actor is not None and refused[endpoint] is None:
                        to_make[endpoint] = actor
                try:
                    entries = self._change_all(results, to_make, asked, new) if to_make or asked else {}
                    return OpenDirectories(results, entries, self._use(results, made=bool(to_make)))
                finally:
                    self._unsettled.intersection_update(self._new)

    def _are_settled(self, found: Mapping[Endpoint, tuple[DirHandle, int] | Exception]) -> bool:
        """Whether all of these are there, and none of them is new to a request that has not ended."""
        if any(way in self._unsettled for way in _ways(found)):
            return False
        return all(
            isinstance(nearest, tuple) and catch(_is_there, *nearest, endpoint) is True
            for endpoint, nearest in found.items()
        )

    def _expect(
        self,
        new: NewDirectories,
        endpoint: Endpoint,
        actor: Actor | None,
        nearest: tuple[DirHandle, int] | Exception,
    ) -> Exception | None:
        """Make space for what is missing on the way to a directory, and it; why that is refused, or None."""
        if actor is None or isinstance(nearest, Exception):
            return None
        return catch(new.expect, actor, _missing(endpoint, nearest[1]))

    def _use(self, results: Mapping[Endpoint, DirHandle | Exception], *, made: bool) -> Sequence[MadeDirectory]:
        """Note which new directories a request needs; if it `made` some, remove those that it does not need.

        Called with the lock.
        """
        if not self._new:
            return ()
        ways = _ways(endpoint for endpoint, handle in results.items() if isinstance(handle, DirHandle))
        used = [self._new[parts] for parts in ways if parts in self._new]
        for each in used:
            each.users += 1
        if made:
            self._remove_unused([each for each in self._new.values() if not each.users])
        return used

    def _release(self, used: Sequence[MadeDirectory]) -> None:
        """A request has ended. Called with the lock."""
        for each in used:
            each.users -= 1
        self._remove_unused([each for each in used if not each.users])

    def _remove_unused(self, unused: Iterable[MadeDirectory]) -> None:
        """Forget new directories that no request needs, and remove those that none has kept. Called with the lock."""
        parents: list[DirHandle] = []
        for each in sorted(unused, key=lambda new: len(new.endpoint.parts), reverse=True):
            if self._new.get(each.endpoint.parts) is each:
                del self._new[each.endpoint.parts]
            if not each.kept:
                # Another program uses it, or has moved it; or its making is still unrecorded, and nothing may change.
                with contextlib.suppress(OSError, Refusal):
                    self.changelog.ensure_recorded()
                    parents.append(self.root.open_directory(each.endpoint.parent))
                    self.namespace.remove_directory(parents[-1], each.endpoint, each.actor, inode=each.inode)
        self.fsync.directories(parents)  # the request is refused whether that succeeds or not
        close_all(parents)

    def explain(self, error: Exception, target: Endpoint, size: int) -> Exception:
        """`error`, or if a directory could not be made on a full disk, the refusal of the target itself."""
        if isinstance(error, NoSpace) and isinstance(error.__cause__, OSError):
            return exhausted(target, size)
        return error

    def _change_all(
        self,
        results: dict[Endpoint, DirHandle | Exception],
        to_make: Mapping[Endpoint, Actor],
        asked: Asked,
        space: NewDirectories,
    ) -> dict[Endpoint, Entry | Exception]:
        """Make directories and add them to `results`, and change those that are `asked` for; together durable.

        Called with the lock. If a new one cannot be made durable, all new ones are removed again.
        """
        parents: dict[Parts, DirHandle] = {}
        made: list[MadeDirectory] = []
        entries = self._unmet(results, to_make, asked)
        try:
            self.changelog.ensure_recorded()
            for endpoint, actor in to_make.items():
                making = Making(actor, space, made, lambda directory: self._unsettled.add(directory.parts))
                exclusive = endpoint in asked and asked[endpoint].precondition == ABSENT
                chain = catch(self.maker.make, endpoint, making, exclusive=exclusive)
                if exclusive and isinstance(chain, Refusal):  # others may need the one that exists
                    entries[endpoint] = chain
                    chain = catch(self.maker.make, endpoint, making, exclusive=False)
                if isinstance(chain, Exception):
                    results[endpoint] = chain
                    continue
                results[endpoint] = chain.pop()
                for depth, handle in enumerate(chain, len(endpoint.parts) - len(chain)):
                    if parents.setdefault(endpoint.parts[:depth], handle) is not handle:
                        close_quietly(handle.fd)
            entries.update(self._changed(results, {each: asked[each] for each in asked if each not in entries}))
            failures = self._make_durable(results, parents, to_make, asked)
        except Refusal as unrecorded:
            failures = dict.fromkeys([*to_make, *asked], unrecorded)
        finally:
            close_all(parents.values())
            self._new.update({each.endpoint.parts: each for each in made})
        for endpoint, failure in failures.items():
            if endpoint in to_make:
                close_all([results[endpoint]])
                results[endpoint] = failure
            if endpoint in asked and not isinstance(entries.get(endpoint), Exception):
                entries[endpoint] = failure
        return entries

    def _unmet(
        self,
        results: Mapping[Endpoint, DirHandle | Exception],
        to_make: Mapping[Endpoint, Actor],
        asked: Asked,
    ) -> dict[Endpoint, Entry | Exception]:
        """The refusals of those whose condition does not hold. Another request may need the same directory."""
        unmet: dict[Endpoint, Entry | Exception] = {}
        for endpoint, request in asked.items():
            if request.precondition == PRESENT and endpoint in to_make:
                unmet[endpoint] = missing(endpoint)
            elif request.precondition == ABSENT and endpoint not in to_make:
                found = results[endpoint]
                is_there = isinstance(found, DirHandle) or (
                    isinstance(found, WrongKind) and isinstance(catch(self.root.stat, endpoint), os.stat_result)
                )
                if is_there:
                    unmet[endpoint] = occupied(endpoint)
        return unmet

    def _changed(
        self, results: Mapping[Endpoint, DirHandle | Exception], asked: Asked
    ) -> dict[Endpoint, Entry | Exception]:
        """Set time and mode as asked, and record that and what was made. Raises `Internal` (50)."""
        opened = {each: handle for each in asked if isinstance(handle := results[each], DirHandle)}
        disks = self.root.disks
        changes = [
            (
                handle,
                partial(set_metadata, disks, handle.fd, asked[endpoint].mtime_us, asked[endpoint].mode),
                Change("metadata", "directory", endpoint, asked[endpoint].actor),
            )
            for endpoint, handle in opened.items()
        ]
        failures = self.namespace.change_directories(changes)
        entries: dict[Endpoint, Entry | Exception] = {
            each: error for each in asked if isinstance(error := results[each], Exception)
        }
        for (endpoint, handle), failure in zip(opened.items(), failures, strict=True):
            found = catch(os.fstat, handle.fd) if failure is None else failure
            if isinstance(found, OSError):
                found = refusal(found, endpoint)
            entries[endpoint] = found if isinstance(found, Exception) else entry_of(found, disks)
        return entries

    def _make_durable(
        self,
        results: Mapping[Endpoint, DirHandle | Exception],
        parents: Mapping[Parts, DirHandle],
        to_make: Mapping[Endpoint, Actor],
        asked: Asked,
    ) -> dict[Endpoint, Exception]:
        """Make the new directories, their parents, and those that were changed durable; the failures."""
        changed = {
            endpoint.parts: handle
            for endpoint in (*to_make, *asked)
            if isinstance(handle := results[endpoint], DirHandle)
        }
        is_new = {endpoint.parts for endpoint in to_make} & changed.keys() | parents.keys()
        handles = {**parents, **changed}
        # The deepest first: without a journal a name can be durable before the directory that it names.
        order = sorted(handles, key=len, reverse=True)
        own = self.fsync.directories(self.unordered) if is_new else []
        synced = dict(zip(order, self.fsync.directories([handles[parts] for parts in order]), strict=True))
        failures: dict[Endpoint, Exception] = {
            endpoint: refusal(error, endpoint)
            for endpoint in asked
            if (error := synced.get(endpoint.parts)) is not None
        }
        failed = [error for error in (*own, *(synced[parts] for parts in is_new)) if error is not None]
        if failed:
            failures.update((endpoint, refusal(failed[0], endpoint)) for endpoint in to_make)
        return failures


def _ways(endpoints: Iterable[Endpoint]) -> set[Parts]:
    """The directories on the ways to others, and these."""
    return {endpoint.parts[:depth] for endpoint in endpoints for depth in range(1, len(endpoint.parts) + 1)}


def _missing(endpoint: Endpoint, depth: int) -> list[Endpoint]:
    """The directories on the way to one, and it, of which so many parts exist."""
    return [endpoint.first(each) for each in range(depth + 1, len(endpoint.parts) + 1)]


def _existing(nearest: DirHandle, depth: int, endpoint: Endpoint) -> DirHandle | Refusal | None:
    """The open directory, if it is the one at `endpoint`; None if that is missing. What is not returned is closed."""
    failure = None
    try:
        if _is_there(nearest, depth, endpoint):
            return nearest
    except OSError as error:
        failure = refusal(error, endpoint)
    close_quietly(nearest.fd)
    return failure


def _is_there(nearest: DirHandle, depth: int, endpoint: Endpoint) -> bool:
    """Whether the open directory, of which so many parts exist, is the one at `endpoint`. Raises OSError."""
    return depth == len(endpoint.parts) and os.fstat(nearest.fd).st_nlink > 0
