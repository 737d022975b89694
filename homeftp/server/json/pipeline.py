"""The pipeline of one connection: which of its requests run at the same time, and in which order they are answered.

Answers are sent in the order of the requests, and each request sees the
effect of all earlier ones. Within these two rules requests overlap: two run at
the same time when their path locks do not conflict (both read, or neither
path contains the other). A request that has to wait blocks all later ones, so
none overtakes another.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Callable

from twisted.internet.error import ConnectionLost

from homeftp.model import PathLock
from homeftp.server.gate.requestmemory import NOTHING, ConnectionMemory, Weight
from homeftp.server.json.exchange import Exchange


class PathLocks:
    """The path locks that are held. Each costs the same memory however deep its endpoint is.

    A lock is looked up among those that are held at the same depth or above, and compared with each that is deeper.
    """

    def __init__(self) -> None:
        self._held: dict[bool, dict[int, Counter[tuple[str, ...]]]] = {True: {}, False: {}}
        """By whether they change something, and by the depth of their endpoints."""

    def conflict(self, lock: PathLock) -> bool:
        """Whether `lock` conflicts with one that is held."""
        changing, parts = _extent(lock)
        depth = len(parts)
        for changes in (True, False) if changing else (True,):
            for level, held in self._held[changes].items():
                if parts[:level] in held if level <= depth else any(each[:depth] == parts for each in held):
                    return True
        return False

    def hold(self, lock: PathLock) -> None:
        """Add a lock."""
        changing, parts = _extent(lock)
        levels = self._held[changing]
        if len(parts) not in levels:
            levels[len(parts)] = Counter()
        levels[len(parts)][parts] += 1

    def release(self, lock: PathLock) -> None:
        """Remove a lock that is held."""
        changing, parts = _extent(lock)
        levels = self._held[changing]
        held = levels[len(parts)]
        held[parts] -= 1
        if not held[parts]:
            del held[parts]
        if not held:
            del levels[len(parts)]


def _extent(lock: PathLock) -> tuple[bool, tuple[str, ...]]:
    """Whether it changes something, and beneath what; one that runs alone is as if it changed everything."""
    return (True, ()) if lock.alone else (lock.changes, lock.endpoint.parts)


class Pipeline:
    """Exchanges in the order of their arrival.

    `can_write` tells whether the client reads fast enough; `flushed` is called
    after answers have been sent. What they hold counts in `memory`.
    """

    def __init__(self, memory: ConnectionMemory, *, can_write: Callable[[], bool], flushed: Callable[[], None]) -> None:
        self._can_write = can_write
        self._memory = memory
        self._flushed = flushed
        self._queue: deque[Exchange] = deque()
        self._weights: dict[Exchange, Weight] = {}
        self._waiting: deque[Exchange] = deque()
        self._locks = PathLocks()
        self._streaming = False
        self._starting = False
        self._disconnected = False

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, exchange: Exchange) -> None:
        """Add a request; it starts at once, or when the requests that it conflicts with have finished."""
        self._weigh(exchange)
        self._queue.append(exchange)
        self._waiting.append(exchange)
        if len(self._queue) == 1:
            exchange.resolution.reach_head()
        self._start_waiting()

    @property
    def is_working(self) -> bool:
        """Whether there are requests, and no payload of an answer is on its way."""
        return bool(self._queue) and not self._queue[0].resolution.in_payload

    def flush(self) -> None:
        """Send the answers that are ready, in order, as far as the client reads them."""
        while self._queue and not self._streaming and self._queue[0].resolution.resolved and self._can_write():
            streaming = self._queue[0].resolution.write_answer()
            if streaming is None:
                self._pop()
            else:
                self._streaming = True
                streaming.addCallbacks(self._streamed, lambda failure: failure.trap(ConnectionLost) and None)
        self._start_waiting()
        self._flushed()

    def drop_waiting(self) -> None:
        """Drop the requests that have not started: they will not be answered."""
        while self._waiting:
            self._waiting.pop()
            exchange = self._queue.pop()
            self._forget(exchange)
            exchange.close()

    def disconnect(self) -> None:
        """The client has disconnected: start nothing more, and fail the requests that wait to send."""
        waiting, self._waiting = self._waiting, deque()
        queue, self._queue = self._queue, deque()
        self._disconnected = True
        for exchange in queue:
            if not exchange.is_running:
                self._forget(exchange)
            exchange.resolution.reach_head()
            exchange.disconnect()
        for exchange in waiting:
            exchange.close()

    def _streamed(self, _: None) -> None:
        self._streaming = False
        if self._queue:
            self._pop()
        self.flush()

    def _pop(self) -> None:
        exchange = self._queue.popleft()
        self._forget(exchange)
        exchange.close()
        if self._queue:
            self._queue[0].resolution.reach_head()

    def _start_waiting(self) -> None:
        """Start all requests that need not wait; the first that has to blocks the rest.

        One whose answer there is no memory for waits until earlier answers are sent; the first of all never does.

        A request that finishes at once calls this again. Then the outer loop
        continues: recursion would be as deep as the queue is long.
        """
        if self._starting:
            return
        self._starting = True
        try:
            while self._waiting and self._may_start(self._waiting[0]):
                exchange = self._waiting.popleft()
                lock = exchange.path_lock
                self._locks.hold(lock)
                running = exchange.start()
                self._weigh_again(exchange)
                if running is None:
                    self._locks.release(lock)
                else:
                    running.addCallback(self._release, exchange, lock)
        finally:
            self._starting = False

    def _may_start(self, exchange: Exchange) -> bool:
        if self._locks.conflict(exchange.path_lock):
            return False
        expected = exchange.expected
        return not expected or exchange is self._queue[0] or self._memory.fits(expected)

    def _release(self, _: None, exchange: Exchange, lock: PathLock) -> None:
        self._locks.release(lock)
        self._weigh_again(exchange)
        self._start_waiting()

    def _weigh(self, exchange: Exchange) -> None:
        before = self._weights.get(exchange, NOTHING)
        self._weights[exchange] = weight = exchange.weigh()
        self._memory.change(before, weight)

    def _weigh_again(self, exchange: Exchange) -> None:
        """Look at what a request takes up now, unless it has been answered, or never will be."""
        if self._disconnected and not exchange.is_running:
            self._forget(exchange)
        elif exchange in self._weights:
            self._weigh(exchange)

    def _forget(self, exchange: Exchange) -> None:
        self._memory.change(self._weights.pop(exchange, NOTHING), NOTHING)
