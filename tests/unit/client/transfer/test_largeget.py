"""A large file that is fetched, and resumed when the connection is lost."""

from __future__ import annotations

import os

from twisted.internet.defer import CancelledError, Deferred

from homeftp.client import (
    ConnectionFailed,
    Outcome,
    TransferContext,
    TransferOptions,
)
from homeftp.client.plan.get import get
from homeftp.config import MIB
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

    def test_cancelled(self) -> None:
        """A get that the user stops leaves nothing."""
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
