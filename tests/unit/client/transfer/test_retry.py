"""Connections that are lost in the middle of a transfer: made again, and finished work is not repeated."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred

from homeftp.client import (
    Client,
    ConnectionFailed,
    Outcome,
    TransferOptions,
)
from homeftp.client.plan.push import push
from homeftp.config import MIB
from tests.support.reconnects import BIG_RANDOM, ReconnectCase

RECURSIVE = TransferOptions(recursive=True)


class PushTests(ReconnectCase):
    """A push whose connection is lost."""

    def test_many(self) -> None:
        """Finished files are neither sent nor reported again, and all files arrive."""
        content = {f"d{number % 7}/f{number}": os.urandom(20_000) for number in range(200)}
        for name, data in content.items():
            self.make_file(name, data)
        self.cuts = [{"upwards": 800_000}, {"upwards": 900_000}, {"downwards": 5_000}]
        self.break_after()
        observer = self.push(self.here, "all", recursive=True)
        self.assertEqual(self.remote_files(), {f"all/{name}": data for name, data in content.items()})
        files = [item for item in self.results if item.kind == "file"]
        self.assertEqual(len(files), 200)
        self.assertEqual(observer.kinds[Outcome.NEW, "file"] + observer.kinds[Outcome.SAME, "file"], 200)
        self.assertLess(self.moved(), 2 * 200 * 20_000)

    def test_progress(self) -> None:
        """A program is told of progress, also where the reconnector has to know of it."""
        self.make_file("a", b"content")
        calls: list[None] = []
        observer = self.observer()
        observer.on_progress = lambda: calls.append(None)
        self.run_work(push(self.client, self.context, [self.here], "all", RECURSIVE, observer))
        self.assertIsNotNone(self.context.reconnector)
        self.assertGreater(len(calls), 0)

    def test_server_stops(self) -> None:
        """A push waits for a server that restarts."""
        for number in range(50):
            self.make_file(f"f{number}", os.urandom(20_000))
        working = Deferred.fromCoroutine(
            push(self.client, self.context, [self.here], "all", RECURSIVE, self.observer())
        )
        self.wire._deliver(self.wire.near, self.wire.far, 0)
        self.wire.far.protocol.wrappedProtocol.stop()
        results: list[Any] = []
        working.addBoth(results.append)
        for _ in range(100):
            self.wire.pump()
            self.server.clock.advance(0.5)
        self.assertEqual(results, [None])
        self.assertEqual(len(self.remote_files()), 50)

    def test_given_up(self) -> None:
        """After ten minutes without progress it gives up, with the last reason."""
        path = self.make_file("big", BIG_RANDOM)

        async def fail() -> Client:
            raise ConnectionFailed("connection refused")

        self.reconnector._make = fail
        self.wire.upwards = MIB
        begun = self.server.clock.seconds()
        with self.assertRaisesRegex(ConnectionFailed, "connection refused"):
            self.push(path, "big")
        self.assertLess(self.server.clock.seconds() - begun, 600)
        self.assertGreater(self.server.clock.seconds() - begun, 500)
        pauses = [int(words.split()[-2]) for words in self.messages]
        self.assertEqual(pauses[:7], [1, 2, 4, 8, 16, 30, 30])

    def test_idle_before(self) -> None:
        """A connection that was lost after it was idle for hours is made again, like any other."""
        path = self.make_file("a", b"content")
        self.server.clock.advance(5 * 3600)
        self.wire.cut()
        self.push(path, "a")
        self.assertEqual(self.remote_files(), {"a": b"content"})


class CmpTests(ReconnectCase):
    """A comparison whose connection is lost."""

    def test_once(self) -> None:
        """Each file is reported once."""
        for number in range(300):
            self.make_file(f"f{number}", b"here %d" % number)
            self.make_remote_file(f"all/f{number}", b"here %d" % number if number % 2 else b"there")
        self.cuts = [{"upwards": 9_000}, {"upwards": 9_000}]
        self.break_after()
        self.cmp(self.here, "all")
        files = [item for item in self.results if item.kind == "file"]
        self.assertEqual(len(files), 300)
        self.assertEqual(sum(item.outcome is Outcome.DIFFERS for item in files), 150)
