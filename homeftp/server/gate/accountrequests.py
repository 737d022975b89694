"""How many requests of one account run at once, over all its connections."""

from __future__ import annotations

from collections import deque
from typing import Callable, TypeVar

import attrs
from twisted.internet.defer import Deferred

T = TypeVar("T")

Start = Callable[[], "Deferred[None]"]


@attrs.define(eq=False)
class _Requests:
    """The requests of one account."""

    running: int = 0
    starting: bool = False
    waiting: deque[tuple[Start, Deferred[None]]] = attrs.field(factory=deque)


class AccountRequests:
    """Lets `most` requests of each account run at once; those beyond wait, in the order in which they came.

    A request waits only for requests that began before it, and on its own connection those are answered first: no two
    can wait for each other.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._accounts: dict[str, _Requests] = {}

    def usage(self, account: str) -> tuple[int, int]:
        """How many requests of an account run, and how many wait."""
        requests = self._accounts.get(account)
        return (0, 0) if requests is None else (requests.running, len(requests.waiting))

    def run(self, account: str, start: Start) -> Deferred[None]:
        """Call `start` when it is the request's turn; its result."""
        requests = self._accounts.get(account)
        if requests is None:
            requests = self._accounts[account] = _Requests()
        if requests.running < self._most:
            requests.running += 1
            return start().addBoth(self._ended, account, requests)
        answer: Deferred[None] = Deferred()
        requests.waiting.append((start, answer))
        return answer

    def _ended(self, result: T, account: str, requests: _Requests) -> T:
        requests.running -= 1
        if not requests.starting:
            self._start_waiting(account, requests)
        return result

    def _start_waiting(self, account: str, requests: _Requests) -> None:
        """Start as many as may run now. One that ends at once does not start others: recursion would be too deep."""
        requests.starting = True
        while requests.waiting and requests.running < self._most:
            start, answer = requests.waiting.popleft()
            requests.running += 1
            start().addBoth(self._ended, account, requests).addCallbacks(answer.callback, answer.errback)
        requests.starting = False
        if not requests.running and self._accounts.get(account) is requests:
            del self._accounts[account]
