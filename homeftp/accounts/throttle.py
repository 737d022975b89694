"""Limits wrong guesses: a number in a period from one address, over all of its connections."""

from __future__ import annotations

import ipaddress
import math
from collections import deque
from typing import Awaitable, Protocol

from twisted.internet.interfaces import IReactorTime

from homeftp.config import MINUTE
from homeftp.errors import Busy, counted

MOST_ADDRESSES = 10_000
"""Addresses that are remembered, at most; the one whose last guess is oldest is forgotten first."""

_NETWORK_BITS = 64
"""The IPv6 network in which one machine can take any address (RFC 4291): that of a household or a hosting customer
(RFC 6177), and likewise that of the unique local and the link-local addresses of a home."""


class GuessLimit(Protocol):
    """Counts guesses of secrets: each counts before it is checked, and is uncounted if it was right."""

    def count(self, address: str) -> Awaitable[None]:
        """Count one guess. Raises `Busy` (51), with the time to wait, when there were too many."""

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

    def count(self, address: str) -> None:
        """Count one guess. Raises `Busy` (51), with the time to wait, when there were too many."""
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

    async def count(self, address: str) -> None:
        """Count one guess. Raises `Busy` (51), with the time to wait, when there were too many."""
        self._throttle.count(address)

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
