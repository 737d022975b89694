"""Notifications of the database: a server tells the others that it has changed something, and hears that they have.

They say nothing else: what was changed is in the audit log. One may be lost, as with a server that ends in between, or
with a proxy that gives each transaction another connection; so each server also looks without one now and then.
"""

from __future__ import annotations

import contextlib
from typing import Any, Awaitable, Callable

import psycopg
from psycopg.rows import TupleRow
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorFDSet, IReactorTime, IReadDescriptor
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.cluster.database import Database
from homeftp.cluster.shared import process_id

CHANNEL = "homeftp_changes"
"""The channel of all servers that use a database; the payload is who has changed something (`process_id`)."""

NOTIFY_SECONDS = 0.05
"""Between two notifications of one server, at least: each may cost the others a look at the log."""

Run = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs what blocks; raises nothing where the database does not answer."""


def notify(database: Database) -> None:
    """Tell the other servers that this one has changed something. Blocks; raises `Busy` (51).

    It is a transaction of its own, after that of the change: a database server commits only one transaction that
    notifies at a time.
    """
    database.rows("SELECT pg_notify(%s, %s)", (CHANNEL, process_id()))


class ChangeNotifier:
    """Tells the others of changes, of several that are made at once together: `notify` blocks, and is run by `run`."""

    def __init__(
        self, clock: IReactorTime, in_reactor: Callable[..., object], run: Run, notify: Callable[[], object]
    ) -> None:
        """`in_reactor(call)` calls on the reactor's thread, from any thread."""
        self._clock = clock
        self._in_reactor = in_reactor
        self._run = run
        self._notify = notify
        self._asked = False
        self._pause: Deferred[None] | None = None
        self._sending: Deferred[None] = succeed(None)
        self._stopped = False

    def changed(self) -> None:
        """Something was changed. In any thread."""
        if not self._asked:
            self._asked = True
            self._in_reactor(self._begin)

    def _begin(self) -> None:
        if self._sending.called and not self._stopped:
            self._sending = Deferred.fromCoroutine(self._send())

    async def _send(self) -> None:
        while self._asked and not self._stopped:
            self._asked = False
            await self._run(self._notify)
            self._pause = deferLater(self._clock, NOTIFY_SECONDS)
            with contextlib.suppress(CancelledError):
                await self._pause

    def stop(self) -> Deferred[None]:
        """Tell nothing more; fires when nothing is under way."""
        self._stopped = True
        if self._pause is not None:
            self._pause.cancel()
        return self._sending


@implementer(IReadDescriptor)
class NotificationListener:
    """Hears the notifications of other servers, on the reactor's thread, while it is open."""

    def __init__(self, reactor: IReactorFDSet, notified: Callable[[], None]) -> None:
        """`notified` is called when another server has changed something, and when nothing more will be heard."""
        self._reactor = reactor
        self._notified = notified
        self._connection: psycopg.Connection[TupleRow] | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection by which notifications come."""
        return self._connection is not None

    @staticmethod
    def connect(database: Database) -> psycopg.Connection[TupleRow]:
        """A connection for `open`: what is changed from now on is heard there. Blocks; raises `Busy` (51)."""
        return database.connect(f"LISTEN {CHANNEL}")

    def open(self, connection: psycopg.Connection[TupleRow]) -> None:
        """Hear what comes by a connection, which is closed at the end."""
        self._connection = connection
        self._reactor.addReader(self)

    def close(self) -> None:
        """Hear nothing more. May be called twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._reactor.removeReader(self)
            connection.close()

    # -- for the reactor -----------------------------------------------------------

    def fileno(self) -> int:
        """The socket."""
        return -1 if self._connection is None else self._connection.pgconn.socket

    def doRead(self) -> None:
        """Take what has arrived: it is there, so nothing blocks."""
        assert self._connection is not None
        own, is_news = process_id().encode(), False
        try:
            self._connection.pgconn.consume_input()
            while (found := self._connection.pgconn.notifies()) is not None:
                is_news = is_news or found.extra != own
        except psycopg.Error:
            self.close()
            is_news = True
        if is_news:
            self._notified()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor cannot read from it any more."""
        self.close()
        self._notified()

    def logPrefix(self) -> str:
        """How the reactor's log calls it."""
        return "notifications"
