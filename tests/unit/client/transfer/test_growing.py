"""Files of the server that grow while they are fetched, as logs do."""

from __future__ import annotations

import io
import os
from typing import Any, ContextManager
from unittest import mock

from homeftp.client import Outcome
from homeftp.client.connection.response import IResponseHandler
from homeftp.client.plan.stdio import get_stream
from homeftp.config import STREAM_PIECE
from homeftp.hashing.filehash import read_at
from tests.support.transfers import BIG, TransferCase, tree

LOG = b"the first lines\n"


class GrowingTests(TransferCase):
    """A program writes to the server's file at each of the server's reads."""

    def written(self, name: str, mode: str, content: bytes) -> ContextManager[object]:
        """While this lasts, the program writes."""

        def read_and_write(fd: int, offset: int, length: int) -> bytes:
            data = read_at(fd, offset, length)
            with open(os.path.join(self.server.root, name), mode) as file:
                file.write(content)
            return data

        return mock.patch("homeftp.store.local.read.read_at", read_and_write)

    def test_grown(self) -> None:
        """What the file held when reading began is fetched, and the result says so; the next get fetches the rest."""
        for content in (LOG, BIG):
            self.make_remote_file("log", content)
            with self.written("log", "ab", b"more"):
                self.get("log", f"{self.here}/log")
            (result,) = self.results
            self.assertEqual(result.outcome, Outcome.NEW)
            self.assertIn("was fetched as it was when reading began. Get it again", result.reason)
            self.assertEqual(tree(self.here), {"log": content})
            self.get("log", f"{self.here}/log")
            (result,) = self.results
            self.assertEqual((result.outcome, result.reason), (Outcome.REPLACED, ""))
            self.assertEqual(tree(self.here)["log"][: len(content) + 4], content + b"more")
            os.unlink(f"{self.here}/log")

    def test_changed(self) -> None:
        """A file that is written to at its beginning fails, as one that nobody ever had: the control."""
        for content in (LOG, BIG):
            self.make_remote_file("log", content)
            with self.written("log", "r+b", b"another beginning, which is longer"):
                self.get("log", f"{self.here}/log")
            self.assertEqual(self.outcomes(), {"log": Outcome.FAILED})
            self.assertEqual(tree(self.here), {})

    def test_large_by_now(self) -> None:
        """A file that was listed as a small one and is a large one by now is fetched as that."""
        path = self.make_remote_file("log", LOG)
        original = self.client.protocol.request
        grown: list[str] = []

        def request(handler: IResponseHandler, request_type: str, *body: Any) -> None:
            if request_type == "GET" and not grown:
                with open(path, "ab") as file:
                    file.write(bytes(STREAM_PIECE))
                grown.append(path)
            original(handler, request_type, *body)

        with mock.patch.object(self.client.protocol, "request", request):
            self.get("log", f"{self.here}/log")
        self.assertEqual(grown, [path])
        self.assertEqual(self.outcomes(), {"log": Outcome.NEW})
        self.assertEqual(tree(self.here), {"log": LOG + bytes(STREAM_PIECE)})

    def test_stream(self) -> None:
        """So is one that is written to standard output, which ends without an error."""
        self.make_remote_file("log", BIG)
        output = io.BytesIO()
        with self.written("log", "ab", b"more"):
            self.run_work(get_stream(self.client, self.context, "log", output, self.observer()))
        self.assertEqual(output.getvalue(), BIG)
        self.assertIn("Get it again", self.results[0].reason)
