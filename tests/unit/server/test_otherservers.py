"""What a server hears of the others of its cluster, and lets them hear."""

from __future__ import annotations

import json

import psycopg
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.audit.log import Audit
from homeftp.audit.table import AUDIT, AuditTable
from homeftp.cluster.connections import DatabaseTimeouts
from homeftp.cluster.database import Database
from homeftp.cluster.migrations import migrate
from homeftp.cluster.servers import SEEN_SECONDS, SERVERS, ClusterServer, list_servers, report_server
from homeftp.cluster.shared import process_id
from homeftp.endpoint import parse
from homeftp.model import Actor, Change
from homeftp.server.notifications import CHANNEL, NOTIFY_SECONDS
from homeftp.server.otherservers import FALLBACK_SECONDS, LEAST_SECONDS, PACE_SECONDS, OtherServers, read_change
from homeftp.workers import InlineWorkers
from tests.support.engines import empty_schema
from tests.support.hubs import RecordingHub
from tests.support.reactors import ReadingClock
from tests.support.waiting import WITHIN, wait_until

QUICK = DatabaseTimeouts(operation=0.1)
CHANGE = Change("move", "file", parse("a"), Actor("ann", "laptop", "192.0.2.1", "MOVE"), parse("b"), 5, "sha256:x")


