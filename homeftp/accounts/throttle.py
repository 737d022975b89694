"""Limits wrong guesses: a number in a period from one address, over all of its connections.

And the order in which passwords are checked: each takes a quarter of a second, and there are few threads for them. In
the order of their arrival, guesses from two addresses would keep everybody from logging in. So passwords from addresses
with fewer wrong guesses are checked first, and if too many wait, one from an address with most guesses is refused.
"""

from __future__ import annotations

import ipaddress
import math
import random
from bisect import insort
from collections import deque
from typing import Any, Awaitable, Callable, Protocol, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from homeftp.config import MINUTE
from homeftp.errors import Busy, counted
from homeftp.interfaces import IWorkers

T = TypeVar("T")

MOST_WAITING = 32
"""Passwords that may wait in a queue, unless it is made with another number."""

MOST_ADDRESSES = 10_000
"""Addresses that are remembered, at most; the one whose last guess is oldest is forgotten first."""

_NETWORK_BITS = 64
"""The IPv6 network in which one machine can take any address (RFC 4291): that of a household or a hosting customer
(RFC 6177), and likewise that of the unique local and the link-local addresses of a home."""


class GuessLimit(Protocol):
    """Counts guesses of secrets: each counts before it is checked, and is uncounted if it was right."""

    def count(self, address: str) -> Awaitable[int]:
        """Count one guess; gives how many count by now. Raises `Busy` (51), with the time to wait, after too many."""

    def uncount(self, address: str) -> Awaitable[None]:
        """The last guess was right: do not count it."""


class Throttle:
    """Counts guesses: each counts before it is checked, and is uncounted if it was right.

    It allows `most` from one address within `seconds`, by the clock that is
    passed in. Guesses from one address do not affect logins from others.
    """

    def __init__(self, clock: IReactorTime, *, most: int, seconds: float) -> None:
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._by_group: dict[str, deque[float]] = {}

    def count(self, address: str) -> int:
        """Count one guess; gives how many count by now. Raises `Busy` (51), with the time to wait, after too many."""
        now = self._clock.seconds()
        group = address_group(address)
        times = self._by_group.pop(group, None) or deque()
        self._expire(times, now)
        if times:
            self._by_group[group] = times  # the newest last
        if len(times) >= self._most:
            raise self._busy(times[0], now)
        times.append(now)
        self._by_group[group] = times
        while len(self._by_group) > MOST_ADDRESSES:
            del self._by_group[next(iter(self._by_group))]
        return len(times)

    def uncount(self, address: str) -> None:
        """The last guess was right: do not count it."""
        times = self._by_group.get(address_group(address))
        if times:
            times.pop()

    def _expire(self, times: deque[float], now: float) -> None:
        while times and times[0] <= now - self._seconds:
            times.popleft()

    def _busy(self, oldest: float, now: float) -> Busy:
        return too_many(oldest + self._seconds - now)


class OwnGuesses:
    """The `GuessLimit` of one server that shares its accounts with no other."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle

    async def count(self, address: str) -> int:
        """Count one guess; gives how many count by now. Raises `Busy` (51), with the time to wait, after too many."""
        return self._throttle.count(address)

    async def uncount(self, address: str) -> None:
        """The last guess was right: do not count it."""
        self._throttle.uncount(address)


def too_many(seconds: float) -> Busy:
    """The refusal of a guess from an address with too many of them: another one may be made after that time."""
    minutes = math.ceil(seconds / MINUTE)
    return Busy(f"too many wrong tries from your address: try again in {counted(minutes, 'minute')}")


def address_group(address: str) -> str:
    """The addresses that count as one: an IPv6 network in which each machine can take any address, or else the address.

    What is not an address is a group of its own.
    """
    try:
        parsed = ipaddress.ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, _NETWORK_BITS), strict=False))
    return str(parsed)


@attrs.frozen(order=True)
class _Check:
    """One password that waits."""

    guesses: int
    """The guesses that count for its address by now, with this one (`GuessLimit.count`)."""
    number: int
    """The place in the order of arrival, in which passwords with equal guesses are checked."""
    job: Callable[..., Any] = attrs.field(order=False)
    args: tuple[Any, ...] = attrs.field(order=False, repr=False)
    answer: Deferred[Any] = attrs.field(order=False)


class PasswordQueue:
    """Checks passwords in `workers`, as many at a time as these have threads. For the reactor's thread."""

    def __init__(
        self,
        workers: IWorkers,
        most: int = MOST_WAITING,
        choose: Callable[[int], int] = random.SystemRandom().randrange,
    ) -> None:
        """At most `most` wait; `choose` gives a random number below its argument."""
        self._workers = workers
        self._most = most
        self._choose = choose
        self._waiting: list[_Check] = []
        """In the order in which they are checked."""
        self._asked = 0
        self._running = 0

    def run(self, guesses: int, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` in its turn; fails with `Busy` (51) if it is refused because too many wait."""
        answer: Deferred[T] = Deferred()
        self._asked += 1
        insort(self._waiting, _Check(guesses, self._asked, job, args, answer))
        self._start()
        if len(self._waiting) > self._most:
            worst = [each for each in self._waiting if each.guesses == self._waiting[-1].guesses]
            refused = worst[self._choose(len(worst))]
            self._waiting.remove(refused)
            refused.answer.errback(Busy("too many passwords are being checked: try again later"))
        return answer

    def _start(self) -> None:
        while self._waiting and self._running < self._workers.size:
            check = self._waiting.pop(0)
            self._running += 1
            self._workers.run(check.job, *check.args).addBoth(self._ended, check.answer)

    def _ended(self, result: object, answer: Deferred[Any]) -> None:
        self._running -= 1
        self._start()
        if isinstance(result, Failure):
            answer.errback(result)
        else:
            answer.callback(result)
