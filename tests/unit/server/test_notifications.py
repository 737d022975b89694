"""Notifications by which a server hears that others have changed something."""

from __future__ import annotations

from typing import Any, Callable

import psycopg
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.database import Database
from homeftp.errors import Busy
from homeftp.server.notifications import NOTIFY_SECONDS, ChangeNotifier, NotificationListener, notify
from tests.support.engines import empty_schema
from tests.support.reactors import ReadingClock


class ChangeNotifierTests(SynchronousTestCase):
    """What is told of changes."""

    def setUp(self) -> None:
        self.clock, self.told = Clock(), 0
        self.calls: list[Callable[[], object]] = []
        self.waiting: Deferred[None] | None = None
        self.notifier = ChangeNotifier(self.clock, self.calls.append, self.run_now, self.tell)

    def tell(self) -> None:
        self.told += 1

    async def run_now(self, job: Callable[[], Any]) -> Any:
        if self.waiting is not None:
            await self.waiting
        return job()

    def change(self, times: int = 1) -> None:
        """Something is changed in a thread; the reactor hears of it."""
        for _ in range(times):
            self.notifier.changed()
        calls, self.calls[:] = list(self.calls), []
        for call in calls:
            call()

    def test_together(self) -> None:
        """The first change is told at once, and all that follow soon after it together."""
        self.change()
        self.assertEqual(self.told, 1)
        for _ in range(5):
            self.change(3)
        self.assertEqual(self.told, 1)
        self.clock.advance(NOTIFY_SECONDS)
        self.assertEqual(self.told, 2)
        self.clock.advance(NOTIFY_SECONDS)
        self.assertEqual((self.told, self.clock.getDelayedCalls()), (2, []), "nothing is left to tell")
        self.change()
        self.assertEqual(self.told, 3)

    def test_slow(self) -> None:
        """While a notification is under way no other one is begun, and none is forgotten."""
        self.waiting = Deferred()
        for _ in range(3):
            self.change()
            self.clock.advance(NOTIFY_SECONDS)
        waiting, self.waiting = self.waiting, None
        waiting.callback(None)
        self.assertEqual(self.told, 1)
        self.clock.advance(NOTIFY_SECONDS)
        self.assertEqual(self.told, 2)

    def test_stopped(self) -> None:
        """After the end nothing is told, and nothing is left to be done."""
        self.change()
        self.successResultOf(self.notifier.stop())
        self.change()
        self.assertEqual((self.told, self.clock.getDelayedCalls()), (1, []))


class NotificationListenerTests(SynchronousTestCase):
    """What is heard."""

    def setUp(self) -> None:
        self.url, self.reactor, self.heard = empty_schema(), ReadingClock(), 0
        self.database = Database(self.url, connections=1)
        self.addCleanup(self.database.close)
        self.listener = NotificationListener(self.reactor, self.hear)
        self.addCleanup(self.listener.close)
        self.listener.open(self.listener.connect(self.database))

    def hear(self) -> None:
        self.heard += 1

    def test_received(self) -> None:
        """Notifications of another server are heard, those that arrive together once; its own are not."""
        notify(self.database)
        self.reactor.read()
        self.assertEqual(self.heard, 0)
        with psycopg.connect(self.url) as connection:
            for number in range(5):
                connection.execute("SELECT pg_notify('homeftp_changes', %s)", (f"x{number}",))
        self.reactor.read()
        self.assertEqual((self.heard, self.listener.is_open), (1, True))

    def test_ended(self) -> None:
        """Where the connection ends that is heard, too: nothing more will be."""
        with psycopg.connect(self.url) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        while self.reactor.readers:
            self.reactor.read()
        self.assertEqual((self.heard, self.listener.is_open, self.reactor.readers), (1, False, []))
        self.listener.open(self.listener.connect(self.database))
        self.listener.connectionLost(Failure(ConnectionLost()))
        self.assertEqual((self.heard, self.listener.is_open, self.reactor.readers), (2, False, []))

    def test_closed(self) -> None:
        """After the end nothing is read."""
        for _ in range(2):
            self.listener.close()
        self.assertEqual((self.reactor.readers, self.listener.is_open, self.listener.fileno()), ([], False, -1))

    def test_unreachable(self) -> None:
        """A database that cannot be reached is refused as everywhere."""
        down = Database("postgresql:///x?host=%2Fnowhere", connections=1)
        self.addCleanup(down.close)
        self.assertRaises(Busy, self.listener.connect, down)
