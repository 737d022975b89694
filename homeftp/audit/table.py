"""The audit log in the PostgreSQL database of a cluster: the lines of all of its servers, in one order."""

from __future__ import annotations

import contextlib
import errno
from typing import Callable, Iterator, Sequence, TypeVar

import psycopg

from homeftp.cluster.connections import TIMELINE
from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.migrations import KeptTable, SchemaPart, expect_current
from homeftp.cluster.shared import process_id

T = TypeVar("T")

_STEP = """
CREATE TABLE audit (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    server text NOT NULL,
    line text NOT NULL
);
CREATE INDEX audit_xid ON audit (xid);
"""

AUDIT = SchemaPart(
    "audit", (_STEP,), kept=(KeptTable("audit", sealed=True, without=("xid",)),), sequences=("audit_seq_seq",)
)
"""The lines, in the order of `seq`; `xid` is the transaction that wrote each, and `server` the process."""

_PAGE = 2048
"""Lines in one step of a search, or of reading."""

SEARCHED = 100_000
"""Lines at the end of the log that are searched."""

_LINE_BYTES = 128
"""The bytes of each line besides its text: its other columns, and its entries in two indexes."""

_REMOVED_PART = 4
"""The oldest lines are removed when the table is full: one in so many."""


class AuditTable:
    """The log in a database, as `AuditSink` describes it; the oldest lines go where it takes more than `size` bytes.

    Raises `Busy` (51) where the database does not answer, and `NoSpace` (52) where it is full.
    """

    def __init__(self, database: Database, *, size: int | None = None) -> None:
        self._database = database
        self._size = size

    def open(self) -> None:
        """Make sure that the table is there. Raises `OperatorError` where it is not."""
        expect_current(self._database, (AUDIT,))

    def close(self) -> None:
        """Nothing: the connections are the database's."""

    def append(self, lines: Sequence[bytes]) -> None:
        """Keep lines, all or none of them. Raises OSError."""
        with _faults():
            self._database.transact(lambda transaction: insert_lines(transaction, lines))

    def maintain(self) -> None:
        """Remove the oldest lines, if there are too many. Raises OSError."""
        if self._size is None:
            return
        with _faults():
            while self._database.transact(self._shorten, maintenance=True):
                continue

    def _shorten(self, transaction: Transaction) -> int:
        """Remove a part of the lines, if they take up too much; how many went.

        What is removed leaves space in the table's file, which stays as large as it was.
        """
        count, taken = transaction.row(
            "SELECT count(*), coalesce(sum(octet_length(line) + %s), 0)::bigint FROM audit", (_LINE_BYTES,)
        )
        if taken <= (self._size or 0):
            return 0
        last = transaction.row("SELECT seq FROM audit ORDER BY seq LIMIT 1 OFFSET %s", (count // _REMOVED_PART,))
        return 0 if last is None else transaction.execute("DELETE FROM audit WHERE seq < %s", last)

    def search(self, text: bytes) -> Iterator[Sequence[bytes]]:
        """The newest lines that have a text, the newest first, in steps. Raises OSError."""
        before: int | None = None
        for _ in range(SEARCHED // _PAGE):
            where = "" if before is None else "WHERE seq < %s"
            page = f"SELECT seq, line FROM audit {where} ORDER BY seq DESC LIMIT {_PAGE}"
            with _faults():
                found = self._database.rows(
                    f"SELECT seq, CASE WHEN strpos(line, %s) > 0 THEN line END FROM ({page}) AS page ORDER BY seq DESC",
                    (text.decode("ascii"), *(() if before is None else (before,))),
                )
            yield [line.encode("ascii") for _, line in found if line is not None]
            if len(found) < _PAGE:
                return
            before = found[-1][0]


def insert_lines(transaction: Transaction, lines: Sequence[bytes]) -> None:
    """Keep lines within a transaction, which has locked by then all that they tell of: so their order is true."""
    texts = [line.decode("ascii").removesuffix("\n") for line in lines]
    transaction.execute(
        "INSERT INTO audit (server, line) SELECT %s, line FROM unnest(%b::text[]) WITH ORDINALITY AS t(line, n)"
        " ORDER BY n",
        (process_id(), texts),
    )


def journal_of(lines: Callable[[T], Sequence[bytes]]) -> Callable[[Transaction, T], None]:
    """Records changes in the transaction that makes them; `lines` are those of some changes (`Audit.lines`)."""
    return lambda transaction, changes: insert_lines(transaction, lines(changes))


class AuditTableReader:
    """Reads the log in a database: all of it at first, and after that what is new.

    With `others` it reads only what other processes write.
    """

    def __init__(self, database: Database, *, others: bool = False) -> None:
        self._database = database
        self._not_of = process_id() if others else ""
        self._read_before: str | None = None
        """The oldest transaction that was under way at the last look: those before it have been read."""
        self._timeline: int | None = None
        """The timeline on which the database wrote at the last look. Numbers of transactions on another one say
        nothing about those on this one."""
        self.is_behind = False
        """Whether the last look left lines for another one."""
        self.is_replaced = False
        """Whether a replica took over since the first look: lines from before that was noticed may be missed."""

    def skip(self) -> None:
        """Take what there is for read. Raises OSError."""
        self._read_before = self._snapshot()[0]

    def _snapshot(self) -> tuple[str, str]:
        """The oldest transaction that is under way, and the next one that begins."""
        with _faults():
            oldest, following, behind, timeline = self._database.row(
                "SELECT pg_snapshot_xmin(s)::text, pg_snapshot_xmax(s)::text, EXISTS (SELECT FROM audit WHERE"
                " xid >= pg_snapshot_xmin(s) AND xid < pg_snapshot_xmax(s) AND server <> %s),"
                f" CASE WHEN NOT pg_is_in_recovery() THEN {TIMELINE} END"
                " FROM pg_current_snapshot() AS s",
                (self._not_of,),
            )
        self.is_behind = behind
        if self._timeline not in (None, timeline):
            self.is_replaced = True
        self._timeline = timeline
        return oldest, following

    def lines(self) -> Iterator[bytes]:
        """The lines that were not read yet, the oldest first. Raises OSError.

        Lines of a transaction that is not over, and of those that began after it, are left for another look: numbers
        of lines alone do not tell that one is still to come. Lines that a restored database has from transactions of
        another one are read at the first look. Of what was written between the takeover by a replica and the next look,
        lines may be missed.
        """
        snapshot = self._snapshot()
        where = "(xid < %s::text::xid8 OR xid >= %s::text::xid8)"
        if self._read_before is not None:
            where = "xid < %s::text::xid8 AND xid < %s::text::xid8 AND xid >= %s::text::xid8"
        bounds = [*snapshot, *filter(None, [self._read_before])]
        last = 0
        while True:
            with _faults():
                select = f"SELECT seq, line FROM audit WHERE {where} AND server <> %s AND seq > %s"
                page = self._database.rows(f"{select} ORDER BY seq LIMIT {_PAGE}", (*bounds, self._not_of, last))
            for last, line in page:  # noqa: B007 (the last of the page is where the next one begins)
                yield line.encode("ascii")
            if len(page) < _PAGE:
                break
        self._read_before = snapshot[0]


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """Raise what PostgreSQL says as an OSError, without the lines."""
    try:
        yield
    except psycopg.Error as error:
        raise OSError(errno.EIO, error.diag.message_primary or type(error).__name__) from error
