"""The memory of requests in progress and of answers that wait: shared by the accounts, and by their connections.

An account may hold half of what the others leave, and a connection half of what its account's other connections leave
of that (dynamic thresholds, as in the shared memory of network switches: Choudhury and Hahne, 1998). So the sum stays
below the whole, a single client has plenty, and something is always left for the next.

A connection that holds too much is not read from until the server has done some of its work. Where the client has to
read first, that would be a deadlock for one that sends all its requests before it reads: so its requests are read, and
refused. docs/decisions/request-memory has the proof and the alternatives.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from homeftp.config import BUFFER_MEMORY, MAX_IN_FLIGHT, MIN_BUFFER, READ_BUFFER, Limits

REFUSED_IDS = 256 * MAX_IN_FLIGHT
"""Bytes of the ids of refused requests that a connection may hold: 256 for each of those that the protocol promises."""


class Weight(NamedTuple):
    """Bytes of memory for one request, or for several."""

    payload: int = 0
    """The bytes of payloads that arrived with their requests."""
    held: int = 0
    """The bytes of everything that is held: payloads, lines, requests, and answers that wait."""
    expected: int = 0
    """The bytes of answers that are being made."""
    refused: int = 0
    """The bytes of ids of requests that were refused because too much is held already."""


NOTHING = Weight()
"""The weight of a request that is not there."""


class RequestMemory:
    """The memory in use of `Limits.request_memory`. For one thread."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._accounts: Counter[str | None] = Counter()
        self.held = 0
        """Bytes that all connections hold."""
        self.connections = 0
        """How many connections there are."""

    def connection_memory(self) -> ConnectionMemory:
        """The part of a new connection."""
        self.connections += 1
        return ConnectionMemory(self)

    def held_by(self, account: str | None) -> int:
        """Bytes that the connections of an account hold; None: those that have not logged in."""
        return self._accounts[account]

    def most(self, account: str | None) -> int:
        """Bytes that the connections of an account may hold together now."""
        return (self.limits.request_memory - self.held + self._accounts[account]) // 2

    def change(self, account: str | None, size: int) -> None:
        """An account holds `size` bytes more, or less."""
        self.held += size
        self._accounts[account] += size
        if not self._accounts[account]:
            del self._accounts[account]


class ConnectionMemory:
    """The memory that the requests of one connection hold, and the most that they may."""

    def __init__(self, memory: RequestMemory) -> None:
        self._memory = memory
        self._limits = memory.limits
        self._account: str | None = None
        self._waiting = 0
        self.weight = NOTHING
        """The sum of its requests."""

    @property
    def held(self) -> int:
        """Bytes that the connection holds, or soon will."""
        return self.weight.held + self.weight.expected + self._waiting

    def change(self, before: Weight, after: Weight) -> None:
        """A request that took up `before` takes up `after`."""
        if before == after:
            return
        payload, held, expected, refused = self.weight
        self.weight = Weight(
            payload + after.payload - before.payload,
            held + after.held - before.held,
            expected + after.expected - before.expected,
            refused + after.refused - before.refused,
        )
        self._memory.change(self._account, after.held + after.expected - before.held - before.expected)

    def keep(self, waiting: int) -> None:
        """Count bytes of large payloads that have arrived and wait for their requests."""
        if waiting != self._waiting:
            self._memory.change(self._account, waiting - self._waiting)
            self._waiting = waiting

    def log_in(self, account: str) -> None:
        """The connection is one of this account from now on."""
        self._memory.change(self._account, -self.held)
        self._account = account
        self._memory.change(account, self.held)

    def close(self) -> None:
        """The connection has ended; what still runs for it counts until it ends too."""
        self.keep(0)
        self._memory.connections -= 1

    @property
    def buffer(self) -> int:
        """Bytes that the connection may read at once, and may have written that are not sent yet."""
        return max(MIN_BUFFER, min(READ_BUFFER, BUFFER_MEMORY // max(1, self._memory.connections)))

    @property
    def most(self) -> int:
        """Bytes that the connection may hold now. What it holds itself makes no difference."""
        others = self._memory.held_by(self._account) - self.held
        return max(0, (self._memory.most(self._account) - others) // 2)

    def fits(self, size: int) -> bool:
        """Whether there is memory for another answer of `size` bytes."""
        return self.held + size <= self.most

    def is_crowded(self, factor: int = 1) -> bool:
        """Whether the requests hold as much as they may: half of `most`, so that there is memory for answers."""
        return (self.weight.held + self._waiting) * factor > self.most // 2

    def must_wait(self, factor: int, *, client_reads: bool) -> bool:
        """Whether nothing may be read from the client; with a `factor` of 2 already at half of the limits."""
        if (self.weight.payload + self._waiting) * factor >= self._limits.buffered:
            return True
        return self.is_crowded(factor) if client_reads else self.weight.refused >= REFUSED_IDS
