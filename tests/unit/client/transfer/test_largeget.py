"""A large file that is fetched, and resumed when the connection is lost."""

from __future__ import annotations

import os
from unittest.mock import patch

from twisted.internet.defer import CancelledError, Deferred

from homeftp.client import (
    ConnectionFailed,
    Outcome,
    TransferContext,
    TransferOptions,
)
from homeftp.client.files.names import is_partial_name
from homeftp.client.plan.get import get
from homeftp.config import MIB, RESUMABLE
from homeftp.errors import Busy
from homeftp.store.local.read import LocalFile
from homeftp.syscalls import System
from homeftp.workers import InlineWorkers
from tests.support.reconnects import BIG_RANDOM, ReconnectCase
from tests.support.transfers import tree


class ResumeTests(ReconnectCase):
    """Downloads that are resumed."""

    def test_large(self) -> None:
        """A get is resumed as often as it is interrupted; the file appears whole, and nothing else is left."""
        self.make_remote_file("big", BIG_RANDOM)
        self.cuts = [{"downwards": size} for size in (MIB + 300_000, 900_000, 800_000)]
        self.break_after()
        observer = self.get("big", f"{self.here}/big")
        self.assertEqual(tree(self.here), {"big": BIG_RANDOM})
        self.assertEqual(self.outcomes(), {"big": Outcome.NEW})
        self.assertEqual(len(self.resumed), 3)
        self.assertLess(observer.bytes_moved, len(BIG_RANDOM) * 1.05)

    def test_busy(self) -> None:
        """A server that cannot read on for a while, as while a bucket is away, is asked again; what came stays."""
        self.make_remote_file("big", BIG_RANDOM)
        read, refused = LocalFile.read, iter(range(3))

        def away(file: LocalFile, offset: int, length: int) -> bytes:
            if offset + length > 3 * MIB and next(refused, None) is not None:
                raise Busy("the object store does not answer at the moment")
            return read(file, offset, length)

        with patch.object(LocalFile, "read", away):
            observer = self.get("big", f"{self.here}/")
        self.assertEqual(tree(self.here), {"big": BIG_RANDOM})
        self.assertEqual(len(self.messages), 6, "three times: trying again, connected again")
        self.assertEqual(observer.bytes_moved, len(BIG_RANDOM))

    def test_next_time(self) -> None:
        """A partial download of an earlier get is resumed; until then it is a hidden file."""
        self.make_remote_file("big", BIG_RANDOM)
        self.context = TransferContext(InlineWorkers(), System())
        self.wire.downwards = 3 * MIB
        with self.assertRaises(ConnectionFailed):
            self.get("big", f"{self.here}/big")
        (name,) = tree(self.here)
        self.assertTrue(name.startswith(".homeftp-"))
        self.client = self.run_work(self.make())
        observer = self.get("big", f"{self.here}/big")
        self.assertEqual((tree(self.here), len(self.resumed)), ({"big": BIG_RANDOM}, 1))
        self.assertLess(observer.bytes_moved, 2 * MIB)

    def test_changed_on_the_server(self) -> None:
        """A file that changed on the server meanwhile is fetched whole."""
        for content in (b"x" + BIG_RANDOM[1:], BIG_RANDOM[1:]):
            self.make_remote_file("big", BIG_RANDOM)
            self.context = TransferContext(InlineWorkers(), System())
            self.wire.downwards = 3 * MIB
            with self.assertRaises(ConnectionFailed):
                self.get("big", f"{self.here}/big")
            self.make_remote_file("big", content)
            self.client = self.run_work(self.make())
            self.get("big", f"{self.here}/big", force=True)
            self.assertEqual(tree(self.here)["big"], content)
            os.unlink(f"{self.here}/big")

    def test_stale(self) -> None:
        """What is left of a file that changed on the server is removed when the file is complete."""
        self.test_stopped()
        self.make_remote_file("big", BIG_RANDOM[1:])
        self.get("big", f"{self.here}/big")
        self.assertEqual(tree(self.here), {"big": BIG_RANDOM[1:]})

    def stop_in_the_middle(self, *paths: str) -> None:
        """A get that the user stops when its first bytes have been written."""
        observer = self.observer()
        observer.on_suspended = lambda name, size: self.suspended.append((name, size))
        working = Deferred.fromCoroutine(
            get(self.client, self.context, paths, f"{self.here}/", TransferOptions(recursive=True), observer)
        )

        def arrived() -> int:
            return sum(map(len, tree(self.here).values()))

        for _ in range(1000):
            self.server.clock.advance(0)
            self.wire._deliver(self.wire.near, self.wire.far, 0)
            self.wire._deliver(self.wire.far, self.wire.near, 0)
            if arrived() > RESUMABLE:
                break
        self.assertGreater(arrived(), RESUMABLE, "the control: it is in its middle")
        working.cancel()
        self.wire.pump()
        self.failureResultOf(working).trap(CancelledError)

    def test_stopped(self) -> None:
        """A get that the user stops keeps what has arrived, hidden, and tells how much; the next one goes on."""
        self.make_remote_file("big", BIG_RANDOM)
        self.suspended: list[tuple[str, int]] = []
        self.stop_in_the_middle("big")
        ((name, content),) = tree(self.here).items()
        self.assertTrue(is_partial_name(name))
        self.assertEqual(self.suspended, [("big", len(content))])

    def test_goes_on(self) -> None:
        """After it was stopped, the next get fetches only the rest."""
        self.test_stopped()
        observer = self.get("big", f"{self.here}/")
        self.assertEqual((tree(self.here), len(self.resumed)), ({"big": BIG_RANDOM}, 1))
        self.assertEqual(observer.bytes_moved, len(BIG_RANDOM) - self.suspended[0][1])

    def test_small_is_not_kept(self) -> None:
        """Of less than can be resumed nothing is left."""
        self.make_remote_file("big", BIG_RANDOM)
        working = Deferred.fromCoroutine(
            get(self.client, self.context, ["big"], f"{self.here}/big", TransferOptions(), self.observer())
        )
        for _ in range(30):
            self.server.clock.advance(0)
            self.wire._deliver(self.wire.near, self.wire.far, 0)
            self.wire._deliver(self.wire.far, self.wire.near, 0)
            if tree(self.here):
                break
        self.assertEqual(len(tree(self.here)), 1, "the control: it is in its middle")
        working.cancel()
        self.wire.pump()
        self.failureResultOf(working).trap(CancelledError)
        self.assertEqual(tree(self.here), {})
