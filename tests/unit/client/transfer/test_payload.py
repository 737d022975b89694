"""A large file that is sent, and resumed when the connection is lost."""

from __future__ import annotations

import os
from typing import Any, Coroutine
from unittest import mock

from homeftp.client import (
    Client,
    ConnectionFailed,
    Outcome,
    TransferContext,
)
from homeftp.client.transfer.send import MAX_REJECTED_RESUMES
from homeftp.config import MIB
from homeftp.errors import (
    Changed,
)
from homeftp.store.local.staging.partialfile import PartialFile
from homeftp.store.local.staging.partials import PartialUploads
from homeftp.syscalls import System
from homeftp.workers import InlineWorkers
from tests.support.reconnects import BIG_RANDOM, ReconnectCase


class ResumeTests(ReconnectCase):
    """Pushes that are resumed."""

    def test_large(self) -> None:
        """A push is resumed as often as it is interrupted; hardly more than the file goes over the wire."""
        path = self.make_file("big", BIG_RANDOM)
        self.cuts = [{"upwards": MIB + 200_000}, {"upwards": 900_000}, {"upwards": 800_000}]
        self.break_after()
        self.push(path, "big")
        self.assertEqual(self.remote_files(), {"big": BIG_RANDOM})
        self.assertEqual(self.outcomes(), {"big": Outcome.NEW})
        self.assertEqual(len(self.resumed), 3)
        self.assertEqual([size for _, size in self.resumed], sorted({size for _, size in self.resumed}))
        self.assertEqual(len([words for words in self.messages if "trying again in 1 s" in words]), 3)
        self.assertLess(self.moved(), len(BIG_RANDOM) * 1.05)
        self.assertEqual(os.listdir(os.path.join(self.server.root, ".homeftp", "partial")), [])

    def test_next_time(self) -> None:
        """A partial upload of an earlier client is resumed."""
        path = self.make_file("big", BIG_RANDOM)
        self.context = TransferContext(InlineWorkers(), System())
        self.wire.upwards = 3 * MIB
        with self.assertRaises(ConnectionFailed):
            self.push(path, "big")
        self.client = self.run_work(self.make())
        self.push(path, "big")
        self.assertEqual(self.remote_files(), {"big": BIG_RANDOM})
        self.assertEqual(len(self.resumed), 1)
        self.assertGreater(self.resumed[0][1], 2 * MIB)

    def test_changed_locally(self) -> None:
        """A file that changed locally meanwhile is sent whole."""
        path = self.make_file("big", BIG_RANDOM)
        self.context = TransferContext(InlineWorkers(), System())
        self.wire.upwards = 3 * MIB
        with self.assertRaises(ConnectionFailed):
            self.push(path, "big")
        self.client = self.run_work(self.make())
        self.make_file("big", b"x" + BIG_RANDOM[1:])
        self.push(path, "big")
        self.assertEqual((self.remote_files(), self.resumed), ({"big": b"x" + BIG_RANDOM[1:]}, []))

    def test_damaged(self) -> None:
        """A partial upload that the server's disk damaged is sent again, without a question."""
        path = self.make_file("big", BIG_RANDOM)
        self.cuts = [{"upwards": 3 * MIB}]
        self.break_after()
        self.damage(0)
        self.push(path, "big")
        self.assertEqual((self.remote_files(), self.outcomes()), ({"big": BIG_RANDOM}, {"big": Outcome.NEW}))
        self.assertTrue(any("is damaged" in words for words in self.messages), self.messages)
        self.assertEqual(len(self.resumed), 1)

    def test_partly_damaged(self) -> None:
        """The undamaged beginning is not sent again, also after the next cut."""
        path = self.make_file("big", BIG_RANDOM)
        self.cuts = [{"upwards": 3 * MIB}, {}, {"upwards": MIB}]
        self.break_after()
        self.damage(MIB + MIB // 2)
        self.push(path, "big")
        self.assertEqual(self.remote_files(), {"big": BIG_RANDOM})
        offsets = [size for _, size in self.resumed]
        self.assertEqual(len(offsets), 3)
        self.assertGreater(offsets[1], MIB - 1)
        self.assertGreater(offsets[2], offsets[1])

    def test_useless(self) -> None:
        """A server that keeps refusing its own partial upload gets the file whole."""
        path = self.make_file("big", BIG_RANDOM)
        self.cuts = [{"upwards": 3 * MIB}]
        self.break_after()
        with mock.patch.object(PartialUploads, "resume", side_effect=Changed("not this one")) as refusing:
            self.push(path, "big")
        self.assertEqual(self.remote_files(), {"big": BIG_RANDOM})
        self.assertEqual((refusing.call_count, len(self.resumed)), (MAX_REJECTED_RESUMES, MAX_REJECTED_RESUMES))

    def test_taken_over(self) -> None:
        """A push whose upload another one takes over begins again, and stores the file; it is not refused."""
        path = self.make_file("big", BIG_RANDOM)
        write, left = PartialFile.write, [1]

        def taken_over(file: PartialFile, data: bytes) -> None:
            if left:
                left.pop()
                raise Changed("another upload of big took over: this one ended")
            write(file, data)

        with mock.patch.object(PartialFile, "write", taken_over):
            self.push(path, "big")
        self.assertEqual((self.remote_files(), left), ({"big": BIG_RANDOM}, []))
        self.assertEqual([result.outcome for result in self.results], [Outcome.NEW])
        self.assertTrue(any("took over" in words for words in self.messages), self.messages)

    def damage(self, offset: int) -> None:
        """Damage the partial upload at an offset, while the client waits to reconnect."""
        reconnector, folder = self.reconnector, os.path.join(self.server.root, ".homeftp", "partial")
        again = reconnector.reconnect

        def damaging(reason: Exception) -> Coroutine[Any, Any, Client]:
            for name in os.listdir(folder):
                if not name.endswith(".note") and not self.messages:
                    with open(os.path.join(folder, name), "r+b") as file:
                        file.seek(offset)
                        file.write(b"damage")
            return again(reason)

        reconnector.reconnect = damaging  # type: ignore[method-assign]
