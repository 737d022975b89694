"""How much processor time each account has used of late, and which account therefore waits for which.

An account is charged for what is done for it, in seconds of a processor, on the reactor's thread and in the pool. What
it owes is forgiven as time passes: an account that uses less than `FORGIVEN` owes next to nothing. While a short piece
of work is in progress for one account, nothing is begun for an account that owes more. Clients that have not logged in
owe accounts together: otherwise one machine would have another turn for each address that it has.

Long work is counted by the time that it takes, in which it may only keep the disk busy. An account that has done more
of it than others rests between its slices. docs/decisions/fair-scheduling has the reasons.
"""

from __future__ import annotations

from typing import Callable

import msgspec

from homeftp.interfaces import is_guest

FORGIVEN = 0.5
"""Seconds of a processor that are forgiven in a second: an account that is made to wait still gets that much, however
many others come before it."""

MOST_OWED = 0.02
"""Seconds of a processor that an account can owe. So an account waits for `MOST_OWED / FORGIVEN` seconds at most before
it owes nothing, and has its turn as all others do; and one that has used the server alone for hours owes no more."""

FORGIVEN_GUESTS = 0.25
"""The same for all clients together that have not logged in, as accounts see them: what they get while accounts are
served. A handshake and a login take 2 ms, so that is a hundred logins in a second."""

EQUAL = 0.002
"""Accounts whose debts differ by no more than that, a few requests, have their turns one after the other: they do not
wait for each other's jobs, which may wait for the disk meanwhile."""

BUSY = MOST_OWED / 2
"""Seconds of a processor that an account owes where it keeps one busy."""

LONG_SHARE = 0.25
"""Seconds of long work that are forgiven in a second, of all accounts together: what is left of the disk, and of the
processors, is for those who have little to do."""

LONG_FREE = 0.01
"""Seconds of long work that an account may owe without a rest: some pieces of a file, or pages of a listing."""

MOST_LONG = 0.1
"""Seconds of long work that an account can owe: so none rests for longer than `MOST_LONG / LONG_SHARE` seconds."""

REMEMBERED = 1.0
"""Seconds for which an account counts as one that uses the server. All that it owes is forgiven in that time."""


class _Account(msgspec.Struct):
    """An account that is being served, or was of late."""

    is_guest: bool
    served: float
    """When it was served the last time."""
    forgiven: float = FORGIVEN
    """Seconds of a processor that are forgiven in a second."""
    owed: float = 0.0
    """The seconds that it owed then."""
    long: float = 0.0
    """The long work that it owed then, in seconds."""
    pieces: int = 0
    """Short pieces of its work that wait or run."""

    def owes(self, now: float) -> float:
        """The seconds of a processor that it owes now."""
        left = self.owed - self.forgiven * (now - self.served)
        return left if left > 0.0 else 0.0

    def owes_long(self, now: float) -> float:
        """The long work that it owes now, in seconds."""
        return max(0.0, self.long - LONG_SHARE * (now - self.served)) if self.long else 0.0

    def charge(self, now: float, seconds: float, long: float = 0.0) -> None:
        """It was served now, and used so much of a processor, and so many seconds of long work."""
        if long or self.long:
            self.long = min(MOST_LONG, self.owes_long(now) + long)
        owed = self.owes(now) + seconds
        self.owed = owed if owed < MOST_OWED else MOST_OWED
        self.served = now

    def in_use(self, now: float) -> bool:
        """Whether it counts as an account that uses the server; a guest does while something is in progress for it."""
        return self.pieces > 0 or (not self.is_guest and now - self.served <= REMEMBERED)

    def has_little_to_do(self, now: float) -> bool:
        """Whether it owes next to nothing, of a processor or of long work."""
        return self.owes_long(now) <= LONG_FREE and self.owes(now) <= BUSY

    def is_forgotten(self, now: float) -> bool:
        """Whether nothing has to be known of it any more."""
        return not self.pieces and now - self.served > REMEMBERED


