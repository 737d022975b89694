"""A replica of the database takes over while servers write: they find it by themselves, and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import signal
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.audit.table import AUDIT, AuditTableReader
from homeftp.cluster.connections import TablesWatch
from homeftp.cluster.database import Database
from homeftp.cluster.identity import IDENTITY
from homeftp.cluster.migrations import migrate
from homeftp.cluster.servers import SERVERS
from homeftp.errors import Busy
from homeftp.server.otherservers import FALLBACK_SECONDS, OtherServers
from homeftp.status import Status
from homeftp.store.cluster.base.schema import STORE
from homeftp.store.cluster.tables import numbers
from homeftp.workers import InlineWorkers
from tests.support.crashcase import CrashCase
from tests.support.engines import PostgreSQL
from tests.support.hubs import RecordingHub
from tests.support.objectserver import object_server
from tests.support.processes import PASSWORD, SERVE, ServerProcess, pair, run_homeftp
from tests.support.rawclient import RawClient
from tests.support.reactors import ReadingClock
from tests.support.waiting import wait_until


def start_replica(case: SynchronousTestCase, primary: PostgreSQL) -> tuple[PostgreSQL, str]:
    """The replica of a test, which is stopped after it, and the URL of a database that names both servers."""
    replica = PostgreSQL(durable=True, replica_of=primary)
    case.addCleanup(replica.stop, signal.SIGQUIT)
    folders = ",".join(quote(each.folder, safe="") for each in (primary, replica))
    return replica, f"postgresql://postgres@/homeftp?host={folders}"


class FailoverTests(CrashCase):
    """Two PostgreSQL, both of which the URL names."""

    def create(self) -> str:
        """Make the database, and its replica."""
        self.postgresql.create("homeftp")
        self.replica, url = start_replica(self, self.postgresql)
        return url

    def test_failover(self) -> None:
        """What was acknowledged is there, where nothing is acknowledged before the replica has it."""
        self.postgresql.await_replica()

        def fail_over(number: int) -> None:
            if number == 0:
                self.postgresql.stop(signal.SIGQUIT)
                self.replica.promote()

        self.assert_survives(fail_over, 1)

    def test_asynchronous(self) -> None:
        """The control: something is lost where the replica was behind."""

        def fail_over(number: int) -> None:
            if number == 0:
                self.replica.stop()
            elif number == 1:
                self.postgresql.stop(signal.SIGQUIT)
                self.replica.start()
                self.replica.promote()

        self.assertRaises(self.failureException, self.assert_survives, fail_over, 2)


class NoticedFailoverTests(SynchronousTestCase):
    """What runs while a replica takes over that may lack what was acknowledged."""

    def setUp(self) -> None:
        """Start both, of which the URL names both."""
        self.primary = PostgreSQL(durable=True)
        self.addCleanup(self.primary.stop, signal.SIGQUIT)
        self.primary.create("homeftp")
        self.replica, self.url = start_replica(self, self.primary)
        self.tables = TablesWatch()
        self.database = Database(self.url, connections=2, tables=self.tables)
        self.addCleanup(self.database.close)
        migrate(self.database, [IDENTITY, AUDIT, SERVERS, STORE])

    def reconnect(self) -> None:
        """Have the database answer on a new connection."""

        def answers() -> bool:
            with contextlib.suppress(Busy):
                return bool(self.database.row("SELECT 1"))
            return False

        wait_until(answers, lambda: "the database does not answer")

    def restart(self, *, promoted: bool) -> None:
        """Stop the primary, and go on with it, or with the replica."""
        self.primary.stop()
        if promoted:
            self.replica.promote()
        else:
            self.primary.start()
        self.reconnect()

    def test_id(self) -> None:
        """The tables have another id at once, before any checkpoint; and the same where the database only restarted."""
        heard: list[str | None] = []
        self.tables.follow(lambda: heard.append(self.tables.id))
        self.restart(promoted=False)
        before = self.tables.id
        self.assertIsNotNone(before)
        self.restart(promoted=False)
        self.assertEqual((self.tables.id, heard), (before, []))
        self.restart(promoted=True)
        self.assertNotEqual(self.tables.id, before)
        self.assertEqual(heard, [self.tables.id])

    def test_log_of_replica(self) -> None:
        """The audit log can be read from a replica."""
        self.replicate()
        replica = Database(f"{self.replica.url('homeftp')}&target_session_attrs=any", connections=1)
        self.addCleanup(replica.close)
        wait_until(
            lambda: list(AuditTableReader(replica).lines()) == [b'{"event": "replicated"}'], lambda: "it is not read"
        )

    def test_numbers(self) -> None:
        """No number is given twice, though the replica does not know that it was given: no tag has two contents."""
        self.replicate()
        self.replica.stop()
        _, before = numbers.allocate(self.database, 100)
        self.primary.stop(signal.SIGQUIT)
        self.replica.start()
        self.replica.promote()
        self.reconnect()
        (given,) = self.database.row("SELECT last_value FROM number")
        self.assertLess(given, before[-1] % 2**52, "the control: the sequence itself goes on at a lower number")
        _, after = numbers.allocate(self.database, 100)
        self.assertFalse({*before} & {*after})
        self.assertLess(before[-1], after[0])

    def replicate(self) -> None:
        """Let the replica have all that was written, and be behind from now on."""
        self.primary.await_replica()
        self.write('{"event": "replicated"}')
        self.primary.outrun_replica()

    def test_changes_of_others(self) -> None:
        """Those who watch are told that what others wrote may be missed: numbers of transactions are lower then."""
        hub, clock = RecordingHub(), ReadingClock()
        others = OtherServers(clock, InlineWorkers(), hub, lambda: self.database, lambda: "")
        others.start()
        self.addCleanup(lambda: self.successResultOf(Deferred.fromCoroutine(others.stop())))
        reader = AuditTableReader(self.database, others=True)
        self.replicate()
        self.replica.stop()
        for _ in range(20):  # the replica lacks them
            self.database.transact(lambda transaction: None)
        reader.skip()
        self.write('{"event": "before"}')
        self.assertEqual((list(reader.lines()), reader.is_replaced), ([b'{"event": "before"}'], False))
        for _ in range(4):
            clock.advance(FALLBACK_SECONDS)
        self.assertEqual(hub.heard.count(None), 1, "the control: at the beginning")
        self.primary.stop(signal.SIGQUIT)
        self.replica.start()
        self.replica.promote()
        self.reconnect()
        self.write('{"event": "unheard"}')
        self.assertEqual((list(reader.lines()), reader.is_replaced), ([], True))
        for _ in range(4):
            clock.advance(FALLBACK_SECONDS)
        self.assertEqual(hub.heard.count(None), 2)
        self.write('{"event": "after"}')
        self.assertEqual(list(reader.lines()), [b'{"event": "after"}'])

    def write(self, line: str) -> None:
        """Another server writes a line."""
        self.database.transact(
            lambda transaction: transaction.execute("INSERT INTO audit (server, line) VALUES ('x', %s)", (line,))
        )


class ServedFailoverTests(SynchronousTestCase):
    """A server that goes on running while a replica takes over that was behind."""

    def setUp(self) -> None:
        """Start a database, its replica and a server, and pair a client."""
        self.primary = PostgreSQL(durable=True)
        self.addCleanup(self.primary.stop, signal.SIGQUIT)
        self.primary.create("homeftp")
        objects = object_server()
        bucket, self.env = f"{objects.bucket('tests')}/{id(self)}", objects.environment()
        self.done("cluster", "init", self.primary.url("homeftp"), "--objects", bucket)
        self.replica, url = start_replica(self, self.primary)
        options = ("--objects", bucket, "--no-announce")
        self.server = ServerProcess(*options, root=url, env=self.env, program=SERVE, account=False)
        self.addCleanup(self.server.end)
        self.home, self.folder = os.path.abspath(self.mktemp()), os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        pair(self.server, self.home)

    def done(self, *arguments: str, input: str = "") -> str:
        """Run a command that has to succeed; what it prints."""
        ended = run_homeftp(*arguments, input=input, **self.env, HOMEFTP_HOME=getattr(self, "home", ""))
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return ended.stdout + ended.stderr

    def sync(self) -> str:
        return self.done("sync", self.folder, "nas:", "-y")

    def keep(self, name: str) -> None:
        """Make a file that is synced."""
        with open(os.path.join(self.folder, name), "w", encoding="ascii") as file:
            file.write(name)
        self.sync()

    def status(self, client: RawClient, asked: dict[str, str]) -> int:
        """The status of an answer: that what the replica lacks was removed is never told."""
        found = int(client.ask("GET", asked)[0]["status"])
        self.assertEqual(found, Status.BUSY)
        return found

    def test_sync(self) -> None:
        """A sync keeps what the replica lacks, and brings it back; one that knew the old id has to connect again."""
        self.done("account", "add", "bob", "--password-stdin", "--state", self.server.state, input=PASSWORD + "\n")
        self.keep("first")
        self.primary.await_replica()
        self.keep("second")  # the replica has it
        self.primary.outrun_replica()
        self.replica.stop()
        self.keep("lost")
        connected = RawClient(self.server.ports[0], self.server.ca_file).start_tls().login("bob", PASSWORD)
        self.addCleanup(connected.socket.close)
        known = {"rel_endpoint": "lost"}
        self.assertEqual(connected.ask("GET", known)[1], b"lost", "the control: it is answered")
        self.primary.stop(signal.SIGQUIT)
        self.replica.start()
        self.replica.promote()
        self.assertRaises((EOFError, OSError), wait_until, lambda: self.status(connected, known) != Status.BUSY)
        wait_until(lambda: run_homeftp("ls", "nas:", **self.env, HOMEFTP_HOME=self.home).returncode == 0)
        self.assertNotIn("lost", self.done("ls", "nas:"), "the control: the replica lacks it")
        self.assertIn("the server was restored", self.sync())
        self.assertLessEqual({"first", "lost", "second"}, set(os.listdir(self.folder)))
        self.assertIn("lost", self.done("ls", "nas:"))