class OtherServersTests(SynchronousTestCase):
    """One server, and what others write into the database."""

    def setUp(self) -> None:
        self.url = empty_schema()
        self.database = Database(self.url, connections=2)
        self.addCleanup(self.database.close)
        self.used = self.database
        migrate(self.database, [AUDIT, SERVERS])
        self.clock, self.hub = ReadingClock(), RecordingHub()
        self.others = OtherServers(self.clock, InlineWorkers(), self.hub, lambda: self.used, lambda: "192.0.2.1:9000")
        self.others.start()
        self.addCleanup(self.stop)

    def stop(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.others.stop()))

    def write(self, change: Change, *, notify: bool = False) -> None:
        """Another server records a change."""
        (line,) = Audit("").lines([change])
        with psycopg.connect(self.url) as connection:
            connection.execute("INSERT INTO audit (server, line) VALUES ('x', %s)", (line.decode().strip(),))
        if notify:
            self.notify("x")

    def notify(self, server: str) -> None:
        """A server tells that it has changed something."""
        with psycopg.connect(self.url) as connection:
            connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, server))

    def hear(self, changes: int, seconds: float) -> None:
        """Those who watch hear so many times, with looks that are so far apart."""

        def has_changed() -> bool:
            self.clock.advance(seconds)
            return len(self.hub.heard) > changes

        wait_until(has_changed)
        self.assertEqual(self.hub.heard, [None, *[[CHANGE]] * changes])

    def test_fault(self) -> None:
        """A fault of this program is logged when it happens, and does not keep the server from stopping."""
        faults = [ZeroDivisionError()] * 2

        def database() -> Database:
            if faults:
                raise faults.pop()
            return self.database

        faulty = OtherServers(self.clock, InlineWorkers(), self.hub, database, lambda: "")
        faulty.start()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.successResultOf(Deferred.fromCoroutine(faulty.stop()))

    def test_met(self) -> None:
        """It is listed with its address, knows the running others', and is not listed after its stop."""
        self.assertEqual([each.address for each in list_servers(self.database)], ["192.0.2.1:9000"])
        self.assertEqual(self.others.addresses, [])
        for number, address in enumerate(("192.0.2.2", "192.0.2.3", "")):
            server = ClusterServer(id=str(number), host="x", address=address, version="1")
            report_server(self.database, server)
        silent = "UPDATE servers SET seen = seen - interval '5 minutes' WHERE address = '192.0.2.3'"
        self.database.transact(lambda transaction: transaction.execute(silent))
        self.clock.advance(SEEN_SECONDS)
        self.assertEqual(self.others.addresses, ["192.0.2.2"])
        self.stop()
        self.assertNotIn("192.0.2.1:9000", [each.address for each in list_servers(self.database)])
        self.others.start()

    def test_reported(self) -> None:
        """Who watches hears what others change; what this server writes itself is told elsewhere."""
        self.assertEqual(self.hub.heard, [None], "what was changed before is not known")
        self.write(CHANGE)
        AuditTable(self.database).append(Audit("").lines([CHANGE]))
        self.clock.advance(PACE_SECONDS)
        self.assertEqual(self.hub.heard, [None], "no notification came")
        self.hear(1, FALLBACK_SECONDS)

    def test_notified(self) -> None:
        """A notification of another server has what it changed told at once; one of this server does nothing."""
        self.notify(process_id())
        self.write(CHANGE)
        self.clock.read()
        self.clock.advance(LEAST_SECONDS)
        self.assertEqual(self.hub.heard, [None], "the control")
        self.notify("x")
        self.clock.read()
        self.hear(1, LEAST_SECONDS)

    def test_unreliable(self) -> None:
        """Where changes come without notifications they are looked for more often, until one comes with one."""
        self.write(CHANGE)
        self.hear(1, FALLBACK_SECONDS)
        self.write(CHANGE)
        self.hear(2, PACE_SECONDS)
        self.write(CHANGE, notify=True)
        self.clock.read()
        self.hear(3, PACE_SECONDS)
        self.write(CHANGE)
        self.clock.advance(PACE_SECONDS)
        self.assertEqual(len(self.hub.heard), 4)

    def test_disconnected(self) -> None:
        """Where the connection ends by which notifications come another one is made."""
        ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(ending)
        while self.clock.readers:
            self.clock.read()
        self.write(CHANGE)
        self.hear(1, PACE_SECONDS)
        self.clock.advance(FALLBACK_SECONDS)
        self.assertEqual(len(self.clock.readers), 1)

    def test_notifies(self) -> None:
        """Changes of this server are told to others, and those that are made at once together."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            for _ in range(3):
                self.others.changed()
            self.clock.advance(NOTIFY_SECONDS)
            connection.execute(f"NOTIFY {CHANNEL}, 'last'")
            heard = [each.payload for each in connection.notifies(timeout=WITHIN, stop_after=3)]
        self.assertEqual(heard, [process_id(), process_id(), "last"])

    def test_not_watched(self) -> None:
        """Where nobody watches nothing is asked; who begins later hears that anything may have changed."""
        self.hub.watching = False
        self.clock.advance(FALLBACK_SECONDS)
        self.write(CHANGE)
        self.clock.advance(PACE_SECONDS)
        self.assertEqual(self.hub.heard, [None])
        self.hub.watching = True
        self.clock.advance(PACE_SECONDS)
        self.assertEqual(self.hub.heard, [None, None])

    def test_not_watched_any_more(self) -> None:
        """A notification that came as the last watch ended has nothing looked for sooner."""
        self.notify("x")
        self.clock.read()
        self.hub.watching = False
        self.clock.advance(LEAST_SECONDS)
        pauses = [call.getTime() - self.clock.seconds() for call in self.clock.getDelayedCalls()]
        self.assertEqual(min(pauses), PACE_SECONDS)

    def test_down(self) -> None:
        """A database that does not answer is no end: who watches hears that anything may have changed meanwhile."""
        self.hub.watching = False
        self.clock.advance(FALLBACK_SECONDS)
        self.hub.watching = True
        self.used = down = Database("postgresql:///x?host=%2Fnowhere", connections=1, timeouts=QUICK)
        self.addCleanup(down.close)
        self.write(CHANGE)
        self.clock.advance(PACE_SECONDS)
        self.assertEqual(self.hub.heard, [None], "the control: nothing is heard")
        self.used = self.database
        self.clock.advance(PACE_SECONDS)
        self.assertEqual(self.hub.heard, [None, None])


class LineTests(SynchronousTestCase):
    """Lines of the audit log."""

    def test_read(self) -> None:
        """A change is read as it was written, with or without its fields; other events are no changes."""
        plain = Change("add", "directory", parse("d"), Actor(None))
        lines = Audit("").lines([CHANGE, plain])
        self.assertEqual([read_change(line) for line in lines], [CHANGE, plain])
        self.assertIsNone(read_change(json.dumps({"event": "login"}).encode()))
