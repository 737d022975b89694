"""How much processor time each account has used of late, and which account therefore waits for which.

An account is charged for what is done for it, in seconds of a processor, on the reactor's thread and in the pool. What
it owes is forgiven as time passes: an account that uses less than `FORGIVEN` owes next to nothing. While a short piece
of work is in progress for one account, nothing is begun for an account that owes more. docs/decisions/fair-scheduling
has the reasons.
"""

from __future__ import annotations

from typing import Callable

import attrs

FORGIVEN = 0.5
"""Seconds of a processor that are forgiven in a second: an account that is made to wait still gets that much, however
many others come before it."""

MOST_OWED = 0.02
"""Seconds of a processor that an account can owe. So an account waits for `MOST_OWED / FORGIVEN` seconds at most before
it owes nothing, and has its turn as all others do; and one that has used the server alone for hours owes no more."""

EQUAL = 0.002
"""Accounts whose debts differ by no more than that, a few requests, have their turns one after the other: they do not
wait for each other's jobs, which may wait for the disk meanwhile."""

REMEMBERED = 1.0
"""Seconds for which an account counts as one that uses the server."""


class Debts:
    """The debts of all accounts, and what is in progress for them. For the reactor's thread.

    None is the server itself, which never owes anything and keeps no account waiting.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        """`seconds` is a monotonic clock."""
        self._seconds = seconds
        self._owed: dict[str | None, tuple[float, float]] = {}
        """What an account owed, and when."""
        self._served: dict[str | None, _Served] = {}

    def charge(self, account: str | None, seconds: float) -> None:
        """So much of a processor's time was used for an account."""
        if account is not None:
            self._owed[account] = (min(MOST_OWED, self.owed(account) + seconds), self._seconds())

    def owed(self, account: str | None) -> float:
        """What an account owes now, in seconds of a processor."""
        found = self._owed.get(account)
        if found is None:
            return 0.0
        owed, since = found
        owed -= FORGIVEN * (self._seconds() - since)
        if owed <= 0:
            del self._owed[account]
            return 0.0
        return owed

    def begin(self, account: str | None) -> None:
        """A short piece of work for an account waits or runs from now on."""
        if account is not None:
            served = self._served.get(account)
            if served is None:
                served = self._served[account] = _Served()
            served.pieces += 1

    def end(self, account: str | None) -> None:
        """A piece of work that had begun has ended."""
        if account is not None:
            served = self._served[account]
            served.pieces -= 1
            served.last = self._seconds()

    def must_wait(self, account: str | None) -> bool:
        """Whether work for this account must not begin now: it owes more than another that is being served."""
        less = 0.0 if account is None else self.owed(account) - EQUAL
        if less <= 0:
            return False
        return any(
            served.pieces and other != account and self.owed(other) < less for other, served in self._served.items()
        )

    def others_served(self, account: str | None) -> bool:
        """Whether anything was done for another account within the last `REMEMBERED` seconds."""
        long_ago = self._seconds() - REMEMBERED
        for other, served in list(self._served.items()):
            if not served.pieces and served.last < long_ago:
                del self._served[other]
        return len(self._served) > (account in self._served)


@attrs.define
class _Served:
    """An account that is being served."""

    pieces: int = 0
    """Pieces of its work that wait or run."""
    last: float = 0.0
    """When the last of them ended."""
