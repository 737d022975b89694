"""Logins that are kept between requests: HTTP sends its credentials with each, on as many connections as it likes.

To check a password takes a quarter of a second, and each login is a record in the audit log. So one login serves all
requests that bring the same credentials from the same address, as long as they come often enough. Wrong credentials
are not remembered: each attempt counts for the throttle. A login ends when its account changes, and with it what it is
used for at that moment. The next request may bring credentials that are still good, so it logs in again.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from typing import Callable

import attrs
from twisted.cred.credentials import ICredentials
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from homeftp.accounts.throttle import address_group
from homeftp.interfaces import IConnection, IConnections, ILogin, ILoginService, guest
from homeftp.server.gate.requestmemory import ConnectionMemory

IDLE_SECONDS = 120.0
"""How long a login is kept that no connection uses: programs that look for changes do so every minute."""

MOST_LOGINS = 256
"""Logins that are kept, at most. Beyond that, the account with most logins loses the one used least recently."""

_KEY_BYTES = 16


@attrs.define(eq=False)
class _Kept:
    """One login, or one that is being checked."""

    login: ILogin | None = None
    waiting: list[Deferred[ILogin]] = attrs.field(factory=list)
    used: float = 0.0
    """When a request brought it last."""
    users: int = 0
    """Connections that use it."""
    is_current: bool = True
    """Whether requests get it."""


class LoginCache:
    """The logins of one front end, by their credentials and addresses."""

    def __init__(self, logins: Callable[[], ILoginService], clock: IReactorTime, front_end: str) -> None:
        self._logins = logins
        self._clock = clock
        self._front_end = front_end
        self._secret = os.urandom(_KEY_BYTES)
        self._kept: dict[bytes, _Kept] = {}
        """The logins that requests get."""
        self._open: dict[ILogin, _Kept] = {}
        """The logins that are not closed: also one that no request gets any more, while connections use it."""
        self._timer: IDelayedCall | None = None
        self._stopping = False

    def __len__(self) -> int:
        return len(self._kept)

    async def login(self, credentials: ICredentials, proof: bytes, address: str) -> ILogin:
        """A valid login of these credentials, of which `proof` are the bytes that were sent.

        One that has ended since it was made is replaced: the credentials may still be good. Raises as `ILoginService`.
        """
        key = hashlib.blake2b(proof + b"\0" + address.encode(), key=self._secret, digest_size=_KEY_BYTES).digest()
        while (kept := self._kept.pop(key, None)) is not None:
            self._kept[key] = kept  # the last of all, as used most recently
            kept.used = self._clock.seconds()
            login = await self._made(kept)
            if await login.look_up() and not login.closed:
                return login
            self._forget(key, kept)
        kept = self._kept[key] = _Kept(used=self._clock.seconds())
        return await self._log_in(key, kept, credentials, address)

    async def _made(self, kept: _Kept) -> ILogin:
        """The login, once its credentials have been checked."""
        if kept.login is not None:
            return kept.login
        waiting: Deferred[ILogin] = Deferred()
        kept.waiting.append(waiting)
        return await waiting

    async def _log_in(self, key: bytes, kept: _Kept, credentials: ICredentials, address: str) -> ILogin:
        try:
            login = await self._logins().login(credentials, address, self._front_end)
        except BaseException as error:
            del self._kept[key]
            waiting, kept.waiting = kept.waiting, []
            for each in waiting:
                each.errback(error)
            raise
        kept.login, kept.used = login, self._clock.seconds()
        self._open[login] = kept
        waiting, kept.waiting = kept.waiting, []
        for each in waiting:
            each.callback(login)
        self._limit()
        if self._timer is None and not self._stopping:
            self._timer = self._clock.callLater(IDLE_SECONDS, self._expire)
        return login

    def use(self, login: ILogin) -> None:
        """A connection uses this login, until `release`."""
        self._count(login, 1)

    def release(self, login: ILogin) -> None:
        """A connection uses it no more."""
        self._count(login, -1)

    def _count(self, login: ILogin, change: int) -> None:
        kept = self._open.get(login)
        if kept is not None:
            kept.users += change
            kept.used = self._clock.seconds()
            if not kept.users and (self._stopping or not kept.is_current):
                self._close(kept)

    def stop(self) -> None:
        """Close all of them: those that connections use, once these have ended."""
        self._stopping = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for each in list(self._open.values()):
            if not each.users:
                self._close(each)

    def _limit(self) -> None:
        """Close those used least recently of who has most: the visitors of one account's links do not crowd others out.

        There are fewer connections than logins may be kept.
        """
        while len(self._kept) > MOST_LOGINS:
            owners = {key: _owner(kept.login) for key, kept in self._kept.items() if kept.login and not kept.users}
            if not owners:
                return
            counts = Counter(owners.values())
            key = max(owners, key=lambda each: counts[owners[each]])  # of equals the first, used least recently
            self._forget(key, self._kept[key])

    def _expire(self) -> None:
        self._timer = None
        before = self._clock.seconds() - IDLE_SECONDS
        for key, kept in list(self._kept.items()):
            if kept.login is not None and (kept.login.revoked or (not kept.users and kept.used <= before)):
                self._forget(key, kept)
        if self._kept:
            self._timer = self._clock.callLater(IDLE_SECONDS / 2, self._expire)

    def _forget(self, key: bytes, kept: _Kept) -> None:
        """Give it to no request any more. It is not closed while connections use it: a revocation must reach them."""
        if self._kept.get(key) is kept:
            del self._kept[key]
        kept.is_current = False
        if not kept.users:
            self._close(kept)

    def _close(self, kept: _Kept) -> None:
        if kept.login is not None:
            self._open.pop(kept.login, None)
            kept.login.close()


def _owner(login: ILogin) -> tuple[str, bool]:
    """The account of a login, and whether it is one of its share links, which count by themselves."""
    return login.account, login.group != login.account


class ConnectionLogin:
    """The login of the requests of one connection, which counts as a connection of that login."""

    def __init__(
        self,
        cache: LoginCache,
        connections: IConnections,
        memory: ConnectionMemory,
        connection: IConnection,
        address: str,
    ) -> None:
        """`address` is that of the client."""
        self._cache = cache
        self._connections = connections
        self._memory = memory
        self._connection = connection
        self._guest = guest(address_group(address))
        self._login: ILogin | None = None

    @property
    def account(self) -> str:
        """The account whose turns the connection has: without a login that of all guests from its address."""
        return self._guest if self._login is None else self._login.account

    def use(self, login: ILogin | None) -> None:
        """The connection's requests are those of this login from now on."""
        before, self._login = self._login, login
        if before is login:
            return
        if before is not None:
            before.remove_connection(self._connection)
            self._cache.release(before)
        if login is None:
            self._connections.logged_out(self._connection)
        else:
            self._memory.log_in(login.account)
            self._connections.authenticated(self._connection, login.group)
            self._cache.use(login)
            login.add_connection(self._connection)  # last: where access was revoked it ends the connection
