"""The usage of a whole store and of each home with a quota, and the files on their way into them.

What has arrived of a file counts everywhere. What was only declared counts in
full for the account that declared it, and up to a bound for the others: an
account that declares everything and sends nothing must not keep the others
from storing files. What is removed for a new file is decided in
`commit/space.py`.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from threading import RLock
from typing import Sequence

import attrs

from homeftp.endpoint import Endpoint
from homeftp.errors import Busy
from homeftp.interfaces.usage import AccountUsage
from homeftp.model import Actor
from homeftp.store.local.disk.handles import raw
from homeftp.store.local.disk.quota import QuotaUsage
from homeftp.store.local.disk.saferoot import SafeRoot

Marks = dict[QuotaUsage, int]
"""Taken before something is removed or moved: they tell later whose usage was counted anew meanwhile."""

_NEVER = -1
"""The mark of a home that was not known when the marks were taken: it was counted since."""


@attrs.define(eq=False)
class Allocation:
    """The space of a file, a directory, or some files of a directory, on the way into the store.

    Bytes are those that count: `QuotaUsage.cost`.
    """

    actor: Actor
    endpoint: Endpoint
    device: int | None = None
    """The device number of its file system; None for one of which nothing more is expected."""
    declared: int = 0
    """Bytes of the whole file, as far as that is known."""
    arrived: int = 0
    """Bytes that have arrived. Only `QuotaAccounting` changes it."""
    in_parent: bool = False
    """Whether it counts in its parent: a directory, so that a home does not count in itself, and several files."""
    turn: int = attrs.field(default=0, init=False)
    """Its place among the files on their way: those with lower ones came first. Only `QuotaAccounting` changes it."""

    @property
    def outstanding(self) -> int:
        """Bytes that were declared and have not arrived."""
        return max(0, self.declared - self.arrived)

    @property
    def place(self) -> Endpoint:
        """The directory in which the allocation counts."""
        return self.endpoint.parent if self.in_parent else self.endpoint


class QuotaAccounting:
    """The usage of one store and of its homes, and what is expected of the files on their way. Thread-safe."""

    def __init__(self, root: SafeRoot, quota: int | None) -> None:
        self._root = root
        self.whole = QuotaUsage(root, quota)
        """The usage of the whole store."""
        self._homes: dict[tuple[Endpoint, int], QuotaUsage] = {}
        self._allocations: dict[Allocation, None] = {}
        self._expected: dict[Allocation, None] = {}
        """The allocations with bytes still to come: few, since a small file is allocated when all of it is here."""
        self._turns = 0
        self._lock = RLock()

    def cost(self, size: int = 0) -> int:
        """The bytes that a file of this size counts for; without a size, a directory."""
        return self.whole.cost(size)

    def home(self, actor: Actor) -> QuotaUsage | None:
        """The usage of the home of an account with a quota; None for another account.

        It is counted when it is asked for the first time. Raises `Busy` (51) while another thread counts it.
        """
        allotment = actor.allotment
        if allotment is None or allotment.quota is None:
            return None
        key = allotment.home, allotment.quota
        with self._lock:
            usage = self._homes.get(key)
            if usage is None:
                usage = QuotaUsage(self._root, allotment.quota, tuple(map(raw, allotment.home.parts)))
                usage.change(reserved=sum(each.arrived for each in self._allocations if _is_in(each.place, key[0])))
                self._homes[key] = usage
        usage.count_first()
        return usage

    def usage(self, actor: Actor) -> AccountUsage:
        """The usage of an actor's account, but for its interrupted uploads."""
        used = None
        with contextlib.suppress(Busy):  # another thread is counting
            home = self.home(actor)
            used = None if home is None else home.taken()
        with self._lock:
            uploads = [each.outstanding for each in self._allocations if each.actor.owner == actor.owner]
        return AccountUsage(used=used, uploads=len(uploads), held_back=sum(uploads))

    def refresh(self) -> None:
        """Count what was counted a day ago."""
        with self._lock:
            homes = list(self._homes.values())
        for usage in (self.whole, *homes):
            usage.refresh()

    # -- files on their way --------------------------------------------------------

    def reserve(self, allocation: Allocation) -> None:
        """From now on something is expected of this file, after what is expected of all others."""
        with self._lock:
            if allocation not in self._allocations:
                self._count(allocation, allocation.arrived)
                self._allocations[allocation] = None
            self._turns += 1
            allocation.turn = self._turns
            self._expect(allocation)

    def _expect(self, allocation: Allocation) -> None:
        """Note whether something is expected of this file. Called with the lock."""
        if allocation.outstanding and allocation in self._allocations:
            self._expected[allocation] = None
        else:
            self._expected.pop(allocation, None)

    def held_back(
        self, allocation: Allocation, most: int, *, device: int | None = None, home: Endpoint | None = None
    ) -> int:
        """The bytes that files on their way since before this one may still need: of every other account up to `most`.

        Only those for one device, or beneath one home, where that is given.
        """
        if not self._expected:
            return 0
        expected: Counter[str | None] = Counter()
        with self._lock:
            for each in self._expected:
                if (
                    each.turn < allocation.turn
                    and device in (None, each.device)
                    and (home is None or _is_in(each.place, home))
                ):
                    expected[each.actor.owner] += each.outstanding
        own = expected.pop(allocation.actor.owner, 0)
        return own + sum(min(most, size) for size in expected.values())

    def count_arrived(
        self, allocation: Allocation, size: int, limits: Sequence[tuple[QuotaUsage, int]]
    ) -> QuotaUsage | None:
        """Count `size` more bytes that have arrived, unless one of the limits leaves fewer: then give that one.

        Each limit goes with the bytes that are held back from it. Raises `Busy` (51) while one is being counted.
        """
        with self._lock:
            for usage, held_back in limits:
                left = usage.left()
                if left is not None and size > left - held_back:
                    return usage
            allocation.arrived += size
            self._count(allocation, size)
            self._expect(allocation)
            return None

    def give_back(self, allocation: Allocation, arrived: int, expected: int = 0) -> None:
        """Count only so many bytes as arrived, of a file that is `expected` to have so many."""
        with self._lock:
            self._count(allocation, arrived - allocation.arrived)
            allocation.arrived, allocation.declared = arrived, expected
            self._expect(allocation)

    def release(self, allocation: Allocation, *, committed: bool) -> None:
        """The file was committed, or discarded. May be called twice."""
        with self._lock:
            if allocation not in self._allocations:
                return
            del self._allocations[allocation]
            self._expected.pop(allocation, None)
            used = allocation.arrived if committed else 0
            for usage in self._at(allocation.place):
                usage.change(reserved=-allocation.arrived, used=used)

    def _count(self, allocation: Allocation, arrived: int) -> None:
        for usage in self._at(allocation.place):
            usage.change(reserved=arrived)

    # -- files in the store --------------------------------------------------------

    def mark(self) -> Marks:
        """The marks to take before something is removed or moved."""
        with self._lock:
            return {usage: usage.mark() for usage in (self.whole, *self._homes.values())}

    def removed(self, endpoint: Endpoint, size: int, marks: Marks) -> None:
        """Count bytes at an endpoint that were removed since `marks`."""
        for usage in self._at(endpoint):
            usage.removed(size, marks.get(usage, _NEVER))

    def has_space_for_name(self, endpoint: Endpoint) -> bool:
        """Whether the quotas that an endpoint counts in leave space for one more name; False while they are counted."""
        try:
            return all((usage.left() or 0) >= self.cost() for usage in self._at(endpoint) if usage.quota is not None)
        except Busy:
            return False

    def directory_made(self, place: Endpoint) -> None:
        """A directory, or what counts as one, was made in `place`, without an allocation."""
        for usage in self._at(place):
            usage.change(used=self.cost())

    def directory_removed(self, place: Endpoint, marks: Marks) -> None:
        """A directory was removed from `place` since `marks`."""
        self.removed(place, self.cost(), marks)

    def kept(self, endpoint: Endpoint, size: int, marks: Marks) -> None:
        """Count bytes that were moved between a file's place and its versions since `marks`."""
        for usage in self._at(endpoint):
            usage.moved(size, marks.get(usage, _NEVER))

    def moved(self, source: Endpoint, target: Endpoint, size: int | None, marks: Marks) -> None:
        """Count bytes (None: unknown, a directory's) that were moved from one endpoint to another since `marks`."""
        there = self._at(target)
        here = self._at(source)
        for usage in here:
            if usage in there:
                usage.moved(size, marks.get(usage, _NEVER))
            elif size is None:
                usage.recount()
            else:
                usage.removed(size, marks.get(usage, _NEVER))
        for usage in there:
            if usage in here:
                continue
            if size is None:
                usage.recount()
            else:
                usage.change(used=size)

    def _at(self, endpoint: Endpoint) -> list[QuotaUsage]:
        """The usages that an endpoint counts in; those without a quota count nothing."""
        with self._lock:
            homes = [usage for (home, _), usage in self._homes.items() if _is_in(endpoint, home)]
        return homes if self.whole.quota is None else [self.whole, *homes]


def _is_in(endpoint: Endpoint, home: Endpoint) -> bool:
    return endpoint.parts[: len(home.parts)] == home.parts