class Debts:
    """The debts of all accounts, and what is in progress for them. For the reactor's thread.

    None is the server itself, which never owes anything and keeps no account waiting.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        """`seconds` is a monotonic clock."""
        self._seconds = seconds
        self._accounts: dict[str, _Account] = {}
        self._busy: dict[str, _Account] = {}
        """The accounts for which something waits or runs: mostly a single one."""
        self._guests = _Account(True, seconds(), FORGIVEN_GUESTS)
        """All clients that have not logged in, as the accounts see them."""
        self._swept = seconds()
        """When the accounts were forgotten that were not served any more."""

    def __len__(self) -> int:
        """How many accounts are remembered."""
        return len(self._accounts)

    def charge(self, account: str | None, seconds: float, long: float = 0.0) -> None:
        """Charge an account with so much of a processor's time, and so many seconds of long work.

        Long work beyond `LONG_FREE` counts once for each account that owes about as much, so that it is forgiven to
        all of them together.
        """
        if account is not None:
            now = self._seconds()
            found = self._accounts.get(account) or self._remember(account, now)
            if long and found.owes_long(now) + long > LONG_FREE:
                others = sum(
                    each.owes_long(now) > LONG_FREE / 2 for each in self._accounts.values() if each is not found
                )
                long *= 1 + others
            found.charge(now, seconds, long)
            if found.is_guest:
                self._guests.charge(now, seconds)

    def owed(self, account: str | None) -> float:
        """The seconds of a processor that an account owes now."""
        found = None if account is None else self._accounts.get(account)
        return 0.0 if found is None else found.owes(self._seconds())

    def has_little_to_do(self, account: str | None) -> bool:
        """Whether an account owes next to nothing now, of a processor and of long work."""
        found = None if account is None else self._accounts.get(account)
        return found is None or found.has_little_to_do(self._seconds())

    def begin(self, account: str | None) -> None:
        """A short piece of work for an account waits or runs from now on, or the only slice of one with little."""
        if account is not None:
            found = self._accounts.get(account) or self._remember(account, self._seconds())
            found.pieces += 1
            self._busy[account] = found

    def end(self, account: str | None, seconds: float = 0.0) -> None:
        """A piece of work that had begun has ended; charge its account with so much of a processor's time."""
        if account is not None:
            found, now = self._busy[account], self._seconds()
            found.charge(now, seconds)
            if found.is_guest and seconds:
                self._guests.charge(now, seconds)
            found.pieces -= 1
            if not found.pieces:
                del self._busy[account]

    def must_wait(self, account: str | None) -> bool:
        """Whether work for this account must not begin now: it owes more than another that is being served.

        A guest owes accounts what all guests owe, and another guest only what it owes itself. It also waits for an
        account that was served within the last `REMEMBERED` seconds: guests do not fill what time accounts leave.
        """
        if account is None:
            return False
        as_guest, busy = is_guest(account), self._busy
        if not as_guest and len(busy) == (account in busy):
            return False  # no other account is being served
        now = self._seconds()
        own, guests = self.owed(account), self._guests.owes(now)
        if max(own, guests if as_guest else 0.0) <= EQUAL:
            return False
        if (
            as_guest
            and guests > EQUAL
            and any(not each.is_guest and each.in_use(now) for each in self._accounts.values())
        ):
            return True
        for other, each in busy.items():
            if other != account:
                owes = guests if as_guest and not each.is_guest else own
                other_owes = guests if each.is_guest and not as_guest else each.owes(now)
                if owes - other_owes > EQUAL:
                    return True
        return False

    def must_rest(self, account: str | None) -> bool:
        """Whether no long work may begin for this account now: it owes some, while one is served that has little to do.

        Where all that are served owe some, none rests: they have their turns one after the other. None rests for an
        account that keeps a processor busy itself: beside it, all long work takes longer. Nor does one for clients that
        have not logged in.
        """
        found = None if account is None else self._accounts.get(account)
        now = self._seconds()
        if found is None or found.owes_long(now) <= LONG_FREE:
            return False
        return any(
            not each.is_guest and each.in_use(now) and each.has_little_to_do(now) for each in self._accounts.values()
        )

    def others_served(self, account: str | None) -> bool:
        """Whether anything was done for another account within the last `REMEMBERED` seconds.

        Every connection begins as a guest, which therefore counts only as long as something is in progress for it.
        """
        now = self._seconds()
        return any(other != account and each.in_use(now) for other, each in self._accounts.items())

    def _remember(self, account: str, now: float) -> _Account:
        """A record of an account that is served now, and of which nothing is known."""
        if now - self._swept > REMEMBERED:
            self._swept = now
            self._accounts = {name: each for name, each in self._accounts.items() if not each.is_forgotten(now)}
        found = self._accounts[account] = _Account(is_guest(account), now)
        return found
