"""Accounts, devices and invitations in the PostgreSQL database of a cluster, for all of its servers.

Statements are those of SQLite, with another mark for values. What changes the
tables runs alone, as in SQLite: all of it takes one lock. No error of
PostgreSQL leaves this module.
"""

from __future__ import annotations

import contextlib
import functools
import time
from threading import Lock
from typing import Any, Callable, Iterator, Sequence

import psycopg

from homeftp.accounts.state.interface import Rows, Statements
from homeftp.cluster.database import Database
from homeftp.cluster.migrations import KeptTable, SchemaPart, expect_current, states
from homeftp.errors import Busy, OperatorError, Refusal
from homeftp.workers.deadline import operation

FRESH_SECONDS = 1.0
"""How old what `version` gives may be. A revoked login works for so long on the servers that others revoke it on."""

_LOCK = 0x6163636F756E7473  # "accounts"
"""The advisory lock of those who change the tables."""

_STATEMENTS = 256
"""Statements that are remembered in their other form: more than there are."""

_NEW_STAMP = "replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')"
"""An expression for 244 random bits, twice as many as SQLite's."""

_STEP = f"""
CREATE TABLE accounts (
    name text COLLATE "C" PRIMARY KEY,
    password text,
    home text NOT NULL,
    rights text NOT NULL,
    quota bigint,
    stamp text NOT NULL DEFAULT '',
    account_id text NOT NULL DEFAULT '',
    links integer NOT NULL DEFAULT 0
);
CREATE TABLE removed_accounts (name text COLLATE "C" PRIMARY KEY);
CREATE TABLE grants (
    account text COLLATE "C" NOT NULL,
    path text COLLATE "C" NOT NULL,
    rights text NOT NULL,
    PRIMARY KEY (account, path)
);
CREATE TABLE folders (LIKE grants INCLUDING ALL);
CREATE TABLE devices (
    id text COLLATE "C" PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    account text COLLATE "C" NOT NULL,
    paired double precision NOT NULL,
    machine text,
    seen double precision,
    address text,
    client text,
    expires double precision,
    kind text NOT NULL DEFAULT '',
    credential text COLLATE "C",
    rights text NOT NULL DEFAULT 'none',
    home text NOT NULL DEFAULT '',
    stamp text NOT NULL DEFAULT '',
    front_end text
);
CREATE UNIQUE INDEX device_credentials ON devices (credential, account);
CREATE TABLE links (device text COLLATE "C" PRIMARY KEY, creator text COLLATE "C", uses_left bigint, password text);
CREATE TABLE invitations (
    number integer PRIMARY KEY,
    words text NOT NULL,
    account text COLLATE "C" NOT NULL,
    ends double precision NOT NULL,
    misses integer NOT NULL DEFAULT 0,
    device text COLLATE "C",
    secret text COLLATE "C"
);
CREATE TABLE tries (count bigint NOT NULL);
INSERT INTO tries VALUES (0);
CREATE TABLE accounts_version (count bigint NOT NULL);
INSERT INTO accounts_version VALUES (0);

-- Every change of an account, or of what restricts it, gives it a new stamp, which never repeats.
CREATE FUNCTION account_stamped() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.stamp := {_NEW_STAMP};
    IF TG_OP = 'INSERT' THEN
        NEW.account_id := {_NEW_STAMP};
        DELETE FROM removed_accounts WHERE name = NEW.name;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER account_stamped BEFORE INSERT OR UPDATE OF name, password, home, rights, quota, account_id ON accounts
    FOR EACH ROW EXECUTE FUNCTION account_stamped();
CREATE FUNCTION account_removed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO removed_accounts VALUES (OLD.name) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER account_removed AFTER DELETE ON accounts FOR EACH ROW EXECUTE FUNCTION account_removed();
CREATE FUNCTION account_restricted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP <> 'INSERT' THEN UPDATE accounts SET stamp = {_NEW_STAMP} WHERE name = OLD.account; END IF;
    IF TG_OP <> 'DELETE' THEN UPDATE accounts SET stamp = {_NEW_STAMP} WHERE name = NEW.account; END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER grant_changed AFTER INSERT OR UPDATE OR DELETE ON grants
    FOR EACH ROW EXECUTE FUNCTION account_restricted();
CREATE TRIGGER folder_changed AFTER INSERT OR UPDATE OR DELETE ON folders
    FOR EACH ROW EXECUTE FUNCTION account_restricted();

-- Every change of what a device proves or may do gives it a new stamp; what depends on it goes with it.
CREATE FUNCTION device_stamped() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.stamp := {_NEW_STAMP};
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM devices WHERE id IN (SELECT device FROM links WHERE creator IN (OLD.id, NEW.id));
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER device_stamped BEFORE INSERT OR UPDATE OF id, account, kind, credential, rights, home ON devices
    FOR EACH ROW EXECUTE FUNCTION device_stamped();
CREATE FUNCTION device_removed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM devices WHERE id IN (SELECT device FROM links WHERE creator = OLD.id);
    DELETE FROM links WHERE OLD.id IN (device, creator);
    RETURN NULL;
END $$;
CREATE TRIGGER device_removed AFTER DELETE ON devices FOR EACH ROW EXECUTE FUNCTION device_removed();
CREATE FUNCTION links_forbidden() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.links IS DISTINCT FROM 1 OR OLD.home IS DISTINCT FROM NEW.home THEN
        DELETE FROM devices WHERE account = NEW.name AND kind = 'share link';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER links_forbidden AFTER UPDATE OF links, home ON accounts
    FOR EACH ROW EXECUTE FUNCTION links_forbidden();

-- The version changes with all that a login depends on, and not with when a device was seen.
CREATE FUNCTION accounts_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE accounts_version SET count = count + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER version_accounts AFTER INSERT OR UPDATE OR DELETE ON accounts
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_changed();
CREATE TRIGGER version_removed AFTER INSERT OR UPDATE OR DELETE ON removed_accounts
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_changed();
CREATE TRIGGER version_devices AFTER INSERT OR DELETE ON devices
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_changed();
CREATE TRIGGER version_device AFTER UPDATE ON devices FOR EACH ROW WHEN (
    (OLD.name, OLD.paired, OLD.expires, OLD.stamp) IS DISTINCT FROM (NEW.name, NEW.paired, NEW.expires, NEW.stamp)
) EXECUTE FUNCTION accounts_changed();
CREATE TRIGGER version_grants AFTER INSERT OR UPDATE OR DELETE ON grants
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_changed();
CREATE TRIGGER version_folders AFTER INSERT OR UPDATE OR DELETE ON folders
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_changed();
CREATE TRIGGER version_links AFTER INSERT OR UPDATE OR DELETE ON links
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_changed();
"""

