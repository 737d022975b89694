"""Short calls on the reactor's thread, for one account after the other.

The reactor serves a connection until nothing is left to do for it: 64 requests that arrive in one read, or the answers
of a job for 64, keep it from all others for 10 ms. Here a few requests, or a few answers, are a call of their own. So
much is called for each account between two turns of the reactor, which reads and writes the bytes of others in between.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from typing import Any, Callable, Iterable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from homeftp.interfaces import is_guest
from homeftp.workers.debts import Debts

TURN_SECONDS = 0.0005
"""Processor time for one account between two turns of the reactor: a few requests. The turn itself costs 20 µs."""

ALONE_SECONDS = 0.005
"""The same while no other account was served within `debts.REMEMBERED`: the next one that comes waits so long, once.
With the shorter turn, a client that pushes or fetches small files alone takes a fifth more of the reactor's thread."""

RECHECK_SECONDS = 0.001
"""How soon it is checked again whether those who wait for others owe less now: the finest step of epoll(7)."""

_GUESTS = "()"
"""Stands for all clients that have not logged in; no account can have this name."""

Call = tuple[Callable[..., object], tuple[Any, ...]]


class FairLoop:
    """Calls what each account has to do on the reactor's thread: in order for one account, in turn between accounts.

    A call is made at once where nothing comes before it. `processor` is the time that this thread has used.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, debts: Debts, processor: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self._debts = debts
        self._processor = processor
        self._calls: dict[str | None, deque[Call]] = {}
        """The calls of each account that has any, the account whose turn it is first."""
        self._spent: defaultdict[str | None, float] = defaultdict(float)
        """Processor time since the last turn of the reactor, of each account and of all guests together."""
        self._turned = clock.seconds()
        """When that was, at the latest."""
        self._longest = TURN_SECONDS
        """The most processor time that an account may have used since then."""
        self._serving = False
        self._turn: IDelayedCall | None = None

    def run(self, account: str | None, call: Callable[..., object], *args: Any) -> None:
        """Call `call(*args)` at the account's turn. An exception is logged, and ends nothing else."""
        if not self._calls:
            if self._clock.seconds() >= self._turned + 2 * self._longest:
                self._begin_turn()  # calls took half of that time at most: the reactor has had a turn since
            if self._may_begin(account) and not self._serving:
                self._call_alone(account, call, args)
                return
        calls = self._calls.get(account)
        if calls is None:
            calls = self._calls[account] = deque()
            self._debts.begin(account)
        calls.append((call, args))
        self._serve([account])

    def _call_alone(self, account: str | None, call: Callable[..., object], args: tuple[Any, ...]) -> None:
        """Call what nothing comes before, and what is asked for inside the call behind it."""
        self._serving = True
        self._debts.begin(account)
        used = 0.0
        try:
            used = self._call(account, call, args)
        finally:
            self._serving = False
            self._debts.end(account, used)
        if self._calls:
            self._serve([account])

    def serve(self) -> None:
        """Call what need not wait any more, after the next turn of the reactor."""
        if self._calls and not self._serving:
            waits = all(self._debts.must_wait(account) for account in self._calls)
            self._ask_for_turn(RECHECK_SECONDS if waits else 0)

    def _serve(self, accounts: Iterable[str | None]) -> None:
        """Call what may be called of these accounts now."""
        if self._serving:
            return
        self._serving = True
        try:
            while (turn := self._next(accounts)) is not None:
                account, calls = turn
                if len(self._calls) > 1:
                    self._calls[account] = self._calls.pop(account)  # behind all others
                self._debts.charge(account, self._call(account, *calls.popleft()))
                if not calls:
                    del self._calls[account]
                    self._debts.end(account)
        finally:
            self._serving = False
        self.serve()

    def _ask_for_turn(self, seconds: float) -> None:
        if self._turn is None:
            self._turn = self._clock.callLater(seconds, self._next_turn)
        elif self._turn.getTime() > self._clock.seconds() + seconds:
            self._turn.reset(seconds)

    def _next_turn(self) -> None:
        self._turn = None
        self._begin_turn()
        self._serve(self._calls)

    def _begin_turn(self) -> None:
        self._spent.clear()
        self._turned = self._clock.seconds()
        self._longest = TURN_SECONDS

    def _next(self, accounts: Iterable[str | None]) -> tuple[str | None, deque[Call]] | None:
        """The first of these accounts that may be served now, with its calls; None where none may."""
        for account in accounts:
            calls = self._calls.get(account)
            if calls and self._may_begin(account):
                return account, calls
        return None

    def _may_begin(self, account: str | None) -> bool:
        """Whether something may be called for an account now."""
        return self._has_time(account) and not self._debts.must_wait(account)

    def _has_time(self, account: str | None) -> bool:
        """Whether an account may use more of the reactor's thread in this turn, which is longer where it is alone."""
        spent = self._spent[_payer(account)]
        if spent < TURN_SECONDS:
            return True
        if spent >= ALONE_SECONDS or self._debts.others_served(account):
            return False
        self._longest = ALONE_SECONDS
        return True

    def _call(self, account: str | None, call: Callable[..., object], args: tuple[Any, ...]) -> float:
        """The seconds of the processor that a call took."""
        began = self._processor()
        try:
            call(*args)
        except Exception:  # noqa: BLE001 (one account's bug must not keep the others waiting)
            self._log.failure("a call for {account} failed", account=account or "the server")
        used = self._processor() - began
        self._spent[_payer(account)] += used
        return used


def _payer(account: str | None) -> str | None:
    """The payer of a turn's time: an account alone, and all guests, who may come from any number of addresses."""
    return _GUESTS if account is not None and is_guest(account) else account
