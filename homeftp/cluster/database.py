"""Connections to the database of a cluster, and transactions that end in time and are tried again.

All of it blocks: it is called in the worker pool. What a transaction does is up to the caller; that none waits forever,
that two which get in each other's way are tried again, and that a commit whose answer was lost is looked up, is here.
"""

from __future__ import annotations

import contextlib
import random
import time
from typing import Any, Callable, ClassVar, Iterator, Mapping, Protocol, Sequence, TypeVar

import msgspec
import psycopg
from psycopg import errors
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from homeftp.cluster import commits
from homeftp.errors import Busy, Internal, NoSpace, OperatorError
from homeftp.interfaces.usage import ConnectionsUsage

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

_MS = 1000

_OTHER_PLANS = ("enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "enable_seqscan", "jit")
"""The plans that no statement uses: each finds its rows by an index, in that order. PostgreSQL chooses by what it knows
of a table, which is wrong for one that has just grown: then each page of a listing would be sorted anew, and a
batch of files read the whole table."""

_LOOK_SECONDS = 0.1
"""Between two looks whether the time is over, while nothing arrives."""


class DatabaseTimeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long the database may take, in seconds: whatever it does, a request is answered within about 10 s."""

    connect: float = 4.0
    """For a connection to be made, to each of its hosts."""
    pool: float = 5.0
    """For a connection to become free."""
    statement: float = 7.0
    """For one statement, before the database gives it up."""
    lock: float = 5.0
    """For a row or a share that somebody else is changing."""
    answer: float = 8.0
    """For an answer to arrive, before this side gives it up: a database that was stopped says nothing."""
    idle: float = 30.0
    """For the next statement of a transaction. A server that was stopped in one loses it after that."""
    maintenance: float = 300.0
    """For one statement of maintenance, on which no request depends."""


class TransactionConflict(Exception):
    """Another transaction has changed what this one relies on: it is rolled back and tried again."""


_IN_THE_WAY = (TransactionConflict, errors.UniqueViolation, errors.DeadlockDetected, errors.SerializationFailure)


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
        return self._cursor.execute(query, parameters).fetchall()

    def row(self, query: Query, parameters: Sequence[object] | Mapping[str, object] = ()) -> Any:
        """Run a statement that gives one row at most; None where it gives none."""
        return self._cursor.execute(query, parameters).fetchone()


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
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`connections`: how many may be open at once. Connects when it is first used; raises `OperatorError`.

        `pause` waits for so many seconds.
        """
        self._timeouts = timeouts = timeouts or DatabaseTimeouts()
        self._pause = pause
        self._conninfo = _conninfo(url, timeouts)
        self._connections = _connection_class(timeouts.answer)
        self._pool = ConnectionPool(
            self._conninfo,
            connection_class=self._connections,
            kwargs={"autocommit": True},
            min_size=0,
            max_size=connections,
            timeout=timeouts.pool,
            reconnect_timeout=timeouts.pool,
            check=ConnectionPool.check_connection,  # a database that was restarted costs no request
            open=False,
            name="database",
        )

    def rows(self, query: Query, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[Any]:
        """Run one statement by itself, and give all of its rows. Raises `Busy` (51)."""
        with self._cursor() as cursor:
            return cursor.execute(query, parameters).fetchall()

    def row(self, query: Query, parameters: Sequence[object] | Mapping[str, object] = ()) -> Any:
        """Run one statement that gives one row at most by itself; None where it gives none. Raises `Busy` (51)."""
        with self._cursor() as cursor:
            return cursor.execute(query, parameters).fetchone()

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
        for attempt in range(1, TRIES + 1):
            with contextlib.suppress(*_IN_THE_WAY), self._cursor() as cursor:
                return self._attempt(cursor, work, around_commit, maintenance)
            self._pause(random.uniform(0, min(PAUSE_SECONDS * attempt, LONGEST_PAUSE_SECONDS)))
        raise Busy("too many others are changing the same: try again later; nothing was changed")

    def _attempt(
        self,
        cursor: Cursor,
        work: Callable[[Transaction], T],
        around_commit: Callable[[Commit, T], None],
        maintenance: bool,
    ) -> T:
        transaction = self._begin(cursor, maintenance)
        try:
            result = work(transaction)
        except BaseException:
            _roll_back(cursor)
            raise
        committed = False

        def commit() -> None:
            nonlocal committed
            self._commit(cursor, transaction)
            committed = True

        try:
            around_commit(commit, result)
        finally:
            if not committed:
                _roll_back(cursor)
        return result

    def _begin(self, cursor: Cursor, maintenance: bool) -> Transaction:
        more = ""
        if maintenance:
            more = f"SET LOCAL statement_timeout = {int(self._timeouts.maintenance * _MS)};"
        # in one go: the simple protocol allows several statements
        cursor.execute(f"BEGIN; {more} SELECT pg_current_xact_id()::text".encode())
        while cursor.nextset():
            pass
        (xid,) = cursor.fetchone() or ("",)
        connection = cursor.connection
        assert isinstance(connection, _BoundedConnection)
        return Transaction(cursor, connection.key, xid)

    def _commit(self, cursor: Cursor, transaction: Transaction) -> None:
        try:
            cursor.execute(commits.committing(transaction.key))
        except errors.InFailedSqlTransaction as error:
            raise TransactionConflict from error
        except psycopg.OperationalError:
            if not self._was_committed(transaction):
                raise  # else only the answer was lost

    def _was_committed(self, transaction: Transaction) -> bool:
        """Whether a transaction whose commit was not answered was made. Raises `Internal` (50) where that is not known.

        As long as the database still works on it, it is asked again, on a connection beside the pool's: those may all
        be waiting here.
        """
        deadline = time.monotonic() + self._timeouts.answer
        while time.monotonic() < deadline:
            with (
                contextlib.suppress(psycopg.Error),
                contextlib.closing(self._connections.connect(self._conninfo, autocommit=True)) as connection,
            ):
                found = commits.was_committed(connection, transaction.key, transaction.xid)
                if found is not None:
                    return found
            self._pause(PAUSE_SECONDS)
        raise Internal(
            "the server's database did not say whether the change was made: look whether it was, before you try again"
        )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction that is committed at the end of the block, and rolled back where that raises.

        It is not tried again: for what nothing else gets in the way of. Raises what `transact` does.
        """
        with self._cursor() as cursor:
            transaction = self._begin(cursor, maintenance=False)
            try:
                yield transaction
            except BaseException:
                _roll_back(cursor)
                raise
            self._commit(cursor, transaction)

    def look(self, work: Callable[[Transaction], T]) -> T:
        """The result of some work in a transaction that is rolled back. Raises `Busy` (51)."""
        with self._cursor() as cursor:
            try:
                return work(self._begin(cursor, maintenance=False))
            finally:
                _roll_back(cursor)

    @contextlib.contextmanager
    def connection(self) -> Iterator[psycopg.Connection[TupleRow]]:
        """A free connection on which each statement is a transaction of its own. Raises `Busy` (51)."""
        with self._cursor() as cursor:
            yield cursor.connection

    def usage(self) -> ConnectionsUsage:
        """The connections that are open, and how often threads waited for one. Does not block."""
        found = self._pool.get_stats()
        return ConnectionsUsage(
            most=self._pool.max_size,
            open=found.get("pool_size", 0),
            idle=found.get("pool_available", 0),
            waiting=found.get("requests_waiting", 0),
            waits=found.get("requests_queued", 0),
            wait_seconds=found.get("requests_wait_ms", 0) / _MS,
            failures=found.get("requests_errors", 0),
        )

    def close(self) -> None:
        """Close every connection. May be called twice."""
        self._pool.close()

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Cursor]:
        """A cursor of a free connection. Faults of the database are raised as refusals."""
        self._pool.open()  # at its first use: threads that are started before a fork are not there after it
        try:
            with self._pool.connection() as connection, connection.cursor() as cursor:
                yield cursor
        except _IN_THE_WAY:
            raise
        except (errors.DiskFull, errors.OutOfMemory) as error:
            raise NoSpace("the server's database is full: ask the server's owner") from error
        except (psycopg.OperationalError, PoolTimeout, errors.ReadOnlySqlTransaction) as error:
            raise Busy("the server's database does not answer at the moment: try again later") from error


def unreachable() -> OperatorError:
    """The error for the owner where the database does not answer."""
    return OperatorError("The database cannot be reached. Check its address, its credentials, and that it runs.")


def _roll_back(cursor: Cursor) -> None:
    """End a transaction. Where that fails the connection is of no use any more, and the pool finds that out."""
    with contextlib.suppress(psycopg.Error):
        if not cursor.connection.closed:
            cursor.execute("ROLLBACK")


class _BoundedConnection(psycopg.Connection[TupleRow]):
    """A connection that is given up where the database does not answer in time."""

    seconds: ClassVar[float]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.key = commits.new_key()
        """By which the database knows what was committed on it."""

    def wait(self, gen: PQGen[T], interval: float = _LOOK_SECONDS, timeout: float | None = None) -> T:
        """Wait for an answer; raises OperationalError."""
        try:
            return super().wait(gen, interval, self.seconds if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


def _connection_class(answer_seconds: float) -> type[_BoundedConnection]:
    class ConnectionOfDatabase(_BoundedConnection):
        """A connection of one database."""

        seconds = answer_seconds

    return ConnectionOfDatabase


def _conninfo(url: str, timeouts: DatabaseTimeouts) -> str:
    """The URL as the library wants it, with the time-outs. Raises `OperatorError`, which does not show a password."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error as error:
        raise OperatorError("The URL of the database cannot be read: write postgresql://USER@HOST/DATABASE") from error
    if given.get("password") or given.get("sslpassword"):
        raise OperatorError(
            "The URL of the database holds a password, which other users of this machine could see: write it without, "
            "and put the password into a file that PGPASSFILE names, or into PGPASSWORD"
        )
    settings = {
        "statement_timeout": timeouts.statement,
        "lock_timeout": timeouts.lock,
        "idle_in_transaction_session_timeout": timeouts.idle,
    }
    options = [f"-c {name}={int(seconds * _MS)}" for name, seconds in settings.items()]
    options += [f"-c {name}=off" for name in _OTHER_PLANS]
    defaults = {
        "connect_timeout": str(max(2, int(timeouts.connect))),
        "tcp_user_timeout": str(int(timeouts.answer * _MS)),
        "application_name": "homeftp",
        "target_session_attrs": "read-write",
    }
    options.insert(0, str(given.get("options") or ""))
    return make_conninfo("", **{**defaults, **given, "options": " ".join(options).strip()})
