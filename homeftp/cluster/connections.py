"""Connections to the database of a cluster, of which none waits for an answer after the deadline of its operation."""

from __future__ import annotations

import hashlib
import logging
from typing import Any, Callable, TypeVar

import msgspec
import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from homeftp.cluster import commits
from homeftp.errors import OperatorError
from homeftp.workers.deadline import OPERATION_SECONDS, current

T = TypeVar("T")

MS = 1000
"""Milliseconds of a second, in which PostgreSQL counts."""

_OTHER_PLANS = ("enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "enable_seqscan", "jit")
"""The plans that no statement uses: each finds its rows by an index, in that order. PostgreSQL chooses by what it knows
of a table, which is wrong for one that has just grown: then each page of a listing would be sorted anew, and a
batch of files read the whole table."""

TIMELINE = "('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint"
"""The timeline on which the database writes, which is another one after each promotion, and each recovery to a point in
time: that of the log that is being written, as the control file has it after the next checkpoint. A replica that has
not taken over raises an error."""

_TABLES = f"""
SELECT system_identifier, {TIMELINE}, own
FROM pg_control_system(), (SELECT to_regclass('identity')::oid::bigint AS own) AS tables
WHERE own IS NOT NULL AND NOT pg_is_in_recovery()
"""
"""Facts that tell the tables of a cluster from all others."""

_ID_LENGTH = 32
"""Characters of an id: 128 bits."""

_POOL_LOG = "psycopg.pool"
"""The library's name for the log of its pools."""

_LOOK_SECONDS = 0.1
"""Between two looks whether the time is over, while nothing arrives."""


class DatabaseTimeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long the database may take, in seconds: whatever it does, a request is answered within 10 s."""

    operation: float = OPERATION_SECONDS
    """For an operation that is no part of another one, with all that waits in it."""
    outcome: float = 2.0
    """For a look whether a transaction was committed, after the end of the operation that it was made in."""
    connect: float = 4.0
    """For a connection to be made, to each of its hosts."""
    lock: float = 5.0
    """For a row or a share that somebody else is changing."""
    idle: float = 30.0
    """For the next statement of a transaction. A server that was stopped in one loses it after that."""
    maintenance: float = 300.0
    """For one statement of maintenance, on which no request depends."""


class BoundedConnection(psycopg.Connection[TupleRow]):
    """A connection that is given up where the database does not answer in time."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.key = commits.new_key()
        """By which the database knows what was committed on it."""

    def wait(self, gen: PQGen[T], interval: float = _LOOK_SECONDS, timeout: float | None = None) -> T:
        """Wait for an answer; raises OperationalError."""
        deadline = current()
        left = OPERATION_SECONDS if deadline is None else deadline.left()
        if not left:
            self.pgconn.finish()
            raise psycopg.OperationalError("the time of the operation is over")
        try:
            return super().wait(gen, interval, left if timeout is None else min(timeout, left))
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


class ConnectionFailures(logging.Handler):
    """Remembers why a pool could not make its newest connection, which the pool only logs."""

    def __init__(self, pool: str) -> None:
        super().__init__()
        self._pool = pool
        self.last: BaseException | None = None
        logging.getLogger(_POOL_LOG).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Remember what is logged of the pool."""
        if isinstance(record.args, tuple) and record.args[:1] == (self._pool,):
            self.last = next((each for each in record.args if isinstance(each, psycopg.Error)), self.last)

    def forget(self, connection: psycopg.Connection[Any]) -> None:
        """Forget the failure, because a connection was made since."""
        self.last = None

    def close(self) -> None:
        """Stop listening to the pool."""
        logging.getLogger(_POOL_LOG).removeHandler(self)
        super().close()


class TablesWatch:
    """Knows which tables the connections to a database reach, and notices when these change. In any thread."""

    def __init__(self) -> None:
        self._id: str | None = None
        self._followers: tuple[Callable[[], None], ...] = ()

    @property
    def id(self) -> str | None:
        """The id of the tables, which changes when the database was restored from a backup, or a replica took over.

        None before the first connection.
        """
        return self._id

    def follow(self, follower: Callable[[], None]) -> None:
        """Call `follower` when a connection reaches other tables, before anything is read from them."""
        self._followers = (*self._followers, follower)

    def look(self, connection: psycopg.Connection[Any]) -> None:
        """Look at what a new connection reaches. Raises psycopg's errors."""
        found = connection.execute(_TABLES).fetchone()
        if found is None:  # the tables are not made yet, or this is a replica that has not taken over
            return
        id = hashlib.sha256(" ".join(map(str, found)).encode("ascii")).hexdigest()[:_ID_LENGTH]
        before, self._id = self._id, id
        if before not in (None, id):
            for follower in self._followers:
                follower()


def configuring(failures: ConnectionFailures, tables: TablesWatch | None) -> Callable[[BoundedConnection], None]:
    """Prepares each new connection of a pool, before anybody uses it."""

    def configure(connection: BoundedConnection) -> None:
        failures.forget(connection)
        if tables is not None:
            tables.look(connection)

    return configure


def session_settings(timeouts: DatabaseTimeouts) -> dict[str, str]:
    """The settings that each connection has, as PostgreSQL shows them; by their names."""
    seconds = {
        "statement_timeout": timeouts.operation,
        "lock_timeout": timeouts.lock,
        "idle_in_transaction_session_timeout": timeouts.idle,
    }
    return {name: str(int(each * MS)) for name, each in seconds.items()} | dict.fromkeys(_OTHER_PLANS, "off")


def connection_info(url: str, timeouts: DatabaseTimeouts) -> str:
    """The URL as the library wants it, with the time-outs. Raises `OperatorError`, which does not show a password."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error as error:
        raise OperatorError("the URL of the database cannot be read: write postgresql://USER@HOST/DATABASE") from error
    if given.get("password") or given.get("sslpassword"):
        raise OperatorError(
            "the URL of the database holds a password, which other users of this machine could see: write it without, "
            "and put the password into a file that PGPASSFILE names, or into PGPASSWORD"
        )
    options = [f"-c {name}={value}" for name, value in session_settings(timeouts).items()]
    defaults = {
        "connect_timeout": str(max(2, int(timeouts.connect))),
        "tcp_user_timeout": str(int(timeouts.operation * MS)),
        "application_name": "homeftp",
        "target_session_attrs": "read-write",
    }
    options.insert(0, str(given.get("options") or ""))
    return make_conninfo("", **{**defaults, **given, "options": " ".join(options).strip()})
