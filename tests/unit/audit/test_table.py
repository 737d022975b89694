"""The audit log of a cluster: lines of several servers in one order, none of them missed, and not without bound."""

from __future__ import annotations

import threading

import psycopg
from twisted.trial.unittest import SynchronousTestCase

from homeftp.audit import table as audit_table
from homeftp.audit.log import Audit
from homeftp.audit.table import AUDIT, AuditTable, AuditTableReader
from homeftp.cluster.database import Database
from homeftp.cluster.migrations import migrate
from homeftp.errors import OperatorError
from homeftp.model import Actor
from tests.support import engines
from tests.support.waiting import wait_until


class AuditTableTests(SynchronousTestCase):
    """The log of one cluster, as each of its servers has it."""

    def setUp(self) -> None:
        """A database, as far as the tables are concerned."""
        self.url = engines.empty_schema()

    def make(self, size: int | None = None) -> AuditTable:
        """The log, as one more server has it."""
        database = Database(self.url, connections=2)
        self.addCleanup(database.close)
        migrate(database, [AUDIT])
        return AuditTable(database, size=size)

    def read(self) -> list[bytes]:
        """All lines."""
        return list(self.reader().lines())

    def reader(self) -> AuditTableReader:
        """What reads the log."""
        database = Database(self.url, connections=1)
        self.addCleanup(database.close)
        return AuditTableReader(database)

    def test_appended(self) -> None:
        """Lines of two servers are kept in the order in which they were written, each whole."""
        first, second = self.make(), self.make()
        first.append([b"a\n", b"b\n"])
        second.append([b"c\n"])
        first.append([b'{"d": "100 %s"}\n'])
        self.assertEqual(self.read(), [b"a", b"b", b"c", b'{"d": "100 %s"}'])

    def test_not_made(self) -> None:
        """A database without the table is refused, with the command that makes it."""
        database = Database(self.url, connections=2)
        self.addCleanup(database.close)
        with self.assertRaisesRegex(OperatorError, "homeftp cluster init"):
            AuditTable(database).open()

    def test_written_by_audit(self) -> None:
        """The log of a server can be there instead of in files."""
        Audit("", sink=self.make()).open().note("login", Actor("ann", "laptop"))
        (line,) = self.read()
        self.assertIn(b'"account":"ann"', line)

    def test_read_on(self) -> None:
        """Who reads on behind a place gets each line once, also those of a transaction that takes long."""
        log, reader = self.make(), self.reader()
        log.append([b"one\n"])
        self.assertEqual([list(reader.lines()), list(reader.lines())], [[b"one"], []])
        with psycopg.connect(self.url) as slow:
            slow.execute("INSERT INTO audit (server, line) VALUES ('x', 'slow')")
            log.append([b"quick\n"])
            self.assertEqual(list(reader.lines()), [], "what is behind a line that may still come is not read")
            slow.commit()
        self.assertEqual(self.read_on(reader, 2), [b"slow", b"quick"])

    def read_on(self, reader: AuditTableReader, count: int) -> list[bytes]:
        """The next lines: as soon as no transaction is under way any more that began before."""
        read: list[bytes] = []

        def enough() -> bool:
            read.extend(reader.lines())
            return len(read) >= count

        wait_until(enough)
        return read

    def test_order(self) -> None:
        """Lines are in the order in which they were written, and not in that in which their transactions began."""
        log = self.make()
        with psycopg.connect(self.url) as early:
            early.execute("SELECT pg_current_xact_id()")
            log.append([b"first\n"])
            early.execute("INSERT INTO audit (server, line) VALUES ('x', 'second')")
            early.commit()
        self.assertEqual(self.read_on(self.reader(), 2), [b"first", b"second"])

    def test_behind(self) -> None:
        """It is known whether lines were left for another look, because an earlier transaction is not over."""
        log, reader = self.make(), self.reader()
        wait_until(lambda: not list(reader.lines()) and not reader.is_behind)
        with psycopg.connect(self.url) as early:
            early.execute("SELECT pg_current_xact_id()")
            log.append([b"late\n"])
            self.assertEqual((list(reader.lines()), reader.is_behind), ([], True))
        self.assertEqual(self.read_on(reader, 1), [b"late"])
        self.assertFalse(reader.is_behind)

    def test_restored(self) -> None:
        """Lines of transactions that this database never had are read, once."""
        log, reader = self.make(), self.reader()
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("INSERT INTO audit (xid, server, line) VALUES ('9000000000', 'x', 'old')")
        log.append([b"new\n"])
        self.assertEqual([list(reader.lines()), list(reader.lines())], [[b"old", b"new"], []])

    def test_others(self) -> None:
        """What this process writes, and what there was before, is left out for one who tells others' changes."""
        self.make().append([b"own\n"])
        database = Database(self.url, connections=1)
        self.addCleanup(database.close)
        reader = AuditTableReader(database, others=True)
        insert = "INSERT INTO audit (server, line) VALUES ('x', 'another %d')"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(insert % 1)
            wait_until(lambda: len(self.read()) == 2)
            reader.skip()
            connection.execute(insert % 2)
            self.make().append([b"own\n"])
        self.assertEqual(self.read_on(reader, 1), [b"another 2"])

    def test_searched(self) -> None:
        """The newest lines with a text are found, the newest first, in several steps; the others are not."""
        self.patch(audit_table, "_PAGE", 3)
        log = self.make()
        log.append([b"%d %s\n" % (number, b"%fits" if number % 2 else b"fits") for number in range(10)])
        steps = list(log.search(b"%fits"))
        self.assertEqual([line for lines in steps for line in lines], [b"%d %%fits" % n for n in (9, 7, 5, 3, 1)])
        self.assertGreater(len(steps), 3)

    def test_bounded(self) -> None:
        """A log that takes too much room loses its oldest lines; one without a bound, the control, keeps all."""
        counts = []
        for size in (64 * 1024, None):
            log = self.make(size)
            before = len(self.read())
            for number in range(3):
                log.append([b"%d %04d %s\n" % (number, line, b"x" * 200) for line in range(1024)])
                log.maintain()
            lines = self.read()
            counts.append(len(lines) - before)
            self.assertTrue(lines[-1].startswith(b"2 1023 "))
        self.assertLess(counts[0], 3 * 1024)
        self.assertEqual(counts[1], 3 * 1024)

    def test_shortened_once(self) -> None:
        """A log that was shortened is within its bound, and loses nothing more until it has grown again."""
        log = self.make(256 * 1024)
        log.append([b"%04d %s\n" % (line, b"x" * 200) for line in range(1500)])
        log.maintain()
        kept = self.read()
        self.assertLess(len(kept), 1500, "the control: it was shortened")
        for _ in range(3):
            log.maintain()
        self.assertEqual(self.read(), kept)

    def test_at_once(self) -> None:
        """What several servers write at the same time is all kept, and that of each in its order."""
        logs = [self.make() for _ in range(3)]
        threads = [
            threading.Thread(
                target=lambda log=log, name=name: [
                    log.append([b"%d %d %d\n" % (name, turn, line) for line in range(5)]) for turn in range(10)
                ]
            )
            for name, log in enumerate(logs)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        lines = [tuple(map(int, line.split())) for line in self.read()]
        self.assertEqual(len(lines), 150)
        for name in range(3):
            own = [line for line in lines if line[0] == name]
            self.assertEqual(own, sorted(own))
