"""Connections to the database of a cluster, and transactions that end in time and are tried again.

All of it blocks: it is called in the worker pool. What a transaction does is up to the caller; that none waits forever,
that two which get in each other's way are tried again, and that a commit whose answer was lost is looked up, is here.
"""

from __future__ import annotations

import contextlib
import random
import select
import time
from typing import Any, Callable, ContextManager, Iterator, Mapping, Protocol, Sequence, TypeVar

import psycopg
from psycopg import errors
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from homeftp.cluster import commits
from homeftp.cluster.breaker import TRY_SECONDS, CircuitBreaker
from homeftp.cluster.connections import (
    MS,
    BoundedConnection,
    ConnectionFailures,
    DatabaseTimeouts,
    TablesWatch,
    configuring,
    connection_info,
    session_settings,
)
from homeftp.cluster.faults import refusal_of
from homeftp.errors import Busy, Internal
from homeftp.interfaces.usage import ConnectionsUsage
from homeftp.workers.deadline import OperationDeadline, Patience, operation, under

Cursor = psycopg.Cursor[TupleRow]

Query = str | bytes
"""A statement. What is put together of parts has only parts of this program: values are parameters."""

T = TypeVar("T")

TRIES = 64
"""Attempts at a transaction that others get in the way of. Each time one of them has been committed meanwhile."""

PAUSE_SECONDS = 0.02
"""Before another attempt, at most, times the number of attempts so far: those that collided do not collide again."""

LONGEST_PAUSE_SECONDS = 0.2
"""The longest of these pauses."""

_SOONER_SECONDS = 0.25
"""How much sooner than this side the database gives up a statement: then the connection stays of use."""


class TransactionConflict(Exception):
    """Another transaction has changed what this one relies on: it is rolled back and tried again."""


_LOOKING: dict[str, Any] = {"autocommit": True, "connect_timeout": 2}
"""How a connection is made to look up a commit: with the shortest time-out that there is."""

_LASTING: dict[str, Any] = {**_LOOKING, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 2}
"""How a connection is made on which nothing is asked: where the other side is gone the kernel finds out in 20 s."""

_IN_THE_WAY = (TransactionConflict, errors.UniqueViolation, errors.DeadlockDetected, errors.SerializationFailure)

_ENDED = (psycopg.OperationalError, errors.IdleInTransactionSessionTimeout, errors.TransactionTimeout)
"""The errors that end a connection, or a statement, without a word about the transaction."""


