"""Fetching small files together: what arrives is written, and answers that make no sense end the transfer."""

from __future__ import annotations

import json
import os
from typing import Any, Sequence
from unittest import mock

from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.client.errors import ConnectionFailed, Corrupted, ProtocolViolation
from homeftp.client.files.tempfile import TargetFile
from homeftp.client.files.write import DownloadTarget
from homeftp.client.transfer.batches.get import BATCH_FILES, BatchFetcher, Fetched, IBatchGetReceiver, SmallGet
from homeftp.client.transfer.model import FileTask, Outcome
from homeftp.config import MIB, SMALL_FILE
from homeftp.errors import NotFound, ShuttingDown
from homeftp.syscalls import System
from homeftp.wire.messages import Response
from homeftp.workers import InlineWorkers
from tests.support.folders import QuickCase
from tests.support.verbs import digest

DONE = Response(0, body={"sent": 2, "refused": 0})


def entry(name: str, content: bytes, **more: Any) -> bytes:
    """A file in an answer."""
    line = {"name": name, "kind": "file", "size": len(content), "hash": digest(content)}
    return json.dumps({**line, "content_length": len(content), **more}).encode() + b"\n" + content


@implementer(IBatchGetReceiver)
class FetchingTests(QuickCase):
    """A fetcher into a folder, and what it asks the server for."""

    def setUp(self) -> None:
        self.requests: list[tuple[Any, str, dict[str, Any], bytes]] = []
        self.fetched: dict[str, Fetched] = {}
        self.alone: list[str] = []
        self.failures: list[Exception | Failure] = []
        self.here = os.path.abspath(self.mktemp())
        self.client = mock.Mock()
        self.client.protocol.request = lambda *request: self.requests.append(request)
        self.fetcher = BatchFetcher(
            self.client,
            InlineWorkers(),
            "base",
            DownloadTarget(self.here, System()),
            lambda task, entry: TargetFile(task.name, entry.mtime_us, 0o644, None, False),
            lambda get: self.alone.append(get.task.name),
            self,
        )

    def on_small_fetched(self, files: Sequence[Fetched]) -> None:
        """What became of some files."""
        for fetched in files:
            self.assertNotIn(fetched.get.task.name, self.fetched)
            self.fetched[fetched.get.task.name] = fetched

    def fail(self, reason: Any = None) -> Any:
        """The transfer has failed."""
        self.failures.append(reason)

    def fetch(self, *names: str) -> None:
        """Ask for these files together."""
        with self.fetcher.opened():
            for name in names:
                self.fetcher.fetch(SmallGet(FileTask(name, None, None), Outcome.NEW))

    def answer(self, *pieces: bytes, last: Response = DONE, step: int = 7) -> None:
        """Answer the newest request."""
        handler = self.requests[-1][0]
        for piece in pieces:
            handler.responded(Response(0, more=True, content_length=len(piece)))
            for start in range(0, len(piece), step):
                handler.received(piece[start : start + step])
        handler.responded(last)
        handler.finished()

    def written(self) -> dict[str, bytes]:
        """The files in the folder."""
        found = {}
        for folder, _, names in os.walk(self.here):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, self.here)] = file.read()
        return found

    def test_fetched(self) -> None:
        """One request names all files; they are written, whatever pieces the answer comes in."""
        self.fetch("a", "d/b")
        [(_, kind, body, payload)] = self.requests
        self.assertEqual((kind, body), ("GET", {"rel_endpoint": "base", "batch": True}))
        self.assertEqual([json.loads(line) for line in payload.splitlines()], [{"name": "a"}, {"name": "d/b"}])
        self.answer(entry("d/b", b"2"), entry("a", b"content"))
        self.assertEqual((self.failures, self.written()), ([], {"a": b"content", "d/b": b"2"}))
        fetched = self.fetched["a"]
        self.assertEqual((fetched.size, fetched.hash), (7, digest(b"content")))
        self.assertIsInstance(fetched.result, os.stat_result)

    def test_alone(self) -> None:
        """A single file is fetched alone, and no more than allowed are asked for in one request."""
        self.fetch("a")
        self.assertEqual((self.alone, self.requests), (["a"], []))
        self.fetch(*(f"f{number}" for number in range(BATCH_FILES + 2)))
        self.assertEqual([len(payload.splitlines()) for *_, payload in self.requests], [BATCH_FILES, 2])
        self.requests.clear()
        self.fetch(*("n" * 250 + f"/{number}" * 250 for number in range(100)))
        self.assertLessEqual(max(len(payload) for *_, payload in self.requests), SMALL_FILE)

    def test_refused(self) -> None:
        """A file that the server refuses has its reason; so has one whose content has another hash."""
        self.fetch("a", "b", "c")
        refused = json.dumps({"name": "a", "status": 40, "message": "gone"}).encode() + b"\n"
        self.answer(refused + entry("b", b"damaged", hash=digest(b"content")) + entry("c", b""))
        self.assertEqual(self.failures, [])
        kinds = {name: type(fetched.result) for name, fetched in self.fetched.items()}
        self.assertEqual((kinds["a"], kinds["b"]), (NotFound, Corrupted))
        self.assertEqual(self.written(), {"c": b""})

    def test_refused_as_a_whole(self) -> None:
        """What has not come before a refusal of the request is refused."""
        self.fetch("a", "b")
        self.answer(entry("b", b"2"), last=Response(54, "it restarts"))
        self.assertIsInstance(self.fetched["a"].result, ShuttingDown)
        self.assertEqual(self.written(), {"b": b"2"})

    def test_nonsense(self) -> None:
        """An answer with another file, a contradiction or a file too few ends the transfer; no such part is written."""
        good = entry("a", b"1") + entry("b", b"2")
        for piece in (
            good + entry("c", b"3"),
            entry("../a", b"1") + entry("b", b"2"),
            entry("a", b"1") + entry("a", b"1"),
            entry("a", b"1"),
            entry("a", b"1", size=2) + entry("b", b"2"),
            entry("a", b"1", hash=None) + entry("b", b"2"),
            entry("a", b"", kind="directory") + entry("b", b"2"),
            entry("a", b"1", content_length=0) + entry("b", b"2"),
            good[:-1],
            b"no entry\n" + good,
            good + b"no entry\n",
            entry("a", bytes(SMALL_FILE + 1)) + entry("b", b"2"),
            bytes(3 * SMALL_FILE),
            bytes(5 * MIB),
        ):
            self.setUp()
            self.fetch("a", "b")
            self.answer(piece, step=MIB)
            [failure] = self.failures
            reason = failure.value if isinstance(failure, Failure) else failure
            self.assertIsInstance(reason, ProtocolViolation, piece[:200])
            self.assertEqual(self.written(), {"a": b"1"} if piece == entry("a", b"1") else {}, piece[:200])
        self.setUp()
        self.fetch("a", "b")
        self.answer(good)
        self.assertEqual((self.failures, self.written()), ([], {"a": b"1", "b": b"2"}), "the control")

    def test_disk(self) -> None:
        """A folder that cannot be written fails the files, not the connection."""
        self.fetch("a", "b")
        with mock.patch.object(DownloadTarget, "write_many", side_effect=PermissionError(13, "denied")):
            self.answer(entry("a", b"1") + entry("b", b"2"))
        self.assertEqual(self.failures, [])
        self.assertEqual({type(each.result) for each in self.fetched.values()}, {PermissionError})

    def test_connection_ended(self) -> None:
        """A request that cannot be sent, and one that is never answered, fail the transfer."""
        reason = ConnectionFailed("it ended")
        self.fetch("a", "b")
        self.requests[0][0].failed(reason)
        self.client.protocol.request = mock.Mock(side_effect=reason)
        self.fetch("a", "b")
        self.assertEqual((self.failures, self.fetched), ([reason, reason], {}))
