"""How many requests of one account run at once, over all its connections."""

from __future__ import annotations

from typing import Callable

import attrs
from twisted.internet.defer import Deferred, DeferredSemaphore


class AccountRequests:
    """Lets `most` requests of each account run at once; those beyond wait, in the order in which they came.

    A request waits only for requests that began before it, and on its own connection those are answered first: no two
    can wait for each other.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._running: dict[str, _Requests] = {}

    async def run(self, account: str, request: Callable[[], Deferred[None]]) -> None:
        """Call `request` at its turn."""
        requests = self._running.setdefault(account, _Requests(DeferredSemaphore(self._most)))
        requests.count += 1
        try:
            await requests.turns.run(request)
        finally:
            requests.count -= 1
            if not requests.count:
                del self._running[account]


@attrs.define(eq=False)
class _Requests:
    """The requests of one account."""

    turns: DeferredSemaphore
    count: int = 0