class Transaction:
    """An open transaction: statements of it see what others have committed by then (READ COMMITTED)."""

    def __init__(self, cursor: Cursor, key: str, xid: str) -> None:
        self._cursor = cursor
        self.key = key
        """That of its connection (`homeftp.cluster.commits`)."""
        self.xid = xid
        """The number of this transaction. With the key its outcome can be looked up."""

    @property
    def connection(self) -> psycopg.Connection[TupleRow]:
        """The connection that is in this transaction."""
        return self._cursor.connection

    def execute(self, query: Query, parameters: Sequence[object] | Mapping[str, object] = ()) -> int:
        """Run a statement; how many rows it changed or gave."""
        return self._cursor.execute(query, parameters).rowcount

    def rows(self, query: Query, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[Any]:
        """Run a statement, and give all of its rows."""
        return self._cursor.execute(query, parameters, binary=True).fetchall()

    def row(self, query: Query, parameters: Sequence[object] | Mapping[str, object] = ()) -> Any:
        """Run a statement that gives one row at most; None where it gives none."""
        return self._cursor.execute(query, parameters, binary=True).fetchone()


class IQueries(Protocol):
    """Runs statements: a transaction, or a database, where each is one by itself."""

    def rows(self, query: Query, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[Any]:
        """Run a statement, and give all of its rows."""

    def row(self, query: Query, parameters: Sequence[object] | Mapping[str, object] = ()) -> Any:
        """Run a statement that gives one row at most; None where it gives none."""


Commit = Callable[[], None]
"""Makes a transaction durable, and visible to others."""


def commit_at_once(commit: Commit, result: object) -> None:
    """Commit without further steps: the default of `Database.transact`."""
    commit()


class Database:
    """One PostgreSQL database, by its URL. Safe in several threads; every method blocks."""

    def __init__(
        self,
        url: str,
        *,
        connections: int,
        timeouts: DatabaseTimeouts | None = None,
        breaker: CircuitBreaker | None = None,
        tables: TablesWatch | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`connections`: how many may be open at once. Connects when it is first used; raises `OperatorError`.

        `breaker` is that of the database's server, and `tables` looks at each new connection, where others use them
        too; `pause` waits for so many seconds.
        """
        self._timeouts = timeouts = timeouts or DatabaseTimeouts()
        self._breaker = breaker or CircuitBreaker()
        self._pause = pause
        self._conninfo = connection_info(url, timeouts)
        self.settings = session_settings(timeouts)
        """The settings of PostgreSQL that each connection asks for."""
        name = f"database-{id(self)}"
        self._failures = ConnectionFailures(name)
        self._pool = ConnectionPool(
            self._conninfo,
            connection_class=BoundedConnection,
            kwargs={"autocommit": True},
            min_size=0,
            max_size=connections,
            reconnect_timeout=timeouts.operation,
            check=self._check,
            configure=configuring(self._failures, tables),
            open=False,
            name=name,
        )

    def rows(self, query: Query, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[Any]:
        """Run one statement by itself, and give all of its rows. Raises `Busy` (51)."""
        with self._cursor() as cursor:
            return cursor.execute(query, parameters, binary=True).fetchall()

    def row(self, query: Query, parameters: Sequence[object] | Mapping[str, object] = ()) -> Any:
        """Run one statement that gives one row at most by itself; None where it gives none. Raises `Busy` (51)."""
        with self._cursor() as cursor:
            return cursor.execute(query, parameters, binary=True).fetchone()

    def transact(
        self,
        work: Callable[[Transaction], T],
        around_commit: Callable[[Commit, T], None] = commit_at_once,
        *,
        maintenance: bool = False,
    ) -> T:
        """Do some work in a transaction, and commit it; what it returns.

        Where another transaction gets in the way, all of it is rolled back and done again: `work` must change nothing
        else. What it raises rolls everything back. `around_commit` calls the commit that it is given, once. Raises
        `Busy` (51) where the database cannot be reached or is too slow, then nothing was changed; `NoSpace` (52) where
        it is full; and `Internal` (50) where it is not known whether the transaction was committed.
        """
        with self._operation(maintenance) as deadline:
            for attempt in range(1, TRIES + 1):
                with contextlib.suppress(*_IN_THE_WAY), self._cursor() as cursor:
                    return self._attempt(cursor, work, around_commit, deadline)
                self._pause(
                    min(random.uniform(0, min(PAUSE_SECONDS * attempt, LONGEST_PAUSE_SECONDS)), deadline.left())
                )
                if not deadline.left():
                    break
        raise Busy("too many others are changing the same: try again later; nothing was changed")

    def _operation(self, maintenance: bool) -> ContextManager[OperationDeadline]:
        """Maintenance has no deadline but for each wait; everything else has that of the operation it is part of."""
        return _apart(Patience(self._timeouts.maintenance)) if maintenance else operation(self._timeouts.operation)

    def _attempt(
        self,
        cursor: Cursor,
        work: Callable[[Transaction], T],
        around_commit: Callable[[Commit, T], None],
        deadline: OperationDeadline,
    ) -> T:
        transaction = self._begin(cursor, deadline)
        try:
            result = work(transaction)
        except BaseException:
            _roll_back(cursor)
            raise
        committed = False

        def commit() -> None:
            nonlocal committed
            self._commit(cursor, transaction, deadline)
            committed = True

        try:
            around_commit(commit, result)
        finally:
            if not committed:
                _roll_back(cursor)
        return result

    def _begin(self, cursor: Cursor, deadline: OperationDeadline) -> Transaction:
        seconds = max(deadline.left() - _SOONER_SECONDS, 1 / MS)
        # in one go: the simple protocol allows several statements
        settings = f"SET LOCAL statement_timeout = {int(seconds * MS)}"
        cursor.execute(f"BEGIN; {settings}; SELECT pg_current_xact_id()::text".encode())
        while cursor.nextset():
            pass
        (xid,) = cursor.fetchone() or ("",)
        connection = cursor.connection
        assert isinstance(connection, BoundedConnection)
        return Transaction(cursor, connection.key, xid)

    def _commit(self, cursor: Cursor, transaction: Transaction, deadline: OperationDeadline) -> None:
        if not deadline.left():  # as long as it was not asked to commit, it is known that nothing was changed
            raise Busy("the server's database is too slow at the moment: try again later; nothing was changed")
        try:
            cursor.execute(commits.committing(transaction.key))
        except errors.InFailedSqlTransaction as error:
            raise TransactionConflict from error
        except _ENDED:
            if not self._was_committed(transaction, deadline):
                raise  # else only the answer was lost

    def _was_committed(self, transaction: Transaction, deadline: OperationDeadline) -> bool:
        """Whether a transaction whose commit was not answered was made. Raises `Internal` (50) where that is not known.

        As long as the database still works on it, or a synchronous replica may lack it, it is asked again, on a
        connection beside the pool's: those may all be waiting here.
        """
        answered = False
        seconds = min(deadline.left(), self._timeouts.operation) + self._timeouts.outcome
        with _apart(OperationDeadline(seconds)) as end:
            while end.left():
                answered = False
                with (
                    contextlib.suppress(psycopg.Error),
                    contextlib.closing(BoundedConnection.connect(self._conninfo, **_LOOKING)) as connection,
                ):
                    found = commits.was_committed(connection, transaction.key, transaction.xid)
                    answered = True
                    if found:
                        commits.confirm(connection, transaction.key)
                    if found is not None:
                        return found
                self._pause(min(PAUSE_SECONDS, end.left()))
        if not answered:
            self._breaker.failed()
        raise Internal("the server's database did not say whether the change was made: check that before you try again")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction that is committed at the end of the block, and rolled back where that raises.

        It is not tried again: for what nothing else gets in the way of. Raises what `transact` does.
        """
        with self._operation(maintenance=False) as deadline, self._cursor() as cursor:
            transaction = self._begin(cursor, deadline)
            try:
                yield transaction
            except BaseException:
                _roll_back(cursor)
                raise
            self._commit(cursor, transaction, deadline)

    def transact_read_only(self, work: Callable[[Transaction], T]) -> T:
        """The result of some work in a transaction that is rolled back. Raises `Busy` (51)."""
        with self._operation(maintenance=False) as deadline, self._cursor() as cursor:
            try:
                return work(self._begin(cursor, deadline))
            finally:
                _roll_back(cursor)

    @contextlib.contextmanager
    def connection(self, *, maintenance: bool = False) -> Iterator[psycopg.Connection[TupleRow]]:
        """A free connection on which each statement is a transaction of its own. Raises `Busy` (51)."""
        with self._operation(maintenance), self._cursor() as cursor:
            yield cursor.connection

    def connect(self, statement: str) -> psycopg.Connection[TupleRow]:
        """One more connection, which begins with a statement and which the caller closes. Raises `Busy` (51).

        That its other side is gone is noticed soon.
        """
        with self._operation(maintenance=False), contextlib.ExitStack() as opened:
            try:
                connection = BoundedConnection.connect(self._conninfo, **_LASTING)
                opened.callback(connection.close)
                connection.execute(statement)
                opened.pop_all()
                return connection
            except psycopg.Error as error:
                refusal = refusal_of(error)
                if refusal is None:
                    raise
                raise refusal from error

    def usage(self) -> ConnectionsUsage:
        """The connections that are open, and how often threads waited for one. Does not block."""
        found = self._pool.get_stats()
        return ConnectionsUsage(
            most=self._pool.max_size,
            open=found.get("pool_size", 0),
            idle=found.get("pool_available", 0),
            waiting=found.get("requests_waiting", 0),
            waits=found.get("requests_queued", 0),
            wait_seconds=found.get("requests_wait_ms", 0) / MS,
            failures=found.get("requests_errors", 0),
        )

    def close(self) -> None:
        """Close every connection. May be called twice."""
        self._pool.close()
        self._failures.close()

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Cursor]:
        """A cursor of a free connection. Faults of the database are raised as refusals."""
        self._pool.open()  # at its first use: threads that are started before a fork are not there after it
        with self._operation(maintenance=False) as deadline:
            try:
                connection = self._connect(deadline)
                try:
                    with connection, connection.cursor() as cursor:
                        yield cursor
                finally:
                    self._pool.putconn(connection)
            except _IN_THE_WAY:
                raise
            except psycopg.Error as error:
                if not deadline.left():
                    self._breaker.doubt()
                refusal = refusal_of(error)
                if refusal is None:
                    raise
                raise refusal from error

    def _check(self, connection: BoundedConnection) -> None:
        """Raise psycopg's errors for a free connection that has ended: a database that was restarted costs no request.

        One that the database has ended can be read from. So only that is asked about, and any while the database is in
        doubt: to ask each time would be a round trip more for each operation.
        """
        readable = select.poll()
        readable.register(connection.fileno(), select.POLLIN)
        if self._breaker.is_doubtful or readable.poll(0):
            ConnectionPool.check_connection(connection)

    def _connect(self, deadline: OperationDeadline) -> BoundedConnection:
        """A free connection. While the database was in doubt it has answered on it just now."""
        if self._breaker.is_open:
            raise PoolTimeout("the database has not answered")
        doubtful = self._breaker.is_doubtful
        limit = deadline.at_most(TRY_SECONDS if doubtful else self._timeouts.operation)
        with under(limit):
            try:
                connection = self._pool.getconn(limit.left())
            except PoolTimeout as error:
                self._breaker.failed()
                raise error from self._failures.last
        if doubtful:
            self._breaker.answered()
        return connection


@contextlib.contextmanager
def _apart(deadline: OperationDeadline) -> Iterator[OperationDeadline]:
    """A deadline of its own, whatever the block is part of."""
    with under(deadline):
        yield deadline


def _roll_back(cursor: Cursor) -> None:
    """End a transaction. Where that fails the connection is of no use any more, and the pool finds that out."""
    with contextlib.suppress(psycopg.Error):
        if not cursor.connection.closed:
            cursor.execute("ROLLBACK")
