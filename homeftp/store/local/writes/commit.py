"""The moment in which something gets its name, or loses it: on its condition, once what stood there is kept.

The order of every replacement: fsync of the new content < the old one is kept
as a version < fsync of the versions' folders < rename < fsync of the
directory, and of each new directory's parent < the answer. The first step is
done before anything comes here, the last two after.
"""

from __future__ import annotations

import contextlib
import errno
import os
from threading import Lock
from typing import Sequence

import attrs

from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, Forbidden, Internal, NotFound, Refusal
from homeftp.hashing.filehash import signature
from homeftp.hashing.hashcache import CachedHash, HashCache
from homeftp.model import ABSENT, PRESENT, Actor, Change
from homeftp.store.local.disk.errnos import FULL, catch, display_path
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.quota import QuotaUsage
from homeftp.store.local.disk.saferoot import DirHandle, SafeRoot, raw
from homeftp.store.local.versions.archive import ArchivedFile, Archiver
from homeftp.store.local.versions.retention import VersionArchive
from homeftp.store.local.writes.pending import ExistingTarget, PendingRename, PendingUnlink, named, removed
from homeftp.store.local.writes.preconditions import changed, check_file, gone, occupied
from homeftp.store.local.writes.similarnames import NameCollisions
from homeftp.store.policy.changelog import ChangeLog
from homeftp.syscalls import System

_TRIES = 5
"""Times that it is tried anew when something appears where nothing was, as other programs may have it."""


Checked = dict[DirHandle, bool]
"""Open directories, and whether each stands where it was opened."""


class _Appeared(Exception):
    """Something is where nothing was."""


