"""Single files from standard input and to standard output."""

from __future__ import annotations

import io
import os
import tempfile
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred, succeed

from homeftp.client import (
    Client,
    Outcome,
    TransferOptions,
)
from homeftp.client.plan.stdio import get_stream, push_stream
from homeftp.config import MIB
from homeftp.errors import (
    Changed,
    OperatorError,
)
from tests.support.queuedworkers import QueuedWorkers
from tests.support.reconnects import BIG_RANDOM, ReconnectCase
from tests.support.transfers import BIG, NEW, TransferCase, reader_of


class GetStreamTests(ReconnectCase):
    """Fetching to standard output."""

    def test_resumed(self) -> None:
        """The output is whole after lost connections."""
        self.make_remote_file("big", BIG_RANDOM)
        self.cuts = [{"downwards": MIB + 500_000}, {"downwards": MIB + 700_000}]
        self.break_after()
        with open(f"{self.here}/out", "w+b") as output:
            self.run_work(get_stream(self.client, self.context, "big", output, self.observer()))
            output.seek(0)
            self.assertEqual(output.read(), BIG_RANDOM)

    def test_part(self) -> None:
        """A part of a file is written, also over lost connections; the control is the whole file."""
        self.make_remote_file("big", BIG_RANDOM)
        for offset, limit in ((0, None), (1000, None), (0, 5), (MIB, 2 * MIB), (len(BIG_RANDOM), None), (7, 0)):
            self.cuts = [{"downwards": MIB + 500_000}]
            self.break_after()
            output = io.BytesIO()
            assert self.reconnector.client is not None
            getting = get_stream(
                self.reconnector.client, self.context, "big", output, self.observer(), offset=offset, limit=limit
            )
            self.run_work(getting)
            end = None if limit is None else offset + limit
            self.assertEqual(output.getvalue(), BIG_RANDOM[offset:end], (offset, limit))

    def test_changed(self) -> None:
        """A file that changed before it could be resumed ends it: what was written cannot be taken back."""
        self.make_remote_file("big", BIG_RANDOM)
        self.wire.downwards = 2 * MIB
        make = self.reconnector._make

        async def changing() -> Client:
            self.make_remote_file("big", b"x" + BIG_RANDOM[1:])
            return await make()

        self.reconnector._make = changing
        with open(f"{self.here}/out", "w+b") as output, self.assertRaisesRegex(Changed, "do not use what was written"):
            self.run_work(get_stream(self.client, self.context, "big", output, self.observer()))


class PushStreamTests(TransferCase):
    """Sending standard input."""

    def push_stream(self, content: bytes, target: str, **options: Any) -> None:
        """Send `content`."""
        observer = self.observer()
        pushing = push_stream(
            self.client, self.context, reader_of(content), target, TransferOptions(**options), observer
        )
        self.run_work(pushing)

    def test_outcomes(self) -> None:
        """New, the same, replaced whatever its time if it was seen, and ignored where it exists; no spool is left."""
        spool = self.mktemp()
        os.makedirs(spool)
        self.patch(tempfile, "tempdir", spool)
        self.make_remote_file("existing", b"old", mtime=2 * NEW)
        self.make_remote_file("unseen", b"theirs")
        self.have_seen("existing", b"old")
        for content, target, options, outcome in (
            (BIG, "new", {}, Outcome.NEW),
            (BIG, "new", {}, Outcome.SAME),
            (b"", "new", {"ignore_existing": True}, Outcome.EXISTS),
            (b"", "existing", {}, Outcome.REPLACED),
            (b"", "unseen", {}, Outcome.CONFLICT),
            (b"", "unseen", {"ask": lambda name, result: succeed(False)}, Outcome.CONFLICT),
            (b"1", "unseen", {"ask": lambda name, result: succeed(True)}, Outcome.REPLACED),
            (b"12", "unseen", {}, Outcome.REPLACED),
        ):
            self.push_stream(content, target, **options)
            self.assertEqual(self.outcomes(), {target: outcome})
        self.assertEqual(self.remote_files(), {"new": BIG, "existing": b"", "unseen": b"12"})
        self.assertEqual(os.listdir(spool), [])

    def test_no_name(self) -> None:
        """A target without a name of its own is refused."""
        for target in ("", "dir/"):
            with self.assertRaisesRegex(OperatorError, "standard input has no name"):
                self.push_stream(b"", target)

    def test_cancelled(self) -> None:
        """An input that never ends can be given up at any time; no temporary file is left."""
        spool = self.mktemp()
        os.makedirs(spool)
        self.patch(tempfile, "tempdir", spool)

        async def read(size: int) -> bytes:
            return await waiting

        waiting: Deferred[bytes] = Deferred()
        pushing = Deferred.fromCoroutine(
            push_stream(self.client, self.context, read, "a", TransferOptions(), self.observer())
        )
        self.assertEqual(len(os.listdir(spool)), 1, "the control: it is in its middle")
        pushing.cancel()
        self.failureResultOf(pushing).trap(CancelledError)
        self.assertEqual(os.listdir(spool), [])

    def test_cancelled_at_first(self) -> None:
        """Neither is one left where the job that makes it still runs, or has yet to begin."""
        spool = self.mktemp()
        os.makedirs(spool)
        self.patch(tempfile, "tempdir", spool)
        workers = QueuedWorkers()
        context = attrs.evolve(self.context, workers=workers)
        for steps in range(3):
            pushing = Deferred.fromCoroutine(
                push_stream(self.client, context, reader_of(BIG), "a", TransferOptions(), self.observer())
            )
            for _ in range(steps):
                workers.work()
            pushing.cancel()
            workers.work_all()
            self.failureResultOf(pushing).trap(CancelledError)
            self.assertEqual(os.listdir(spool), [], steps)

    def test_no_space_to_keep_it(self) -> None:
        """A folder for temporary files that cannot be used is named, with what to do."""
        self.patch(tempfile, "tempdir", os.path.join(self.here, "missing"))
        with self.assertRaisesRegex(OperatorError, "Set TMPDIR to another folder"):
            self.push_stream(b"", "a")
