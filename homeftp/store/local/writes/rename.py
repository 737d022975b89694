"""What changes names, and no content: removing files and directories, and moving them."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from typing import Generator, Iterable, Iterator, Sequence

import attrs

from homeftp.endpoint import Endpoint
from homeftp.errors import BadRequest, NotFound, WrongKind
from homeftp.hashing.filehash import same_content
from homeftp.hashing.hashcache import CachedHash
from homeftp.model import ABSENT, PRESENT, Actor, Entry
from homeftp.store.local.disk.entries import entry_of
from homeftp.store.local.disk.errnos import close_quietly, display_path, refusal
from homeftp.store.local.disk.saferoot import DirHandle, kind_problem, raw
from homeftp.store.local.listing import DirectoryLister, is_hidden
from homeftp.store.local.writes.commit import in_doubt, stat_after
from homeftp.store.local.writes.pending import PendingRename, PendingUnlink
from homeftp.store.local.writes.preconditions import occupied
from homeftp.store.local.writes.replacing import Replacing, close_all
from homeftp.store.policy.wording import not_empty


@attrs.define(eq=False)
class _Named:
    """A file of the share as something that is to have another name."""

    directory: int
    name: bytes

    def renamed(self) -> None:
        """It has."""


@contextlib.contextmanager
def _opened(replacing: Replacing, endpoint: Endpoint) -> Iterator[tuple[DirHandle, os.stat_result]]:
    """The directory that something is in, and what it is. Raises `NotFound` (40), `WrongKind` (43)."""
    if not endpoint.parts:
        raise BadRequest("the share's root stays where it is: name what is in it")
    place = replacing.jail.place(endpoint.parent)
    try:
        found = replacing.jail.look_in(place.fd, endpoint)
        if found is None:
            raise NotFound(f"{display_path(endpoint)} does not exist")
        problem = kind_problem(found)
        if problem is not None:
            raise WrongKind(f"{display_path(endpoint)} {problem}")
        yield place, found
    except OSError as error:
        raise refusal(error, endpoint) from error
    finally:
        close_quietly(place.fd)


def _leaving(replacing: Replacing, place: DirHandle, endpoint: Endpoint, if_hash: str | None) -> PendingUnlink:
    """It, if it is what `if_hash` says; raises `Changed` (44)."""
    replacing.filetypes.check(endpoint)
    if if_hash == ABSENT:
        raise occupied(endpoint)
    if if_hash == PRESENT:
        if_hash = None
    (expected,) = replacing.conditions.expected([(place, endpoint, if_hash)])
    if isinstance(expected, Exception):
        raise expected
    return PendingUnlink(place, endpoint, expected, if_hash)


def remove(
    replacing: Replacing,
    listing: DirectoryLister,
    endpoint: Endpoint,
    if_hash: str | None,
    recursive: bool,
    actor: Actor,
) -> Generator[int, None, None]:
    """Remove a file, or a directory, with all that is in it where `recursive`; after each step, how many are gone.

    Every file becomes a version. Raises `NotFound` (40), `Changed` (44), and
    `WrongKind` (43) for a directory that is not empty, or holds what is not shared.
    """
    with _opened(replacing, endpoint) as (place, found):
        if not stat.S_ISDIR(found.st_mode):
            _raise_first(replacing.publishing.remove([_leaving(replacing, place, endpoint, if_hash)], actor))
            _make_durable(replacing, [place], endpoint)
            yield 1
            return
        if if_hash == ABSENT:
            raise occupied(endpoint)
        if if_hash not in (None, PRESENT):
            raise WrongKind(f"{display_path(endpoint)} is a directory and has no hash")
        if recursive:
            yield from _empty(replacing, listing, endpoint, actor)
        _remove_directory(replacing, place, endpoint, actor)
        _make_durable(replacing, [place], endpoint)
        yield 1


def _empty(replacing: Replacing, listing: DirectoryLister, endpoint: Endpoint, actor: Actor) -> Iterator[int]:
    """Remove what is in a directory: first what can be known to be possible, so that nothing is half done for that."""
    entries: list[Entry] = []
    for page in listing.pages(endpoint, True):
        if page.skipped:
            name, reason = page.skipped[0]
            raise WrongKind(f"{display_path(endpoint)} stays as it is, for {name} in it is not shared: {reason}")
        entries += page.entries
        yield 0
    folders = [entry.name.split("/") for entry in entries if entry.kind == "directory"]
    for parts in ([], *folders):
        _check_removable(replacing, endpoint.beneath(*parts), endpoint)
        yield 0
    names = [entry.name for entry in entries if entry.kind == "file"]
    for start in range(0, len(names), _AT_ONCE):
        _remove_files(
            replacing, [endpoint.beneath(*name.split("/")) for name in names[start : start + _AT_ONCE]], actor
        )
        yield len(names[start : start + _AT_ONCE])
    for parts in sorted(folders, key=len, reverse=True):
        below = endpoint.beneath(*parts)
        with _opened(replacing, below) as (place, _):
            _remove_directory(replacing, place, below, actor)
        yield 1


def _check_removable(replacing: Replacing, directory: Endpoint, endpoint: Endpoint) -> None:
    """Raise `WrongKind` (43) where a directory could not be removed though all that is listed were."""
    jail = replacing.jail
    try:
        place = jail.place(directory)
    except NotFound:
        return
    try:
        hidden = [name for name in os.listdir(place.fd) if is_hidden(name)]
        if not place.local and jail.top_of_mount(directory) == len(directory.parts):
            problem = f"another disk is mounted at {display_path(directory)}: unmount it on the server first"
        elif hidden:
            problem = f"{display_path(directory)} holds {hidden[0]}, of an upload or a download that was begun"
        else:
            return
    except OSError as error:
        raise refusal(error, directory) from error
    finally:
        close_quietly(place.fd)
    raise WrongKind(f"{display_path(endpoint)} stays as it is, for {problem}")


_AT_ONCE = 256
"""Files that become versions with one sync."""


def _remove_files(replacing: Replacing, endpoints: Sequence[Endpoint], actor: Actor) -> None:
    places: dict[Endpoint, DirHandle] = {}
    try:
        for endpoint in endpoints:
            if endpoint.parent not in places:
                places[endpoint.parent] = replacing.jail.place(endpoint.parent)
        leaving = [PendingUnlink(places[endpoint.parent], endpoint, None) for endpoint in endpoints]
        _raise_first(each for each in replacing.publishing.remove(leaving, actor) if not isinstance(each, NotFound))
        _make_durable(replacing, list(places.values()), endpoints[0])
    finally:
        close_all(places.values())


def _remove_directory(replacing: Replacing, place: DirHandle, endpoint: Endpoint, actor: Actor) -> None:
    replacing.trail.settle()
    try:
        replacing.remove_directory(place, endpoint, actor)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise not_empty(endpoint) from None
        raise


def _raise_first(results: Iterable[object]) -> None:
    for result in results:
        if isinstance(result, Exception):
            raise result


def _make_durable(replacing: Replacing, places: Sequence[DirHandle], endpoint: Endpoint) -> None:
    """The names of what is in these directories, and of what is not any more."""
    failure = next(filter(None, replacing.syncing.directories(places)), None)
    if failure is not None:
        raise in_doubt(endpoint) from failure


def move(
    replacing: Replacing, endpoint: Endpoint, to: Endpoint, if_hash: str | None, if_to: str | None, actor: Actor
) -> Entry:
    """Give something another name, durably; a file that has that name becomes a version.

    Raises `NotFound` (40), `Changed` (44), `WrongKind` (43), `BadEndpoint` (41),
    and `Forbidden` (33) for what would have to go to another disk.
    """
    if endpoint.parts == to.parts[: len(endpoint.parts)]:
        raise BadRequest(f"{display_path(endpoint)} cannot be moved to itself, or into itself")
    if not to.parts:
        raise WrongKind("the share's root is a directory")
    with _opened(replacing, endpoint) as (source, _):
        places = replacing.places({to.parent: actor})
        target = places[to.parent]
        if isinstance(target, Exception):
            raise replacing.no_place(target, to, 0)
        held = -1
        try:
            held = replacing.jail.held_in(source.fd, raw(endpoint.name))
            found = os.fstat(held)
            if stat.S_ISDIR(found.st_mode):
                if if_hash == ABSENT:
                    raise occupied(endpoint)
                if if_hash not in (None, PRESENT) or if_to not in (None, ABSENT):
                    raise WrongKind(f"{display_path(endpoint)} is a directory: it has no hash, and replaces nothing")
                leaving = PendingUnlink(source, endpoint, None, inode=found.st_ino)
                replacing.publishing.move_directory(leaving, target, to, actor)
            else:
                _move_file(replacing, source, endpoint, target, to, if_hash, if_to, found, actor)
            # By the descriptor: what has the name by now may be another's.
            moved = stat_after(held, to)
            _make_durable(replacing, [target, source], to)
            if if_hash in (None, PRESENT) or not same_content(found, moved):
                return entry_of(moved)
            replacing.index.record(
                [CachedHash(replacing.jail.spelled(to.parent), to.name, moved, if_hash, time.time_ns())]
            )
            return entry_of(moved, if_hash)
        finally:
            close_quietly(held)
            close_all([target])


def _move_file(
    replacing: Replacing,
    source: DirHandle,
    endpoint: Endpoint,
    target: DirHandle,
    to: Endpoint,
    if_hash: str | None,
    if_to: str | None,
    found: os.stat_result,
    actor: Actor,
) -> None:
    replacing.filetypes.check(to)
    leaving = attrs.evolve(_leaving(replacing, source, endpoint, if_hash), inode=found.st_ino)
    (expected,) = replacing.conditions.expected([(target, to, if_to)])
    if isinstance(expected, Exception):
        raise expected
    replacing.make_durable(source.fd, raw(endpoint.name), source)
    arrival = PendingRename(
        source=_Named(source.fd, raw(endpoint.name)),
        place=target,
        endpoint=to,
        if_hash=if_to,
        expected=expected,
        hash=None,
        size=found.st_size,
        actor=actor,
        leaves=leaving,
        counted=True,
    )
    _raise_first(replacing.publishing.publish([arrival]))
