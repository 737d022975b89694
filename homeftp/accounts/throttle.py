"""How often may be guessed: so many times from one address, over however many connections, within so long."""

from __future__ import annotations

import ipaddress
from collections import deque

from twisted.internet.interfaces import IReactorTime

from homeftp.errors import Busy

MOST_ADDRESSES = 10_000
"""That are remembered; then the one that guessed longest ago is forgotten."""

_PRIVATE = ipaddress.ip_network("fc00::/7")
"""RFC 4193: addresses that are good inside a home alone."""


class Throttle:
    """Counts guesses. Each is taken before it is looked at, and given back when it was right.

    `most` from one address within `seconds`, and `total` from all together,
    by the clock that is passed in. Someone who may not guess any more holds
    up nobody at another address, until the total is reached.
    """

    def __init__(self, clock: IReactorTime, *, most: int, seconds: float, total: int | None = None) -> None:
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._total = total
        self._by_place: dict[str, deque[float]] = {}
        self._all: deque[float] = deque()

    def take(self, address: str) -> None:
        """Guess once. Raises `Busy` (51), saying for how long, when that was often enough."""
        now = self._clock.seconds()
        place = _place(address)
        times = self._by_place.pop(place, None) or deque()
        self._forget(times, now)
        if times:
            self._by_place[place] = times  # the newest last
        self._forget(self._all, now)
        if len(times) >= self._most:
            raise self._busy("from your address", times[0], now)
        if self._total is not None and len(self._all) >= self._total:
            raise self._busy("in all", self._all[0], now)
        times.append(now)
        self._by_place[place] = times
        if self._total is not None:
            self._all.append(now)
        while len(self._by_place) > MOST_ADDRESSES:
            del self._by_place[next(iter(self._by_place))]

    def give_back(self, address: str) -> None:
        """The last guess was right: it does not count."""
        for times in (self._by_place.get(_place(address)), self._all):
            if times:
                times.pop()

    def _forget(self, times: deque[float], now: float) -> None:
        while times and times[0] <= now - self._seconds:
            times.popleft()

    def _busy(self, where: str, oldest: float, now: float) -> Busy:
        minutes = -(-(oldest + self._seconds - now) // 60)
        return Busy(f"there were too many wrong tries {where}: try again in {minutes:.0f} minutes")


def _place(address: str) -> str:
    """What counts as one address: of IPv6 the network of 64 bits, which each household elsewhere has whole."""
    try:
        parsed = ipaddress.ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        if parsed.is_link_local or parsed in _PRIVATE:
            return str(parsed)  # a machine in this very home
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
