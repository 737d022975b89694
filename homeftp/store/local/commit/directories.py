"""Opens the directories of new files, and makes missing ones durably."""

from __future__ import annotations

import contextlib
from threading import Lock
from typing import Iterable, Mapping, Sequence

import attrs

from homeftp.endpoint import Endpoint
from homeftp.errors import NoSpace, Refusal
from homeftp.model import Actor, Change
from homeftp.store.local.commit.namespace import Namespace
from homeftp.store.local.commit.space import SpaceReservation
from homeftp.store.local.disk.errnos import catch, close_quietly, exhausted, refusal
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle, close_all
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.preconditions import gone, occupied


@attrs.frozen
class Directories:
    """Opens and makes directories. Thread-safe."""

    root: SafeRoot
    fsync: Fsync
    namespace: Namespace
    space: SpaceReservation
    changelog: ChangeLog
    unordered: Sequence[DirHandle]
    """The staging folders, if they must be made durable before a directory is made.

    Without a journal the inode of a removed file can become a new directory's
    while the file's name is still on the disk; after a power cut e2fsck removes
    one of the two names, and may remove the right one.
    """
    _making: Lock = attrs.field(factory=Lock, init=False)

    def open(self, endpoint: Endpoint, actor: Actor, *, target: Endpoint, size: int) -> DirHandle:
        """Open one directory, for a target of `size` bytes; make it for `actor` if it is missing. The caller closes it.

        Raises the refusals of `open_many`, and `NoSpace` (52) in terms of the target.
        """
        return self._opened(self.open_many({endpoint: actor})[endpoint], target, size)

    def open_existing(self, endpoint: Endpoint) -> DirHandle:
        """Open one directory that must exist. Raises `Changed` (44) where nothing does. The caller closes it."""
        return self._opened(self.open_many({endpoint: None})[endpoint], endpoint, 0)

    def make(self, endpoint: Endpoint, actor: Actor) -> DirHandle:
        """Make one directory for `actor`, and its parents. Raises `Changed` (44) if it exists. The caller closes it."""
        if self.root.stat(endpoint) is not None:
            raise occupied(endpoint)
        with self._making:
            return self._opened(self._make_all({endpoint: actor}, exclusive=True)[endpoint], endpoint, 0)

    def _opened(self, handle: DirHandle | Exception, target: Endpoint, size: int) -> DirHandle:
        if isinstance(handle, Exception):
            raise self.explain(handle, target, size)
        return handle

    def open_many(self, endpoints: Mapping[Endpoint, Actor | None]) -> dict[Endpoint, DirHandle | Exception]:
        """Open these directories; make missing ones durably for their actor, if any. The caller closes them.

        A directory that exists may just have been made by another thread: it
        counts only once that thread has made it durable, hence the lock.
        """
        opened: dict[Endpoint, DirHandle | Exception] = {}
        to_make: dict[Endpoint, Actor] = {}
        for endpoint, actor in endpoints.items():
            nearest = catch(self.root.open_nearest, endpoint)
            if isinstance(nearest, Exception):
                opened[endpoint] = nearest
            elif nearest[1] == len(endpoint.parts):
                opened[endpoint] = nearest[0]
            else:
                close_quietly(nearest[0].fd)
                opened[endpoint] = gone(endpoint)
                if actor is not None:
                    to_make[endpoint] = actor
        with self._making:
            opened.update(self._make_all(to_make))
        return opened

    def explain(self, error: Exception, target: Endpoint, size: int) -> Exception:
        """`error`, or if a directory could not be made for lack of space, the refusal of the target itself."""
        if isinstance(error, NoSpace):
            return exhausted(target, size)
        return error

    def _make_all(
        self, to_make: Mapping[Endpoint, Actor], *, exclusive: bool = False
    ) -> dict[Endpoint, DirHandle | Exception]:
        """Make these directories, by one thread at a time; if `exclusive`, those that exist are `Changed` (44)."""
        failure = next(filter(None, self.fsync.directories(self.unordered)), None) if to_make else None
        return self._make(to_make, exclusive) if failure is None else _refuse_all(to_make, failure)

    def _make(self, to_make: Mapping[Endpoint, Actor], exclusive: bool) -> dict[Endpoint, DirHandle | Exception]:
        """Make these directories; if one of them cannot be made durable, all are removed again."""
        results: dict[Endpoint, DirHandle | Exception] = {}
        parents: dict[tuple[str, ...], DirHandle] = {}
        leaves: list[DirHandle] = []
        made: list[tuple[DirHandle, Endpoint, Actor]] = []
        for endpoint, actor in to_make.items():
            chain = catch(self._make_one, endpoint, actor, exclusive)
            if isinstance(chain, Exception):
                results[endpoint] = chain
                continue
            results[endpoint] = leaf = chain.pop()
            leaves.append(leaf)
            for depth, handle in enumerate(chain, len(endpoint.parts) - len(chain)):
                if parents.setdefault(endpoint.parts[:depth], handle) is not handle:
                    close_quietly(handle.fd)
                made.append((parents[endpoint.parts[:depth]], endpoint.first(depth + 1), actor))
        # The deepest first: without a journal a name can be durable before the directory that it names.
        new = [*leaves, *(parents[parts] for parts in sorted(parents, key=len, reverse=True))]
        failures = [error for error in self.fsync.directories(new) if error is not None]
        if failures:
            for parent, endpoint, actor in reversed(made):
                with contextlib.suppress(OSError, Refusal):
                    self.namespace.remove_directory(parent, endpoint, actor)
            close_all(results.values())
            results = _refuse_all(to_make, failures[0])
        close_all(parents.values())
        return results

    def _make_one(self, endpoint: Endpoint, actor: Actor, exclusive: bool) -> list[DirHandle]:
        """`SafeRoot.make_directories`, unless the first new name is too similar to an existing one."""
        self.changelog.ensure_recorded()
        nearest, depth = self.root.open_nearest(endpoint)
        try:
            if depth < len(endpoint.parts):
                self.namespace.check_name(nearest, endpoint.first(depth + 1))
            try:
                return self._make_chain(endpoint, actor, exclusive)
            except NoSpace:
                if not self.space.evict_for(actor, nearest, endpoint.first(depth), 1):
                    raise
            return self._make_chain(endpoint, actor, exclusive)
        except FileExistsError:
            raise occupied(endpoint) from None
        except OSError as error:
            raise refusal(error, endpoint) from error
        finally:
            close_quietly(nearest.fd)

    def _make_chain(self, endpoint: Endpoint, actor: Actor, exclusive: bool) -> list[DirHandle]:
        handles: list[DirHandle] = []
        try:
            with self.changelog.changing() as record:
                handles = self.root.make_directories(
                    endpoint, lambda made: record(Change("add", "directory", made, actor)), exclusive=exclusive
                )
        except BaseException:
            close_all(handles)  # the change could not be recorded
            raise
        return handles


def _refuse_all(endpoints: Iterable[Endpoint], error: OSError) -> dict[Endpoint, DirHandle | Exception]:
    return {endpoint: refusal(error, endpoint) for endpoint in endpoints}