@attrs.frozen
class Committer:
    """Gives names and takes them, one job at a time. Safe in several threads.

    Among our own threads condition and rename are one step; that nothing is
    there is exact for everyone.
    """

    jail: SafeRoot
    system: System
    syncing: Fsync
    versions: VersionArchive
    siblings: NameCollisions
    index: HashCache
    usage: QuotaUsage
    trail: ChangeLog
    _lock: Lock = attrs.field(factory=Lock, init=False)

    def check_name(self, place: DirHandle, endpoint: Endpoint) -> None:
        """Raise `BadEndpoint` (41) for a new name in an open directory that is too much like another there. OSError."""
        with self._lock:
            self.siblings.check(place, endpoint, new=True)
            self.siblings.settle([place])

    def publish(self, arrivals: Sequence[PendingRename]) -> list[Exception | None]:
        """Give each its name; what is not None is why one has not got it.

        Raises nothing; the errors are `Changed` (44), `WrongKind` (43),
        `BadEndpoint` (41) for a name that is too much like another, and OSError.
        """
        results: dict[int, Exception | None] = {}
        left = dict(enumerate(arrivals))
        with self._lock:
            for _ in range(_TRIES):
                again: dict[int, PendingRename] = {}
                while left:
                    now, left = _each_once(left)
                    for number, result in zip(now, self._publish(list(now.values())), strict=True):
                        results[number] = result
                        if isinstance(result, _Appeared):
                            again[number] = now[number]
                            results[number] = changed(now[number].endpoint)
                left = again
        return [results[number] for number in range(len(arrivals))]

    def _publish(self, arrivals: Sequence[PendingRename]) -> list[Exception | None]:
        """The same, for arrivals of which no two are for the same endpoint."""
        results: list[Exception | None] = []
        rows: list[CachedHash] = []
        try:
            self.trail.settle()
        except Refusal as refused:
            return [refused] * len(arrivals)
        with Archiver(self.jail, self.system, self.versions) as keeping:
            checked: Checked = {}
            standing = [catch(self._prepare, each, keeping, checked) for each in arrivals]
            failure = keeping.make_durable(self.syncing)
            try:
                with self.trail.changing() as changed:
                    for arrival, stood in zip(arrivals, standing, strict=True):
                        if isinstance(stood, Exception):
                            results.append(stood)
                            continue
                        results.append(catch(self._settle, arrival, stood, keeping, failure))
                        if results[-1] is None or isinstance(results[-1], InDoubt):
                            changed(named(arrival, stood))
            except Refusal as refused:
                results = [refused if result is None else result for result in results]
            for arrival, stood, result in zip(arrivals, standing, results, strict=True):
                if result is None and not isinstance(stood, Exception) and stood.kept and arrival.expected:
                    with contextlib.suppress(OSError):  # then its hash is not known, and that is all
                        rows.append(stood.kept.row(str(arrival.if_hash)))
        self.siblings.settle({arrival.place for arrival in arrivals})
        self.index.record(rows)
        return results

    def check_places(self, checked: Checked, *where: tuple[DirHandle, Endpoint]) -> None:
        """Raise `Changed` (44) where something's directory is not where it was when it was opened. OSError.

        A name that is given or taken there would be another one than was
        asked for. Nothing of ours moves a directory while this is held to.
        """
        for place, endpoint in where:
            if place not in checked:
                checked[place] = self.jail.stands(place, endpoint.parent)
            if not checked[place]:
                raise Changed(f"the directory of {display_path(endpoint)} was moved meanwhile: compare again")

    def _prepare(self, arrival: PendingRename, keeping: Archiver, checked: Checked) -> ExistingTarget:
        """Look whether it may have its name, and keep what has it now."""
        endpoint, place = arrival.endpoint, arrival.place
        self.check_places(checked, (place, endpoint))
        leaves = None
        if arrival.leaves is not None:
            self.check_places(checked, (arrival.leaves.place, arrival.leaves.endpoint))
            self._look(arrival.leaves)
            leaves = arrival.leaves.endpoint.name if arrival.leaves.endpoint.parent == endpoint.parent else None
        # That nothing is there need not be looked for: the rename itself finds out.
        found = None if arrival.if_hash == ABSENT else self.jail.look_in(place.fd, endpoint)
        check_file(endpoint, found)
        if arrival.if_hash == PRESENT and found is None:
            raise gone(endpoint)
        if arrival.expected is not None and (found is None or signature(found) != arrival.expected):
            raise changed(endpoint)
        self.siblings.check(place, endpoint, new=found is None, leaves=leaves)
        if found is None:
            return ExistingTarget(None, None)
        same = arrival.expected is not None and arrival.if_hash == arrival.hash
        return ExistingTarget(found, None if same else keeping.keep(place, endpoint, found))

    def _settle(
        self, arrival: PendingRename, stood: ExistingTarget, keeping: Archiver, failure: OSError | None
    ) -> None:
        """Give it its name, unless what it replaces may not be kept for good."""
        try:
            if failure is not None and stood.kept is not None:
                if failure.errno in FULL:
                    raise failure
                raise not_kept(arrival.endpoint) from failure
            self._name(arrival, stood, keeping)
        except InDoubt:
            arrival.source.renamed()
            raise
        except BaseException:
            if stood.kept is not None:
                keeping.undo(stood.kept)
            raise
        arrival.source.renamed()

    def _name(self, arrival: PendingRename, stood: ExistingTarget, keeping: Archiver) -> None:
        source, place = arrival.source, arrival.place
        name = raw(arrival.endpoint.name)
        mark = self.usage.mark()
        if stood.found is None:
            try:
                self.system.rename_new(source.name, name, source_dir=source.directory, target_dir=place.fd)
            except FileExistsError:
                if arrival.if_hash != ABSENT:
                    raise _Appeared from None
                check_file(arrival.endpoint, self.jail.look_in(place.fd, arrival.endpoint))
                raise occupied(arrival.endpoint) from None
        elif stood.kept is not None and not stood.kept.linked:
            self._swap(arrival, name, stood.kept)
        else:
            self.system.rename(source.name, name, source_dir=source.directory, target_dir=place.fd)
        self._account(stood.found, stood.kept is not None, mark)
        if arrival.counted:
            self.usage.moved(self.usage.cost(arrival.size), mark)

    def _account(self, found: os.stat_result | None, kept: bool, mark: int) -> None:
        """What had a name is gone, unless it is kept as a version or has other names."""
        if found is not None and kept:
            self.usage.moved(self.usage.cost(found.st_size), mark)
        elif found is not None and found.st_nlink == 1:
            self.usage.removed(self.usage.cost(found.st_size), mark)

    def _look(self, leaving: PendingUnlink) -> os.stat_result:
        """What is to lose its name, if it is what was meant."""
        found = self.jail.look_in(leaving.place.fd, leaving.endpoint)
        if found is None:
            raise NotFound(f"{display_path(leaving.endpoint)} does not exist")
        if leaving.inode not in (None, found.st_ino) or leaving.expected not in (None, signature(found)):
            raise changed(leaving.endpoint)
        return found

    def remove(self, files: Sequence[PendingUnlink], actor: Actor) -> list[os.stat_result | Exception]:
        """Make each of these files a version, durably but for its old name; what it was, or why it is there still.

        Raises nothing; the errors are `NotFound` (40), `Changed` (44),
        `WrongKind` (43), OSError, and `Internal` (50) where it may come back.
        """
        try:
            self.trail.settle()
        except Refusal as refused:
            return [refused] * len(files)
        results: list[os.stat_result | Exception] = []
        checked: Checked = {}
        with self._lock, Archiver(self.jail, self.system, self.versions) as keeping:
            try:
                with self.trail.changing() as changed:
                    for leaving in files:
                        gone = catch(self._remove, leaving, keeping, checked)
                        results.append(gone)
                        if not isinstance(gone, Exception):
                            changed(removed(leaving, gone, actor))
            except Refusal as refused:
                results = [result if isinstance(result, Exception) else refused for result in results]
            failure = keeping.make_durable(self.syncing)
            self.siblings.settle({each.place for each in files})
        if failure is None:
            return results
        return [
            each if isinstance(each, Exception) else in_doubt(one.endpoint)
            for each, one in zip(results, files, strict=True)
        ]

    def _remove(self, leaving: PendingUnlink, keeping: Archiver, checked: Checked) -> os.stat_result:
        self.check_places(checked, (leaving.place, leaving.endpoint))
        found = self._look(leaving)
        check_file(leaving.endpoint, found)
        mark = self.usage.mark()
        self._account(found, keeping.take(leaving.place, leaving.endpoint, found), mark)
        return found

    def move_directory(self, leaving: PendingUnlink, place: DirHandle, endpoint: Endpoint, actor: Actor) -> None:
        """Give a directory another name, where nothing is. Raises `Changed` (44), `BadEndpoint` (41), OSError."""
        self.trail.settle()
        with self._lock:
            self.check_places({}, (leaving.place, leaving.endpoint), (place, endpoint))
            self._look(leaving)
            leaves = leaving.endpoint.name if leaving.endpoint.parent == endpoint.parent else None
            self.siblings.check(place, endpoint, new=True, leaves=leaves)
            mark = self.usage.mark()
            try:
                names = raw(leaving.endpoint.name), raw(endpoint.name)
                with self.trail.changing() as changed:
                    self.system.rename_new(*names, source_dir=leaving.place.fd, target_dir=place.fd)
                    self.usage.moved(None, mark)
                    changed(Change("move", "directory", leaving.endpoint, actor, endpoint))
            except FileExistsError:
                raise occupied(endpoint) from None
            finally:
                self.siblings.settle([place])

    def _swap(self, arrival: PendingRename, name: bytes, kept: ArchivedFile) -> None:
        """Both at once where the old file can have no second name; then it is moved to where it is kept."""
        source, place = arrival.source, arrival.place
        try:
            self.system.exchange(source.name, name, one_dir=source.directory, other_dir=place.fd)
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:
                raise Forbidden(
                    f"{display_path(arrival.endpoint)} cannot be replaced: its disk cannot keep the old content as a "
                    "version; the server's owner can do without, with --keep-versions 0"
                ) from error
            raise
        try:
            self.system.rename_new(source.name, kept.file, source_dir=source.directory, target_dir=kept.place.fd)
        except OSError:
            self.system.exchange(source.name, name, one_dir=source.directory, other_dir=place.fd)
            raise
        (failure,) = self.syncing.directories([kept.place])
        if failure is not None:
            raise in_doubt(arrival.endpoint) from failure


