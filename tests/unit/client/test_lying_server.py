"""What the transfers make of a server that does not tell the truth: nothing of it is kept."""

from __future__ import annotations

import io
import os
from typing import Any, Callable, Coroutine

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client import (
    Client,
    Corrupted,
    Outcome,
    ProtocolViolation,
    TransferContext,
    TransferObserver,
    TransferOptions,
)
from homeftp.client.plan.get import get
from homeftp.client.plan.stdio import get_stream
from homeftp.config import STREAM_PIECE
from homeftp.hashing import filehash as tree
from homeftp.syscalls import System
from homeftp.workers import InlineWorkers
from tests.support.fakeserver import Wire
from tests.support.homes import tree as files

Said = tuple[dict[str, Any], bytes]
"""A response, and its payload."""


class LyingCase(SynchronousTestCase):
    """A test with a server that says what the test wants."""

    def setUp(self) -> None:
        self.wire = Wire()
        self.wire.secure()
        self.client = Client(self.wire.client)
        self.context = TransferContext(InlineWorkers(), System())
        self.here = self.mktemp()
        os.makedirs(self.here)
        self.observer = TransferObserver()
        self.says: dict[str, Callable[[dict[str, Any]], list[Said]]] = {}

    def begin(self, work: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        """Let `work` go on, every request of it being answered by what `says` has for its type."""
        begun = Deferred.fromCoroutine(work)
        self.wire.pump()
        while lines := self.wire.server.take_lines():
            for line in lines:
                for answer, payload in self.says[line["request_type"]](line["body"]):
                    envelope = {"status": 0, "message": "", "id": line["id"], "content_length": len(payload)}
                    self.wire.say({**envelope, **answer}, payload)
            self.wire.pump()
        return begun

    def shares(self, content: bytes, *, head: dict[str, Any] | None = None, hash: str | None = None) -> None:
        """The server has one file. `head` is what it says wrongly of it when it sends it, and `hash` behind it."""
        entry = {"name": "", "kind": "file", "size": len(content), "meta_data": [["mtime_us", 5]]}
        verdict = {"hash": hash or tree.hash_bytes(content)}
        self.says["CMP"] = lambda body: [({"status": 10, "body": {"remote": entry}}, b"")]
        self.says["GET"] = lambda body: [
            ({"more": True, "body": {**entry, **(head or {})}}, content),
            ({"body": verdict}, b""),
        ]

    def get(self) -> Deferred[None]:
        """Fetch that file to `a`."""
        self.observer = TransferObserver()
        return self.begin(get(self.client, self.context, ["a"], f"{self.here}/a", TransferOptions(), self.observer))

    def get_stream(self) -> Deferred[None]:
        """Fetch it to standard output."""
        return self.begin(get_stream(self.client, self.context, "a", io.BytesIO(), self.observer))

    async def read_all(self) -> bytes:
        """Fetch it as a program does."""
        return await (await self.client.get("a")).read_all(10 * STREAM_PIECE)


class ContentTests(LyingCase):
    """Bytes that do not have the hash that the server gives for them."""

    def test_corrupt(self) -> None:
        """Large or small they are thrown away, and it is told what to do; the same with the right hash arrives."""
        for content in (b"content", bytes(2 * STREAM_PIECE)):
            self.shares(content, hash=tree.hash_bytes(b"other"))
            self.successResultOf(self.get())
            self.assertEqual(self.observer.counts, {Outcome.CORRUPT: 1})
            self.assertEqual(files(self.here), {})
            self.failureResultOf(self.get_stream(), Corrupted)
            self.failureResultOf(self.begin(self.read_all()), Corrupted)
            self.shares(content)
            self.successResultOf(self.get())
            self.assertEqual(files(self.here), {"a": content})
            self.successResultOf(self.get_stream())
            self.assertEqual(self.successResultOf(self.begin(self.read_all())), content)
            os.unlink(f"{self.here}/a")


class HeadTests(LyingCase):
    """A head of GET that does not fit what was asked for, or what follows."""

    def test_head(self) -> None:
        """A size that is not that of the bytes, another kind and another name are violations, however it is got."""
        for content in (b"content", bytes(2 * STREAM_PIECE)):
            for head in (
                {"size": 1},
                {"size": len(content) + 1},
                {"kind": "directory"},
                {"name": "b"},
                {"name": "../b"},
            ):
                self.setUp()
                self.shares(content, head=head)
                for work in (self.get, self.get_stream, lambda: self.begin(self.read_all())):
                    self.failureResultOf(work(), ProtocolViolation)
                    self.assertEqual(files(self.here), {})

    def test_part(self) -> None:
        """Of a part so many bytes must come as were asked for, or fewer at the end of the file."""
        for offset, length, content, kind in (
            (2, 3, b"nte", None),
            (2, None, b"ntent", None),
            (5, 9, b"nt", None),
            (7, None, b"", None),
            (2, 3, b"nt", ProtocolViolation),
            (2, 3, b"nten", ProtocolViolation),
            (2, None, b"nten", ProtocolViolation),
            (5, 9, b"n", ProtocolViolation),
        ):
            self.shares(content, head={"size": 7})
            getting = self.begin(self.client.get("a", offset=offset, length=length))
            if kind is None:
                self.assertEqual(self.successResultOf(getting).size, len(content))
            else:
                self.failureResultOf(getting, kind)

    def test_folder_of_another_name(self) -> None:
        """What the server says that it compared cannot make a folder elsewhere; under its own name it is made."""
        for name in ("../escaped", "escaped", ""):
            self.setUp()
            entry = {"name": name, "kind": "directory"}
            self.says["CMP"] = lambda body, entry=entry: [({"status": 10, "body": {"remote": entry}}, b"")]  # type: ignore[misc]
            self.says["GET"] = lambda body: [({"body": {"entries_total": 0}}, b"")]
            inner = os.path.join(self.here, "inner")
            getting = self.begin(
                get(self.client, self.context, ["d"], inner, TransferOptions(recursive=True), self.observer),
            )
            if name:
                self.failureResultOf(getting, ProtocolViolation)
            else:
                self.successResultOf(getting)
            self.assertEqual(os.listdir(self.here), [] if name else ["inner"])
