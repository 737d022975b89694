"""The audit log in the PostgreSQL database of a cluster: the lines of all of its servers, in one order."""

from __future__ import annotations

import contextlib
import errno
from typing import Any, Iterator, Sequence

import psycopg

from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.migrations import SchemaPart, expect_current

_STEP = """
CREATE TABLE audit (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    seq bigint GENERATED ALWAYS AS IDENTITY,
    line text NOT NULL,
    PRIMARY KEY (xid, seq)
);
"""

AUDIT = SchemaPart("audit", (_STEP,))
"""The table of lines. Their order is that of the transactions that wrote them, and within each that of the lines."""

_PAGE = 2048
"""Lines in one step of a search, or of reading."""

SEARCHED = 100_000
"""Lines at the end of the log that are searched."""

_CHECKED_AFTER = 1024
"""Lines after which one server looks whether the log is too large."""

_REMOVED_PART = 4
"""Of the lines, the oldest of so many parts are removed when it is."""

Place = tuple[str, int]
"""Where a line is: the number of its transaction, and its own."""

_START: Place = ("0", 0)


class AuditTable:
    """The log in a database, as `AuditSink` describes it; the oldest lines go where it takes more than `size` bytes.

    Raises `Busy` (51) where the database does not answer, and `NoSpace` (52) where it is full.
    """

    def __init__(self, database: Database, *, size: int | None = None) -> None:
        self._database = database
        self._size = size
        self._appended = 0

    def open(self) -> None:
        """Make sure that the table is there. Raises `OperatorError` where it is not."""
        expect_current(self._database, (AUDIT,))

    def close(self) -> None:
        """Nothing: the connections are the database's."""

    def append(self, lines: Sequence[bytes]) -> None:
        """Keep lines, all or none of them. Raises OSError."""
        texts = [line.decode("ascii").removesuffix("\n") for line in lines]
        insert = "INSERT INTO audit (line) SELECT line FROM unnest(%s::text[]) WITH ORDINALITY AS t(line, n) ORDER BY n"

        def work(transaction: Transaction) -> None:
            transaction.execute(insert, (texts,))

        with _faults():
            self._database.transact(work)
            self._appended += len(texts)
            if self._size is not None and self._appended >= _CHECKED_AFTER:
                self._appended = 0
                self._shorten(self._size)

    def _shorten(self, size: int) -> None:
        """Remove the oldest lines, if there are too many."""
        (taken,) = self._database.row("SELECT pg_total_relation_size('audit')")
        if taken <= size:
            return

        def work(transaction: Transaction) -> None:
            (count,) = transaction.row("SELECT count(*) FROM audit")
            last = transaction.row(
                "SELECT xid, seq FROM audit ORDER BY xid, seq LIMIT 1 OFFSET %s", (count // _REMOVED_PART,)
            )
            if last is not None:
                transaction.execute("DELETE FROM audit WHERE (xid, seq) < (%s::text::xid8, %s)", last)

        self._database.transact(work, maintenance=True)

    def search(self, text: bytes) -> Iterator[Sequence[bytes]]:
        """The newest lines that have a text, the newest first, in steps. Raises OSError."""
        before: tuple[Any, ...] | None = None
        for _ in range(SEARCHED // _PAGE):
            where = "" if before is None else "WHERE (xid, seq) < (%s::text::xid8, %s)"
            page = f"SELECT xid, seq, line FROM audit {where} ORDER BY xid DESC, seq DESC LIMIT {_PAGE}"
            with _faults():
                found = self._database.rows(
                    f"SELECT xid::text, seq, CASE WHEN strpos(line, %s) > 0 THEN line END FROM ({page}) AS page"
                    " ORDER BY page.xid DESC, seq DESC",
                    (text.decode("ascii"), *(before or ())),
                )
            yield [line.encode("ascii") for _, _, line in found if line is not None]
            if len(found) < _PAGE:
                return
            before = found[-1][:2]

    def lines(self, after: Place = _START) -> Iterator[tuple[Place, bytes]]:
        """The lines behind a place, in their order, each with its place. Raises OSError.

        Lines of a transaction that is under way, and those of later ones, are left for another call, so that none is
        missed.
        """
        while True:
            with _faults():
                page = self._database.rows(
                    "SELECT xid::text, seq, line FROM audit WHERE (xid, seq) > (%s::text::xid8, %s)"
                    f" AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY audit.xid, seq LIMIT {_PAGE}",
                    after,
                )
            for xid, seq, line in page:
                after = xid, seq
                yield after, line.encode("ascii")
            if len(page) < _PAGE:
                return


class AuditTableReader:
    """Reads the log in a database: all of it at first, and after that what is new."""

    def __init__(self, database: Database) -> None:
        self._table = AuditTable(database)
        self._place = _START

    def lines(self) -> Iterator[bytes]:
        """The lines that were not read yet, the oldest first. Raises OSError."""
        for place, line in self._table.lines(self._place):
            self._place = place
            yield line


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """Raise what PostgreSQL says as an OSError, without the lines."""
    try:
        yield
    except psycopg.Error as error:
        raise OSError(errno.EIO, error.diag.message_primary or type(error).__name__) from error
