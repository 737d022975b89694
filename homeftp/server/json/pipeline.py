"""The requests of one connection between their arrival and their answers: what may overlap, and in which order.

Answers go out in the order of the requests, and each request sees the effect
of those before it. Inside that promise requests overlap: two of them are
worked on together when their claims do not touch (both read, or neither
endpoint lies inside the other). A request that has to wait holds up those
behind it, so that nothing overtakes.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Callable

from twisted.internet.error import ConnectionLost

from homeftp.model import PathLock
from homeftp.server.json.exchange import Exchange

Parts = tuple[str, ...]


class PathLocks:
    """What is being read and changed now: how many claims at each endpoint, and how many below it."""

    def __init__(self) -> None:
        self._at: dict[bool, Counter[Parts]] = {True: Counter(), False: Counter()}
        self._below: dict[bool, Counter[Parts]] = {True: Counter(), False: Counter()}

    def conflict(self, claim: PathLock) -> bool:
        """Whether `claim` touches one that is held."""
        parts = claim.endpoint.parts
        for changes in (True, False) if claim.changes else (True,):
            if parts in self._below[changes]:
                return True
            at = self._at[changes]
            if at and any(parts[:depth] in at for depth in range(len(parts) + 1)):
                return True
        return False

    def hold(self, claim: PathLock) -> None:
        """Add a claim."""
        self._count(claim, 1)

    def release(self, claim: PathLock) -> None:
        """Take back a claim that is held."""
        self._count(claim, -1)

    def _count(self, claim: PathLock, step: int) -> None:
        parts = claim.endpoint.parts
        at = self._at[claim.changes]
        at[parts] += step
        if not at[parts]:
            del at[parts]
        below = self._below[claim.changes]
        for depth in range(len(parts)):
            below[parts[:depth]] += step
            if not below[parts[:depth]]:
                del below[parts[:depth]]


class Pipeline:
    """Exchanges in the order of their arrival.

    `can_write` says whether the client keeps up; `flushed` is called after
    answers have gone out.
    """

    def __init__(self, *, can_write: Callable[[], bool], flushed: Callable[[], None]) -> None:
        self._can_write = can_write
        self._flushed = flushed
        self._queue: deque[Exchange] = deque()
        self._waiting: deque[Exchange] = deque()
        self._claims = PathLocks()
        self._streaming = False
        self._beginning = False
        self.weight = 0
        """Bytes of the payloads that wait in memory."""

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, exchange: Exchange) -> None:
        """Take a request in; its work begins at once or when those it touches have ended."""
        self.weight += exchange.weight
        self._queue.append(exchange)
        self._waiting.append(exchange)
        if len(self._queue) == 1:
            exchange.resolution.reach_head()
        self._begin()

    def flush(self) -> None:
        """Send every answer whose turn has come, as far as the client keeps up."""
        while self._queue and not self._streaming and self._queue[0].resolution.resolved and self._can_write():
            streaming = self._queue[0].resolution.write_answer()
            if streaming is None:
                self._pop()
            else:
                self._streaming = True
                streaming.addCallbacks(self._streamed, lambda failure: failure.trap(ConnectionLost) and None)
        self._flushed()

    def drop_waiting(self) -> None:
        """Nothing behind the request that is being worked on is to be answered: forget all that has not begun."""
        while self._waiting:
            self._waiting.pop()
            exchange = self._queue.pop()
            self.weight -= exchange.weight
            exchange.over()

    def disconnect(self) -> None:
        """The client has gone: begin nothing more, and let those that wait for their turn learn it."""
        self._waiting.clear()
        abandoned, self._queue = self._queue, deque()
        for exchange in abandoned:
            exchange.resolution.reach_head()

    def _streamed(self, _: None) -> None:
        self._streaming = False
        if self._queue:
            self._pop()
        self.flush()

    def _pop(self) -> None:
        exchange = self._queue.popleft()
        self.weight -= exchange.weight
        exchange.over()
        if self._queue:
            self._queue[0].resolution.reach_head()

    def _begin(self) -> None:
        """Begin the work of all that need not wait; the first that must holds up the rest.

        Work that ends at once leads back here: then this loop goes on, or a
        long row of such requests would be as deep as it is long.
        """
        if self._beginning:
            return
        self._beginning = True
        try:
            while self._waiting and not self._claims.conflict(self._waiting[0].claim):
                exchange = self._waiting.popleft()
                self._claims.hold(exchange.claim)
                working = exchange.work()
                if working is None:
                    self._claims.release(exchange.claim)
                else:
                    working.addCallback(self._end, exchange.claim)
        finally:
            self._beginning = False

    def _end(self, _: None, claim: PathLock) -> None:
        self._claims.release(claim)
        self._begin()
