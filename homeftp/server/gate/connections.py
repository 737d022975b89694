"""The connections of all front ends: counted against the server's limits, and notified when the server stops.

Clients that connect and do not log in must not keep others out. So a newcomer takes the place of one that has been
idle for a while, of the address that has most of them: the one that has waited longest. Only new connections of the
address that has most give way where few are idle, all of them of addresses that have less: those may be slow logins.
docs/decisions/unauthenticated has the alternatives.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Callable, Sequence

import msgspec
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from homeftp.accounts.throttle import address_group
from homeftp.config import Limits
from homeftp.interfaces import IConnection, IConnections
from homeftp.server.gate.timeouts import Deadline

LOGIN_GRACE = 5.0
"""Seconds that a connection may take to log in before it counts as idle: an honest login takes about half a second, and
a few seconds where others log in too."""


IDLE_PART = 1 / 4
"""The part of all places before the login that idle connections of the smaller groups keep."""


class _Counted(msgspec.Struct, eq=False):
    """One connection."""

    connection: IConnection
    address: str | None
    group: str | None
    """The addresses that count as one before the login."""
    since: float
    """Seconds by the clock."""
    deadline: Deadline | None = None
    """The deadline of its login; None once it has logged in."""
    account: str | None = None
    """The account that is logged in."""
    displaced: bool = False
    """Whether it had to give way to another: it does not count any more."""

    def end_deadline(self) -> None:
        """It has logged in, or has ended."""
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None


@implementer(IConnections)
class Connections:
    """Counts the connections of all listeners against the caps of `Limits`, and aborts those that do not log in."""

    _log = Logger()

    def __init__(
        self, limits: Limits, clock: IReactorTime, choose: Callable[[int], int] = random.SystemRandom().randrange
    ) -> None:
        """`choose` gives a random number below its argument."""
        self._limits = limits
        self._clock = clock
        self._choose = choose
        self._all: dict[IConnection, _Counted] = {}
        self._empty: Deferred[None] | None = None

    def __len__(self) -> int:
        return len(self._all)

    @property
    def unauthenticated(self) -> int:
        """How many have not logged in."""
        return sum(counted.deadline is not None for counted in self._all.values())

    def __contains__(self, connection: object) -> bool:
        return connection in self._all

    def full(self, address: str | None) -> str | None:
        """Why no further connection from `address` can be accepted; None when one can, in the place of another or not.

        Where no idle one gives way, one of the largest group or the newcomer is chosen by chance.
        """
        reason, waiting = self._crowd(address)
        if reason is None or self._idle(waiting):
            return None
        candidates = _most(waiting)
        return reason if not candidates or self._choose(len(candidates) + 1) == 0 else None

    def add(self, connection: IConnection, address: str | None) -> None:
        """A connection was accepted; it counts as unauthenticated, and is aborted after `login_seconds`.

        Where there are too many, another one that has not logged in is aborted.
        """
        if connection in self._all:
            return
        reason, waiting = self._crowd(address)
        counted = _Counted(connection, address, _group(address), self._clock.seconds())
        self._begin_deadline(counted)
        self._all[connection] = counted
        if reason is not None and waiting:
            candidates = _most(waiting)
            self._displace(self._idle(waiting) or candidates[self._choose(len(candidates))], reason)

    def authenticated(self, connection: IConnection, account: str) -> None:
        """Note that a client has logged in; where its account has too many connections, that loses its oldest one."""
        counted = self._all.get(connection)
        if counted is None or counted.displaced:
            return
        counted.end_deadline()
        counted.account = account
        own = [each for each in self._all.values() if each.account == account and not each.displaced]
        if len(own) > self._limits.account_connections:
            self._log.warn(
                "closing the oldest connection of {account}, which has {count}", account=account, count=len(own)
            )
            self._close(own[0])

    def logged_out(self, connection: IConnection) -> None:
        """Note that a login has ended: its connection counts as unauthenticated again, with `login_seconds` left."""
        counted = self._all.get(connection)
        if counted is not None and counted.account is not None and not counted.displaced:
            counted.account, counted.since = None, self._clock.seconds()
            self._all[connection] = self._all.pop(connection)  # behind those that have waited for longer
            self._begin_deadline(counted)

    def _begin_deadline(self, counted: _Counted) -> None:
        counted.deadline = Deadline(self._clock, self._limits.login_seconds, lambda: self._expire(counted))

    def remove(self, connection: IConnection) -> None:
        """The connection has ended."""
        counted = self._all.pop(connection, None)
        if counted is not None:
            counted.end_deadline()
        if self._empty is not None and not self._all:
            empty, self._empty = self._empty, None
            empty.callback(None)

    def stop(self) -> Deferred[None]:
        """Let each connection finish what is in progress; fires when all have ended."""
        if not self._all:
            return succeed(None)
        empty = self._empty = Deferred()
        for connection in list(self._all):
            self._tell(connection, connection.stop)
        return empty

    def abort(self) -> None:
        """End all connections at once."""
        for connection in list(self._all):
            self._tell(connection, connection.abort)

    def _crowd(self, address: str | None) -> tuple[str | None, Sequence[_Counted]]:
        """Which cap a newcomer would exceed, and those of which one can give way to it, the oldest first."""
        limits, group = self._limits, _group(address)
        counted = [each for each in self._all.values() if not each.displaced]
        waiting = [each for each in counted if each.deadline is not None]
        if address is not None:
            there = [each for each in counted if each.address == address]
            if len(there) >= limits.connections_per_address:
                reason = f"there are {limits.connections_per_address} connections from your address already"
                return reason, [each for each in there if each.deadline is not None]
            beside = [each for each in waiting if each.group == group]
            if len(beside) >= limits.unauthenticated_per_address:
                return f"{len(beside)} connections from your address are logging in already", beside
        if len(counted) >= limits.connections:
            return f"the server has {limits.connections} connections already", waiting
        if len(waiting) >= limits.unauthenticated:
            return f"{limits.unauthenticated} connections are logging in already", waiting
        return None, ()

    def _idle(self, waiting: Sequence[_Counted]) -> _Counted | None:
        """The one that has waited longest, of the largest group that has one which has waited for too long.

        None where that is not the largest group of all, and few are idle: new connections of the largest give way then.
        """
        count, now = _sizes(waiting), self._clock.seconds()
        idle = [each for each in waiting if now - each.since >= LOGIN_GRACE]
        first = max(idle, key=lambda each: count[each.group], default=None)
        if first is None or len(idle) > IDLE_PART * len(waiting) or count[first.group] == max(count.values()):
            return first
        return None

    def _displace(self, counted: _Counted, reason: str) -> None:
        self._log.info(
            "closing a connection from {address} that has not logged in, to accept another: {reason}",
            address=counted.address,
            reason=reason,
        )
        self._close(counted)

    def _expire(self, counted: _Counted) -> None:
        self._log.info("closing a connection from {address}: no login in time", address=counted.address)
        self._close(counted)

    def _close(self, counted: _Counted) -> None:
        """Abort a connection, which does not count any more."""
        counted.displaced = True
        self._tell(counted.connection, counted.connection.abort)

    def _tell(self, connection: IConnection, what: Callable[[], None]) -> None:
        """A fault of one front end must not keep the others' connections."""
        try:
            what()
        except Exception:  # noqa: BLE001
            counted = self._all.get(connection)
            address = None if counted is None else counted.address
            self._log.failure("a connection from {address} could not be closed", address=address)


def _group(address: str | None) -> str | None:
    return None if address is None else address_group(address)


def _sizes(waiting: Sequence[_Counted]) -> Counter[str | None]:
    """How many of these each group has."""
    return Counter(each.group for each in waiting)


def _most(waiting: Sequence[_Counted]) -> Sequence[_Counted]:
    """The connections of the largest group, or of all groups of that size."""
    count = _sizes(waiting)
    most = max(count.values(), default=0)
    return [each for each in waiting if count[each.group] == most]
