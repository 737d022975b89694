"""Which job runs next: a queue for each account, served in turn, and never all threads for long work.

No threads and no reactor: the pool puts jobs in, takes out the one that may run next, and says when it has ended.
docs/decisions/fair-scheduling has the reasons.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from typing import Callable, Generic, TypeVar

import attrs

J = TypeVar("J")


class Lane(IntEnum):
    """How a job uses its thread. Also an index: of a list with something for each of them."""

    SHORT = 0
    """Over in milliseconds: a stat, a batch of small files."""
    SLICE = 1
    """A part of long work that mostly waits for the disk: a piece of a large file, a page of a listing."""
    HASH = 2
    """A part of a hashing: it keeps a processor busy."""
    BACKGROUND = 3
    """Work of the program itself for which no client waits: it begins only while nothing else runs or waits."""


LONG = frozenset({Lane.SLICE, Lane.HASH})
"""Parts of long work: they keep the disk or a processor busy while clients wait for other things."""


_LANES = tuple(Lane)
"""All of them: to go through an enumeration takes longer than to put a job into a queue."""


@attrs.define(eq=False)
class _Queue(Generic[J]):
    """The jobs of one account."""

    waiting: list[deque[J]] = attrs.field(factory=lambda: [deque() for _ in _LANES])
    """By lane."""
    running: list[int] = attrs.field(factory=lambda: [0] * len(_LANES))
    """How many, by lane."""

    def __len__(self) -> int:
        return sum(map(len, self.waiting))


class FairQueue(Generic[J]):
    """The jobs that wait for one of `threads`, of which at most `hashing` hash at the same time.

    A queue is named by its account; None is the queue of the program itself, which has no limits of its own.
    """

    def __init__(
        self,
        *,
        threads: int,
        hashing: int,
        must_wait: Callable[[str | None], bool] = lambda name: False,
        must_rest: Callable[[str | None], bool] = lambda name: False,
    ) -> None:
        """`must_wait(name)` tells whether nothing of that queue may begin, `must_rest(name)` whether no long job."""
        self._must_wait = must_wait
        self._must_rest = must_rest
        self._threads = threads
        self._hashing = hashing
        self._queues: dict[str | None, _Queue[J]] = {}
        self._rings: list[deque[str | None]] = [deque() for _ in _LANES]
        """For each lane the queues in which jobs wait for it, the one whose turn it is first."""
        self._lanes = deque(lane for lane in Lane if lane is not Lane.BACKGROUND)
        """The lane whose turn it is first."""
        self._waiting = 0
        """Jobs that wait, in all queues. Mostly there are none, and then nothing else need be looked at."""
        self._running = [0] * len(_LANES)
        """Jobs that run, by lane."""
        self._left_waiting = False

    def waiting(self, name: str | None) -> int:
        """How many jobs of one queue wait."""
        queue = self._queues.get(name)
        return 0 if queue is None else len(queue)

    def has_long(self, name: str | None) -> bool:
        """Whether a slice or a hashing of one queue waits or runs."""
        queue = self._queues.get(name)
        return queue is not None and any(queue.waiting[lane] or queue.running[lane] for lane in LONG)

    def waiting_by_lane(self) -> list[int]:
        """How many jobs of all queues wait, for each lane."""
        return [sum(len(queue.waiting[lane]) for queue in self._queues.values()) for lane in Lane]

    def idle(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not self._queues

    def put(self, name: str | None, lane: Lane, job: J) -> None:
        """Add a job to the end of a queue."""
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = _Queue()
        if not queue.waiting[lane]:
            self._rings[lane].append(name)
        queue.waiting[lane].append(job)
        self._waiting += 1

    def take(self) -> tuple[str | None, Lane, J] | None:
        """The next job that may run now, which then counts as running until `done`; None where none may."""
        self._left_waiting = False
        if not self._waiting or (running := sum(self._running)) >= self._threads:
            return None
        background = self._rings[Lane.BACKGROUND]
        nobody_else = background and not running and not any(self._rings[lane] for lane in self._lanes)
        for lane in (Lane.BACKGROUND,) if nobody_else else self._lanes:
            ring = self._rings[lane]
            if not ring or not self._free(lane):
                continue
            for name in ring:
                if self._allowed(name, lane):
                    ring.remove(name)
                    if lane is not Lane.BACKGROUND:
                        self._lanes.remove(lane)
                        self._lanes.append(lane)
                    return name, lane, self._pop(name, lane)
        return None

    def left_waiting(self) -> bool:
        """Whether the last `take` left something only because its queue had to wait or rest then.

        By now it may not have to, and `take` must be asked again: nothing else might happen.
        """
        return self._left_waiting

    def _must_be_left(self, name: str | None, lane: Lane) -> bool:
        """Whether a job of this kind must wait for what is done for other queues."""
        return self._must_wait(name) or (lane in LONG and self._must_rest(name))

    def _pop(self, name: str | None, lane: Lane) -> J:
        queue = self._queues[name]
        job = queue.waiting[lane].popleft()
        if queue.waiting[lane]:
            self._rings[lane].append(name)
        self._waiting -= 1
        queue.running[lane] += 1
        self._running[lane] += 1
        return job

    def done(self, name: str | None, lane: Lane) -> None:
        """A job of that queue has ended."""
        queue = self._queues[name]
        queue.running[lane] -= 1
        self._running[lane] -= 1
        if not any(queue.running) and not any(queue.waiting):
            del self._queues[name]

    def _free(self, lane: Lane) -> bool:
        """Whether a thread is left for this kind of job: one is always left for short jobs."""
        running = self._running
        if lane is Lane.SHORT:
            return True
        if lane is Lane.HASH and running[lane] >= self._hashing:
            return False
        return sum(running) - running[Lane.SHORT] < max(1, self._threads - 1)

    def _allowed(self, name: str | None, lane: Lane) -> bool:
        """Whether a queue may run one more job of this kind.

        An account has one slice and one hashing at a time, half of the threads for short jobs, and never all of them.
        """
        if name is None:
            return True
        if self._must_be_left(name, lane):
            self._left_waiting = True
            return False
        running = self._queues[name].running
        most = max(1, self._threads // 2) if lane is Lane.SHORT else 1
        return running[lane] < most and sum(running) < max(1, self._threads - 1)