def not_kept(endpoint: Endpoint) -> Internal:
    """The refusal where it is in doubt whether a version lasts of what is to be replaced."""
    return Internal(
        f"the server's disk could not keep the old content of {display_path(endpoint)}: it stands as it was"
    )


class InDoubt(Internal):
    """It has been done, and may not survive a power cut."""


def in_doubt(endpoint: Endpoint) -> InDoubt:
    """The refusal after a rename that may not survive a power cut."""
    return InDoubt(
        f"the server's disk failed: whether {display_path(endpoint)} has its new content for good is in doubt"
    )


def stat_after(fd: int, endpoint: Endpoint) -> os.stat_result:
    """The stat of what has its name now. Raises `Internal` (50)."""
    try:
        return os.fstat(fd)
    except OSError as error:
        raise in_doubt(endpoint) from error


def _each_once(arrivals: dict[int, PendingRename]) -> tuple[dict[int, PendingRename], dict[int, PendingRename]]:
    """Those that may be published side by side, and those whose endpoint one of them has too."""
    taken: set[Endpoint] = set()
    now: dict[int, PendingRename] = {}
    later: dict[int, PendingRename] = {}
    for number, arrival in arrivals.items():
        (later if arrival.endpoint in taken else now)[number] = arrival
        taken.add(arrival.endpoint)
    return now, later
