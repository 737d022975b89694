"""Opens the directories of new files, makes missing ones durably, and removes them again if the request is refused."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from threading import Lock
from typing import Iterable, Iterator, Mapping, Sequence

import attrs

from homeftp.endpoint import Endpoint
from homeftp.errors import NoSpace, NotFound, Refusal
from homeftp.model import Actor, Change
from homeftp.store.local.commit.namespace import Namespace, moved_meanwhile
from homeftp.store.local.commit.space import NewDirectories, SpaceReservation
from homeftp.store.local.disk.errnos import close_quietly, exhausted, refusal
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle, close_all
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.preconditions import gone, occupied

_ATTEMPTS = 5
"""Times to try again if a parent is moved or removed between two steps."""

Parts = tuple[str, ...]


@attrs.define(eq=False)
class _New:
    """A directory that was made for requests that have not ended yet."""

    endpoint: Endpoint
    actor: Actor
    inode: int
    users: int = 0
    """Requests that opened it, or a directory in it."""
    kept: bool = False
    """Whether one of them succeeded."""


@attrs.frozen(eq=False)
class _Making:
    """For whom a directory and its parents are made, and what was made."""

    actor: Actor
    space: NewDirectories
    made: list[_New]


@attrs.define(eq=False)
class OpenDirectories:
    """The directories of one request."""

    handles: Mapping[Endpoint, DirHandle | Exception]
    """Each that was asked for, or why it could not be opened or made."""
    new: Sequence[_New] = ()
    """The new directories on the way, which are removed again unless a request needs them."""

    def keep(self, endpoint: Endpoint) -> None:
        """Note that something was stored in a directory, or that it was to be made itself."""
        for each in self.new:
            each.kept = each.kept or each.endpoint.parts == endpoint.parts[: len(each.endpoint.parts)]


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
    changelog: ChangeLog
    unordered: Sequence[DirHandle]
    """The server's own folders, if they must be made durable before a new directory is.

    Without a journal the inode of a removed file can become a new directory's
    while the file's name is still on the disk; after a power cut e2fsck removes
    one of the two names, and may remove the right one. They are synced after the
    directory was made: a file may be removed by another thread just before that.
    """
    _lock: Lock = attrs.field(factory=Lock, init=False)
    _new: dict[Parts, _New] = attrs.field(factory=dict, init=False)
    """The directories that were made for requests that have not ended yet."""

    @contextlib.contextmanager
    def opened(self, endpoint: Endpoint, actor: Actor, *, target: Endpoint, size: int) -> Iterator[DirHandle]:
        """Open one directory, for a target of `size` bytes; make it for `actor` if it is missing.

        If the block raises, what was made is removed again. Raises the refusals
        of `opened_many`, and `NoSpace` (52) in terms of the target.
        """
        with self.opened_many({endpoint: actor}) as opened, self._kept(opened, endpoint, target, size) as handle:
            yield handle

    @contextlib.contextmanager
    def existing(self, endpoint: Endpoint) -> Iterator[DirHandle]:
        """Open one directory that must exist. Raises `Changed` (44) where nothing does."""
        with self.opened_many({endpoint: None}) as opened, self._kept(opened, endpoint, endpoint, 0) as handle:
            yield handle

    @contextlib.contextmanager
    def made(self, endpoint: Endpoint, actor: Actor) -> Iterator[DirHandle]:
        """Make one directory for `actor`, and its parents, as `opened`. Raises `Changed` (44) if it exists."""
        if self.root.stat(endpoint) is not None:
            raise occupied(endpoint)
        nearest, depth = self.root.open_nearest(endpoint)
        close_quietly(nearest.fd)
        with self.space.new_directories() as new:
            new.expect(actor, _missing(endpoint, depth))
            with self._lock:
                opened = self._made_for({}, {endpoint: actor}, new, exclusive=True)
        with self._closing(opened), self._kept(opened, endpoint, endpoint, 0) as handle:
            yield handle

    @contextlib.contextmanager
    def _kept(self, opened: OpenDirectories, endpoint: Endpoint, target: Endpoint, size: int) -> Iterator[DirHandle]:
        """The only directory of a request; it is kept unless the block raises."""
        handle = opened.handles[endpoint]
        if isinstance(handle, Exception):
            raise self.explain(handle, target, size)
        yield handle
        opened.keep(endpoint)

    @contextlib.contextmanager
    def opened_many(self, endpoints: Mapping[Endpoint, Actor | None]) -> Iterator[OpenDirectories]:
        """Open these directories; make missing ones durably for their actor, if any.

        After the block those that were made are removed again, but for those that were kept.
        A directory that exists may just have been made by another thread: it
        counts only once that thread has made it durable, hence the lock. Space
        is made before: a home may have to be counted for it, which takes a while.
        """
        results: dict[Endpoint, DirHandle | Exception] = {}
        to_make: dict[Endpoint, Actor] = {}
        try:
            found = {endpoint: catch(self.root.open_nearest, endpoint) for endpoint in endpoints}
            with self.space.new_directories() as new:
                refused = {
                    endpoint: self._expect(new, endpoint, endpoints[endpoint], found[endpoint]) for endpoint in found
                }
                with self._lock:
                    for endpoint, nearest in found.items():
                        actor = endpoints[endpoint]
                        existing = nearest if isinstance(nearest, Exception) else _existing(*nearest, endpoint)
                        results[endpoint] = refused[endpoint] or gone(endpoint) if existing is None else existing
                        if existing is None and actor is not None and refused[endpoint] is None:
                            to_make[endpoint] = actor
                    opened = self._made_for(results, to_make, new)
        except BaseException:
            close_all(results.values())
            raise
        with self._closing(opened):
            yield opened

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

    @contextlib.contextmanager
    def _closing(self, opened: OpenDirectories) -> Iterator[None]:
        """Close these directories after the block, and remove those that no request needs."""
        try:
            yield
        finally:
            close_all(opened.handles.values())
            if opened.new:
                with self._lock:
                    self._release(opened.new)

    def _made_for(
        self,
        results: dict[Endpoint, DirHandle | Exception],
        to_make: Mapping[Endpoint, Actor],
        new: NewDirectories,
        *,
        exclusive: bool = False,
    ) -> OpenDirectories:
        """Make directories, add them to `results`, and note which new ones a request needs. Called with the lock."""
        results.update(self._make_all(to_make, new, exclusive=exclusive))
        if not self._new:
            return OpenDirectories(results)
        ways = {
            endpoint.parts[:depth]
            for endpoint, handle in results.items()
            if isinstance(handle, DirHandle)
            for depth in range(1, len(endpoint.parts) + 1)
        }
        used = [self._new[parts] for parts in ways if parts in self._new]
        for each in used:
            each.users += 1
        if to_make:
            self._remove_unused([each for each in self._new.values() if not each.users])
        return OpenDirectories(results, used)

    def _release(self, used: Sequence[_New]) -> None:
        """A request has ended. Called with the lock."""
        for each in used:
            each.users -= 1
        self._remove_unused([each for each in used if not each.users])

    def _remove_unused(self, unused: Iterable[_New]) -> None:
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

    def _make_all(
        self, to_make: Mapping[Endpoint, Actor], space: NewDirectories, *, exclusive: bool
    ) -> dict[Endpoint, DirHandle | Exception]:
        """Make these directories, by one thread at a time; if `exclusive`, those that exist are `Changed` (44).

        If one of them cannot be made durable, all are removed again.
        """
        results: dict[Endpoint, DirHandle | Exception] = {}
        parents: dict[Parts, DirHandle] = {}
        leaves: list[DirHandle] = []
        made: list[_New] = []
        try:
            for endpoint, actor in to_make.items():
                making = _Making(actor, space, made)
                chain = catch(self._make_one, endpoint, making, exclusive)
                if isinstance(chain, Exception):
                    results[endpoint] = chain
                    continue
                results[endpoint] = leaf = chain.pop()
                leaves.append(leaf)
                for depth, handle in enumerate(chain, len(endpoint.parts) - len(chain)):
                    if parents.setdefault(endpoint.parts[:depth], handle) is not handle:
                        close_quietly(handle.fd)
            # The deepest first: without a journal a name can be durable before the directory that it names.
            new = [*leaves, *(parents[parts] for parts in sorted(parents, key=len, reverse=True))]
            durable = [*self.fsync.directories(self.unordered), *self.fsync.directories(new)] if new else []
            failures = [error for error in durable if error is not None]
            if failures:
                close_all(results.values())
                results = _refuse_all(to_make, failures[0])
        finally:
            close_all(parents.values())
            self._new.update({each.endpoint.parts: each for each in made})
        return results

    def _make_one(self, endpoint: Endpoint, making: _Making, exclusive: bool) -> list[DirHandle]:
        """`SafeRoot.make_directories`, unless the first new name is too similar to an existing one."""
        self.changelog.ensure_recorded()
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(NotFound):  # a parent was moved or removed between two steps
                return self._try_to_make(endpoint, making, exclusive)
        raise moved_meanwhile(endpoint)

    def _try_to_make(self, endpoint: Endpoint, making: _Making, exclusive: bool) -> list[DirHandle]:
        nearest, depth = self.root.open_nearest(endpoint)
        above: list[DirHandle] = []
        try:
            make = partial(self._make_chain, making, nearest, endpoint.first(depth))
            if depth < len(endpoint.parts):
                # Only this name can be too similar to another: it is made under the lock of all names.
                first = endpoint.first(depth + 1)
                above = self.namespace.make_directory(
                    nearest, first, partial(make, first, exclusive=exclusive and first == endpoint)
                )
                if first == endpoint:
                    return above
                close_quietly(above.pop().fd)
            chain = above + make(endpoint, exclusive=exclusive)
            if above and len(chain) != len(endpoint.parts) - depth + 1:
                close_all(chain)
                above = []
                raise NotFound("a new directory was moved at once")
            return chain
        except FileExistsError:
            close_all(above)
            raise occupied(endpoint) from None
        except OSError as error:
            close_all(above)
            raise refusal(error, endpoint) from error
        except BaseException:
            close_all(above)
            raise
        finally:
            close_quietly(nearest.fd)

    def _make_chain(
        self, making: _Making, nearest: DirHandle, directory: Endpoint, endpoint: Endpoint, *, exclusive: bool
    ) -> list[DirHandle]:
        """`SafeRoot.make_directories`; again if space can be freed on the disk of `nearest`, the open `directory`."""
        try:
            return self._make_recorded(endpoint, making, exclusive)
        except NoSpace:
            if not self.space.evict_for(making.actor, nearest, directory, 1):
                raise
        return self._make_recorded(endpoint, making, exclusive)

    def _make_recorded(self, endpoint: Endpoint, making: _Making, exclusive: bool) -> list[DirHandle]:
        handles: list[DirHandle] = []
        new: list[Endpoint] = []
        try:
            with self.changelog.changing() as record:

                def note(directory: Endpoint) -> None:
                    making.space.made(directory)
                    record(Change("add", "directory", directory, making.actor))
                    new.append(directory)

                handles = self.root.make_directories(endpoint, note, exclusive=exclusive)
        except BaseException:
            close_all(handles)  # the change could not be recorded
            raise
        finally:
            for directory in new:
                found = catch(self.root.stat, directory)
                if isinstance(found, os.stat_result):  # otherwise it is not known which one to remove
                    making.made.append(_New(directory, making.actor, found.st_ino))
        return handles


def _missing(endpoint: Endpoint, depth: int) -> list[Endpoint]:
    """The directories on the way to one, and it, of which so many parts exist."""
    return [endpoint.first(each) for each in range(depth + 1, len(endpoint.parts) + 1)]


def _refuse_all(endpoints: Iterable[Endpoint], error: OSError) -> dict[Endpoint, DirHandle | Exception]:
    return {endpoint: refusal(error, endpoint) for endpoint in endpoints}


def _existing(nearest: DirHandle, depth: int, endpoint: Endpoint) -> DirHandle | Refusal | None:
    """The open directory, if it is the one at `endpoint`; None if that is missing. What is not returned is closed."""
    failure = None
    try:
        if depth == len(endpoint.parts) and os.fstat(nearest.fd).st_nlink:
            return nearest
    except OSError as error:
        failure = refusal(error, endpoint)
    close_quietly(nearest.fd)
    return failure
