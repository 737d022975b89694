"""Makes space for what has arrived, on the disk and within the quotas; old versions are removed before it is refused.

A declared size is only compared with what is free and what could be removed:
nothing is removed for bytes that have not arrived.
"""

from __future__ import annotations

import contextlib
import os
from typing import Iterable, Iterator, NamedTuple, Sequence

import attrs
import msgspec

from homeftp.config import MIB
from homeftp.endpoint import Endpoint
from homeftp.errors import NoSpace
from homeftp.model import Actor
from homeftp.store.local.disk.accounting import Allocation, QuotaAccounting
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.quota import QuotaUsage
from homeftp.store.local.staging.partials import PartialUploads
from homeftp.store.local.versions.retention import EvictionScope, VersionArchive
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.disclosure import declarable
from homeftp.store.policy.wording import no_space, over_quota, over_store_quota, rough_up

SLACK = 8
"""Blocks, and inodes, that must be free beyond what a file needs: new folders need some."""

RESERVE = 64 * MIB
"""Bytes that are left free, at most a hundredth of the disk: the server's own state is often on the same disk, and
invitations and revocations must be written there (Syncthing leaves a hundredth too)."""

_PORTION = 100
"""The part of a disk or of a quota that one account may hold back from the others, at most: a hundredth, as above."""

_TRIES = 3
"""Times to remove something for the same bytes: others may take what was freed."""


class _Limit(msgspec.Struct, frozen=True):
    """A limit of a file: its account's quota, or that of the whole store."""

    usage: QuotaUsage
    held_back: int
    """Bytes that files on their way may still need."""
    scope: EvictionScope
    """The versions that could be removed for this account."""


class _Shortage(NamedTuple):
    """The space that a disk lacks."""

    free: int
    """Its free bytes, without those that stay free."""
    left: int
    """The bytes that no other file on its way may need."""
    bytes: int
    """Bytes, and files, to be removed."""
    files: int


@attrs.frozen(eq=False)
class NewDirectories:
    """The space of directories that one request makes; `SpaceReservation.new_directories` makes one."""

    _space: SpaceReservation
    _allocations: dict[tuple[str, ...], Allocation] = attrs.field(factory=dict, init=False)

    def expect(self, actor: Actor, endpoints: Sequence[Endpoint]) -> None:
        """Make space within the quotas for all of these directories, or for none. Reads a whole home where it must.

        Raises `NoSpace` (52), `Busy` (51).
        """
        expected: list[Allocation] = []
        try:
            for endpoint in endpoints:
                if endpoint.parts not in self._allocations:
                    expected.append(Allocation(actor, endpoint, in_parent=True))
                    self._space.reserve_directory(expected[-1])
        except BaseException:
            self._end(expected)
            raise
        self._allocations.update((each.endpoint.parts, each) for each in expected)

    def made(self, endpoint: Endpoint) -> None:
        """Note that a directory was made, perhaps another one than was expected. Raises nothing."""
        allocation = self._allocations.pop(endpoint.parts, None)
        if allocation is None:
            self._space.accounting.directory_made(endpoint.parent)
        else:
            self._space.accounting.release(allocation, committed=True)

    def release(self) -> None:
        """Give back the space of those that were not made."""
        self._end(self._allocations.values())

    def _end(self, allocations: Iterable[Allocation]) -> None:
        for allocation in allocations:
            self._space.accounting.release(allocation, committed=False)