_KEPT = ("accounts", "removed_accounts", "grants", "folders", "devices", "links")

ACCOUNTS = SchemaPart(
    "accounts",
    (_STEP,),
    kept=tuple(KeptTable(name, sealed=True) for name in _KEPT),
    left=("invitations", "tries", "accounts_version"),
)
"""The tables in this module's care, and all that changes by itself when they change."""


class PostgresState:
    """The accounts of a cluster, as `StateEngine` describes it.

    Raises `Busy` (51) and `NoSpace` (52), too, where the database does not answer or is full at the moment.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._is_open = False
        self._asking = Lock()
        self._answer: int | Exception | None = None
        self._asked = 0.0

    def exists(self) -> bool:
        """Whether the tables were created."""
        (state,) = states(self._database, (ACCOUNTS,))
        return state.made > 0

    def open(self) -> None:
        """Make sure that the tables are there. Raises `OperatorError` where they are not, or are too old."""
        expect_current(self._database, (ACCOUNTS,))
        self._is_open = True

    def close(self) -> None:
        """Forget the version. The connections are the database's."""
        with self._asking:
            self._answer = None

    def version(self) -> int:
        """A value that changes with every change that a login depends on; at most `FRESH_SECONDS` old.

        Within a transaction of this engine it is exact, in every thread. One of all threads asks the database, and if
        that does not answer, all raise `Busy` (51): nothing is known to be valid.
        """
        with self._one_asks():
            if self._answer is None or not 0 <= self._clock() - self._asked < FRESH_SECONDS:
                asked = self._clock()
                try:
                    with self.connection() as connection:
                        self._answer, self._asked = _count(connection), asked
                except (Refusal, OperatorError) as error:
                    self._answer, self._asked = error, self._clock()
            if isinstance(self._answer, Exception):
                raise self._answer
            return self._answer

    @contextlib.contextmanager
    def connection(self) -> Iterator[Statements]:
        """A connection on which every statement is a transaction of its own."""
        self._ensure_open()
        with _faults(), self._database.connection() as connection:
            yield _Statements(connection)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Statements]:
        """A connection whose statements all see the database as it is when the first of them runs."""
        self._ensure_open()
        with _faults(), self._database.connection() as connection:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield _Statements(connection)
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Statements]:
        """A connection whose statements are one transaction, which no other one runs beside."""
        self._ensure_open()
        with _faults():
            try:
                with self._database.transaction() as transaction:
                    transaction.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                    statements = _Statements(transaction.connection)
                    with self._one_asks():
                        self._answer, self._asked = _count(statements), self._clock()
                    yield statements
            finally:
                self.close()

    def check(self) -> None:
        """Raise `OperatorError` where a table is missing: PostgreSQL itself keeps the types."""
        expect_current(self._database, (ACCOUNTS,))

    @contextlib.contextmanager
    def _one_asks(self) -> Iterator[None]:
        with operation() as deadline:
            if not self._asking.acquire(timeout=deadline.left()):
                raise Busy("the server's database does not answer at the moment: try again later")
            try:
                yield
            finally:
                self._asking.release()

    def _ensure_open(self) -> None:
        if not self._is_open:
            self.open()


class _Statements:
    """A connection that takes `?` for values."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows:
        """Carry out one statement."""
        return self._connection.execute(_marked(statement), values)

    def executemany(self, statement: str, values: Sequence[Sequence[Any]], /) -> None:
        """Carry out one statement for each of `values`."""
        with self._connection.cursor() as cursor:
            cursor.executemany(_marked(statement), values)


@functools.lru_cache(maxsize=_STATEMENTS)
def _marked(statement: str) -> bytes:
    """A statement with psycopg's mark for a value."""
    assert "%" not in statement
    return statement.replace("?", "%s").encode("ascii")


def _count(statements: Statements) -> int:
    (count,) = statements.execute("SELECT count FROM accounts_version").fetchone()
    return int(count)


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """Raise what PostgreSQL says as an `OperatorError`."""
    try:
        yield
    except psycopg.Error as error:
        reason = error.diag.message_primary or type(error).__name__  # without the values, which may be secret
        raise OperatorError(f"cannot use the accounts in the cluster's database: {reason}") from error
