"""A server that answers what a test wants, for a client with real transfers."""

from __future__ import annotations

import io
import os
from typing import Any, Callable, Coroutine

from twisted.internet.defer import Deferred

from homeftp.client import (
    Client,
    TransferContext,
    TransferObserver,
    TransferOptions,
)
from homeftp.client.plan.get import get
from homeftp.client.plan.stdio import get_stream
from homeftp.config import STREAM_PIECE
from homeftp.hashing import filehash
from homeftp.syscalls import System
from homeftp.workers import InlineWorkers
from tests.support.fakeserver import Wire
from tests.support.folders import QuickCase

Said = tuple[dict[str, Any], bytes]
"""A response, and its payload."""


class LyingServerCase(QuickCase):
    """A client with a server whose answers `says` gives by request type."""

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
        verdict = {"hash": hash or filehash.hash_bytes(content)}
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