class SpaceReservation(msgspec.Struct, frozen=True, eq=False):
    """The space of one store. Thread-safe. Bytes are those that a file takes up: `QuotaUsage.cost`."""

    accounting: QuotaAccounting
    versions: VersionArchive
    partials: PartialUploads
    changelog: ChangeLog
    most_held_back: int
    """Bytes that the uploads of one account hold back from other accounts before they have arrived."""

    def reserve(self, allocation: Allocation, handle: DirHandle, directory: Endpoint, size: int) -> None:
        """Expect a file of `size` bytes in or below `handle`, the open `directory`. Removes nothing.

        Raises `NoSpace` (52) where there is too little, even if everything were
        removed that may be, and `Busy` (51).
        """
        allocation.declared = max(self.accounting.cost(size), allocation.arrived)
        self.accounting.reserve(allocation)
        try:
            self._check_declared(allocation, handle, directory)
        except BaseException:
            self.discard(allocation)
            raise

    def expect(self, allocation: Allocation, handle: DirHandle, directory: Endpoint, size: int) -> None:
        """Expect a file that is on its way to have `size` bytes, as far as that much is free. Removes nothing.

        Raises as `reserve`; then nothing has changed.
        """
        declared, before = self.accounting.cost(size), allocation.declared
        if declared <= max(before, allocation.arrived):
            return
        allocation.declared = declared
        self.accounting.reserve(allocation)
        try:
            self._check_declared(allocation, handle, directory, removing=False)
        except BaseException:
            allocation.declared = before
            self.accounting.reserve(allocation)
            raise

    def reserve_whole(self, allocation: Allocation, handle: DirHandle, directory: Endpoint, size: int) -> None:
        """Make space for a file of which all `size` bytes are here. Raises as `grow`."""
        self.accounting.reserve(allocation)
        try:
            self.grow(allocation, handle, directory, size)
        except BaseException:
            self.discard(allocation)
            raise

    def take_together(self, allocation: Allocation, handle: DirHandle, sizes: Sequence[int]) -> bool:
        """Take the space of some files in one open directory, of which all bytes are here: the `sizes` of each.

        Returns False where there is too little for all of them; nothing is removed or counted for that. Raises `Busy`
        (51), OSError.
        """
        self.accounting.reserve(allocation)
        taken = False
        try:
            cost = self._cost(sizes)
            limits = [(limit.usage, limit.held_back) for limit in self._limits(allocation)]
            taken = (
                self.accounting.count_arrived(allocation, cost, limits) is None
                and self._shortage(allocation, handle, cost, len(sizes)) is None
            )
        finally:
            if not taken:
                self.accounting.release(allocation, committed=False)
        return taken

    def release_together(self, allocation: Allocation, committed: Sequence[int]) -> None:
        """End an allocation: files of these sizes were committed, the others discarded. May be called twice."""
        self.accounting.give_back(allocation, self._cost(committed))
        self.accounting.release(allocation, committed=True)

    def _cost(self, sizes: Sequence[int]) -> int:
        return sum(map(self.accounting.cost, sizes))

    @contextlib.contextmanager
    def new_directories(self) -> Iterator[NewDirectories]:
        """The space of directories that the block makes."""
        new = NewDirectories(self)
        try:
            yield new
        finally:
            new.release()

    def reserve_directory(self, allocation: Allocation) -> None:
        """Make space for a directory within the quotas. Raises `NoSpace` (52), `Busy` (51).

        The caller ends the allocation, also where this raises.
        """
        self.accounting.reserve(allocation)
        self._within_quotas(allocation, self.accounting.cost(), arrived=True)
        self.changelog.ensure_recorded()

    def shrink(self, allocation: Allocation, size: int) -> None:
        """The file has only `size` bytes any more."""
        cost = self.accounting.cost(size)
        if cost < allocation.arrived:
            self.accounting.give_back(allocation, cost)

    def release(self, allocation: Allocation, *, committed: bool) -> None:
        """The file was committed, or discarded. May be called twice."""
        self.accounting.release(allocation, committed=committed)

    def discard(self, allocation: Allocation) -> None:
        """Expect nothing more of this file; forget it, unless some of it arrived earlier."""
        if allocation.arrived:
            self.accounting.give_back(allocation, allocation.arrived)
        else:
            self.accounting.release(allocation, committed=False)

    def _check_declared(
        self, allocation: Allocation, handle: DirHandle, directory: Endpoint, *, removing: bool = True
    ) -> None:
        wanted = allocation.outstanding
        for limit in self._limits(allocation):
            left = self._recounted(limit.usage, wanted + limit.held_back)
            if left is None or wanted <= left - limit.held_back:
                continue
            most = left - limit.held_back + (self._removable(allocation.actor, limit.scope) if removing else 0)
            if wanted > self._shown(allocation.actor, limit.usage, most):
                raise self._refusal(allocation, limit.usage, wanted, left)
        self._on_disk(allocation, handle, directory, wanted, arrived=False)

    def grow(
        self, allocation: Allocation, handle: DirHandle, directory: Endpoint, size: int, *, arrived: bool = True
    ) -> None:
        """Make space for the file to have `size` bytes, which have arrived; where they have not, remove nothing.

        What is removed are versions that are old enough, the oldest first, and
        then partial uploads of the same account. Raises `NoSpace` (52) and
        `Busy` (51); then nothing was removed.
        """
        more = self.accounting.cost(size) - allocation.arrived
        if more <= 0:
            return
        self._within_quotas(allocation, more, arrived=arrived)
        try:
            self._on_disk(allocation, handle, directory, more, arrived=arrived)
        except BaseException:
            self.accounting.give_back(allocation, allocation.arrived - more, expected=allocation.declared)
            raise
        self.changelog.ensure_recorded()

    def evict_for(self, actor: Actor, handle: DirHandle, directory: Endpoint, cost: int) -> bool:
        """Remove old files because the disk is full; returns whether to try again. Raises OSError."""
        scope = EvictionScope(handle, directory)
        if cost > self._removable(actor, scope):
            return False
        self._remove(actor, scope, cost)
        self.changelog.ensure_recorded()
        return True

    # -- quotas --------------------------------------------------------------------

    def _limits(self, allocation: Allocation) -> list[_Limit]:
        """The quota of the account and that of the store."""
        actor = allocation.actor
        limits = []
        own = self.accounting.home(actor)
        if own is not None and actor.allotment is not None:
            home = actor.allotment.home
            held_back = self.accounting.held_back(allocation, self._bound(own.quota), home=home)
            limits.append(_Limit(own, held_back, EvictionScope(home=home, any_age=actor.allotment.may_discard)))
        whole = self.accounting.whole
        if whole.quota is not None:
            held_back = self.accounting.held_back(allocation, self._bound(whole.quota))
            limits.append(_Limit(whole, held_back, EvictionScope()))
        return limits

    def _within_quotas(self, allocation: Allocation, more: int, *, arrived: bool) -> None:
        """Count `more` bytes, within the quotas."""
        for tries in range(_TRIES + 1):
            limits = self._limits(allocation)
            refusing = self.accounting.count_arrived(
                allocation, more, [(limit.usage, limit.held_back) for limit in limits]
            )
            if refusing is None:
                return
            (limit,) = (each for each in limits if each.usage is refusing)
            left = self._recounted(refusing, more + limit.held_back) or 0
            short = more - (left - limit.held_back)
            if not arrived or tries == _TRIES or short > self._removable(allocation.actor, limit.scope):
                raise self._refusal(allocation, refusing, more, left)
            if more > left:
                self._remove(allocation.actor, limit.scope, more - left)

    def _recounted(self, usage: QuotaUsage, wanted: int) -> int | None:
        """The rest of a quota, counted again before it refuses something: other programs may have removed files."""
        left = usage.left()
        if left is not None and wanted > left:
            usage.count_if_stale()
            left = usage.left()
        return left

    def _shown(self, actor: Actor, usage: QuotaUsage, left: int) -> int:
        """The bytes to compare a declared size with."""
        return declarable(left, actor, own=usage is not self.accounting.whole)

    def _refusal(self, allocation: Allocation, usage: QuotaUsage, size: int, left: int) -> NoSpace:
        size = max(size, allocation.outstanding)
        if usage is self.accounting.whole:
            return over_store_quota(allocation.endpoint, size, left if allocation.actor.sees_all else None)
        shown = left if allocation.actor.sees_home else None
        return over_quota(allocation.endpoint, usage.quota or 0, size, shown)

    def _full(self, allocation: Allocation, size: int, left: int) -> NoSpace:
        """The disk's refusal of at least `size` bytes; only some accounts are told what is left."""
        shown = left if allocation.actor.sees_all else None
        return no_space(allocation.endpoint, max(size, allocation.outstanding), shown)

    # -- the disk ------------------------------------------------------------------

    def _on_disk(
        self, allocation: Allocation, handle: DirHandle, directory: Endpoint, wanted: int, *, arrived: bool
    ) -> None:
        """Make space for `wanted` bytes that have arrived, or only see whether it could be made."""
        short = self._shortage(allocation, handle, wanted)
        if short is None:
            return
        scope = EvictionScope(handle, directory)
        if wanted > short.left:
            removable = self._removable(allocation.actor, scope)
            if wanted > (short.left + removable if arrived else rough_up(short.left + removable)):
                raise self._full(allocation, wanted, short.left)
        if arrived and (short.bytes or short.files):
            free = short.free + self._remove(allocation.actor, scope, short.bytes, short.files)
            if wanted > free:
                raise self._full(allocation, wanted, free)

    def _shortage(self, allocation: Allocation, handle: DirHandle, wanted: int, files: int = 1) -> _Shortage | None:
        """The space that the disk lacks for `wanted` bytes of so many files; None where it lacks none."""
        disk = os.fstatvfs(handle.fd)
        if not disk.f_blocks:
            return None
        size = disk.f_blocks * disk.f_frsize
        free = disk.f_bavail * disk.f_frsize - min(RESERVE, size // _PORTION)
        left = free - self.accounting.held_back(allocation, self._bound(size), device=allocation.device)
        bytes_short = max(0, wanted + SLACK * disk.f_frsize - free)
        files_short = max(0, files + SLACK - disk.f_favail) if disk.f_files else 0
        if wanted <= left and not bytes_short and not files_short:
            return None
        return _Shortage(free, left, bytes_short, files_short)

    def _bound(self, size: int | None) -> int:
        """The bytes that one account may hold back of so many in all."""
        return min(self.most_held_back, (size or 0) // _PORTION)

    # -- what can be removed -------------------------------------------------------

    def _removable(self, actor: Actor, scope: EvictionScope) -> int:
        """The bytes that may be removed for an actor: versions, and its own partial uploads."""
        return self.versions.removable(scope) + self.partials.total(scope.handle, actor.owner)

    def _remove(self, actor: Actor, scope: EvictionScope, wanted: int, files: int = 0) -> int:
        freed = self.versions.evict(actor, scope, wanted, files, with_folders=True)
        if freed < wanted:
            freed += self.partials.evict(actor, scope.handle, wanted - freed)
        return freed
