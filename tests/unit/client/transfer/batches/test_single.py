"""The answers to GET that are refused: wrong content, and heads that do not fit."""

from __future__ import annotations

import os

from homeftp.client import (
    Corrupted,
    Outcome,
    ProtocolViolation,
    TransferOptions,
)
from homeftp.client.plan.get import get
from homeftp.config import STREAM_PIECE
from homeftp.hashing import filehash
from tests.support.lyingserver import LyingServerCase
from tests.support.transfers import tree


class ContentTests(LyingServerCase):
    """Content without the hash that the server gives."""

    def test_corrupt(self) -> None:
        """Large or small it is discarded and an error says so. The control: the right hash."""
        for content in (b"content", bytes(2 * STREAM_PIECE)):
            self.shares(content, hash=filehash.hash_bytes(b"other"))
            self.successResultOf(self.get())
            self.assertEqual(self.observer.counts, {Outcome.CORRUPT: 1})
            self.assertEqual(tree(self.here), {})
            self.failureResultOf(self.get_stream(), Corrupted)
            self.failureResultOf(self.begin(self.read_all()), Corrupted)
            self.shares(content)
            self.successResultOf(self.get())
            self.assertEqual(tree(self.here), {"a": content})
            self.successResultOf(self.get_stream())
            self.assertEqual(self.successResultOf(self.begin(self.read_all())), content)
            os.unlink(f"{self.here}/a")


class HeadTests(LyingServerCase):
    """A head that does not fit the request, or the content."""

    def test_head(self) -> None:
        """A wrong size, kind or name is a violation, for every way to fetch a file."""
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
                    self.assertEqual(tree(self.here), {})

    def test_part(self) -> None:
        """A part must have the requested length, or end with the file."""
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
        """A name in the answer to CMP cannot make a folder elsewhere. The control: without a name it is made."""
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
