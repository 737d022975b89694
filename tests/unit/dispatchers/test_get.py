"""GET as a client meets it."""

from __future__ import annotations

import os
import time
from contextlib import closing
from unittest.mock import AsyncMock, MagicMock, Mock, patch

from twisted.internet.defer import Deferred

from homeftp.config import LISTING_PAGE, STREAM_PIECE
from homeftp.dispatchers.get import GetDispatcher
from homeftp.endpoint import ROOT
from homeftp.errors import Damaged
from homeftp.hashing.hashcache import CachedHash, HashCache
from homeftp.status import Status
from homeftp.store.local.read import LocalFile
from homeftp.wire.messages import GetBody
from tests.support.verbs import SIZES, VerbTestCase, content, digest


class GetTests(VerbTestCase):
    """GET."""

    def get(self, body: dict[str, object]) -> tuple[object, bytes, object]:
        self.connection.send("GET", body)
        (head, data), (verdict, nothing) = self.connection.answers()
        self.assertTrue(head.more)
        self.assertEqual(nothing, b"")
        return head, data, verdict

    def test_sizes(self) -> None:
        """Content of every size comes whole, between its head and its verdict."""
        for size in SIZES:
            data = content(size)
            path = self.server.put("d/a", data)
            os.utime(path, ns=(0, 1_714_560_000_123_456_789))
            os.chmod(path, 0o604)
            head, got, verdict = self.get({"rel_endpoint": "d/a"})
            self.assertEqual(got, data)
            self.assertEqual(head.body["size"], size)  # type: ignore[attr-defined]
            self.assertEqual(dict(head.body["meta_data"]), {"mtime_us": 1_714_560_000_123_456, "mode": 0o604})  # type: ignore[attr-defined]
            self.assertEqual((verdict.status, verdict.body["hash"]), (0, digest(data)))  # type: ignore[attr-defined]

    def test_rotten(self) -> None:
        """Damage on the disk shows at the client: the verdict has the hash of what was stored, not of what was read.

        A file that was never hashed is the control: what there is counts.
        """
        for size in (10, 1_000_000):
            path = self.server.put("a", content(size))
            os.utime(path, ns=(0, 1_714_560_000_000_000_000))
            self.assertEqual(self.get({"rel_endpoint": "a"})[2].body["hash"], digest(content(size)))  # type: ignore[attr-defined]
            os.chmod(path, 0o640)  # the hash of a file that nobody has changed stays
            stored = CachedHash(
                os.path.realpath(self.server.root), "a", os.stat(path), digest(b"stored"), time.time_ns()
            )
            with closing(HashCache(os.path.join(os.path.dirname(self.server.root), "index.sqlite"))) as cache:
                cache.record([stored])
            _, got, verdict = self.get({"rel_endpoint": "a"})
            self.assertEqual(got, content(size))
            self.assertEqual((verdict.status, verdict.body["hash"]), (0, digest(b"stored")))  # type: ignore[attr-defined]

    def test_unreadable(self) -> None:
        """Where the disk has not kept the first bytes that are asked for, the answer says so."""
        end, read = 3 * STREAM_PIECE, LocalFile.read
        data = content(4 * STREAM_PIECE)
        self.server.put("a", data)

        def lost(file: LocalFile, offset: int, length: int) -> bytes:
            if offset + length > end:
                raise Damaged("its disk has not kept the content")
            return read(file, offset, length)

        with patch.object(LocalFile, "read", lost):
            answer = self.ask("GET", {"rel_endpoint": "a", "offset": end - 1})
            self.assertEqual((answer.status, answer.more), (Status.DAMAGED, False))
            _, got, _ = self.get({"rel_endpoint": "a", "length": end})
            self.assertEqual(got, data[:end], "the control: the connection goes on, and the rest can be read")

    def test_parts(self) -> None:
        """An offset and a length give that part; past the end there is nothing."""
        for size in (1000, 1_000_000):
            data = content(size)
            self.server.put("a", data)
            for offset, length in ((0, 10), (990, None), (size - 5, 100), (size, None), (500, 0)):
                _, got, verdict = self.get({"rel_endpoint": "a", "offset": offset, "length": length})
                self.assertEqual(got, data[offset:][:length])
                self.assertEqual(verdict.status, 0)  # type: ignore[attr-defined]
            answer = self.ask("GET", {"rel_endpoint": "a", "offset": size + 1})
            self.assertEqual(answer.status, Status.BAD_REQUEST)

    def test_if_hash(self) -> None:
        """A file that is not the expected one is not sent."""
        for size in (10, 1_000_000):
            self.server.put("a", content(size))
            self.assertEqual(self.ask("GET", {"rel_endpoint": "a", "if_hash": digest(b"x")}).status, Status.CHANGED)
            _, got, _ = self.get({"rel_endpoint": "a", "if_hash": digest(content(size))})
            self.assertEqual(got, content(size))

    def test_listing(self) -> None:
        """A directory's entries are sorted, have their metadata, and omit the metadata directory."""
        for name in ("b", "a/x", "ä", "a!"):
            self.server.put(name, b"12")
        page, end = self.ask_pages({"rel_endpoint": ""})
        self.assertEqual([entry["name"] for entry in page], ["a", "a!", "b", "ä"])
        self.assertEqual([entry["kind"] for entry in page], ["directory", "file", "file", "file"])
        self.assertEqual(page[1]["size"], 2)
        self.assertEqual(end.body["entries_total"], 4)  # type: ignore[attr-defined]

    def ask_pages(self, body: dict[str, object]) -> tuple[list[dict[str, object]], object]:
        self.connection.send("GET", body)
        *pages, end = self.connection.responses()
        entries: list[dict[str, object]] = []
        for page in pages:
            self.assertTrue(page.more)
            self.assertLessEqual(len(page.body["entries"]), LISTING_PAGE)
            entries += page.body["entries"]
        self.assertFalse(end.more)
        return entries, end

    def test_many_entries(self) -> None:
        """A large directory is sent in several lines."""
        for number in range(LISTING_PAGE + 100):
            self.server.put(f"d/{number:05}", b"")
        entries, _ = self.ask_pages({"rel_endpoint": "d"})
        self.assertEqual([entry["name"] for entry in entries], [f"{n:05}" for n in range(LISTING_PAGE + 100)])

    def test_turn(self) -> None:
        """A listing does not begin before the earlier requests are answered."""
        turn: Deferred[None] = Deferred()
        request, resolution = Mock(body=GetBody(ROOT)), Mock(turn=lambda: turn)
        request.files.list.return_value = MagicMock(aclose=AsyncMock())
        answering = Deferred.fromCoroutine(GetDispatcher().dispatch(request, resolution))
        request.files.list.assert_not_called()
        turn.callback(None)
        self.successResultOf(answering)
        request.files.list.assert_called_once_with(ROOT, False, None)

    def test_recursive(self) -> None:
        """A whole tree comes with paths relative to what was asked for."""
        for name in ("d/a/x", "d/b", "d/a/c/y", "e"):
            self.server.put(name, b"")
        entries, _ = self.ask_pages({"rel_endpoint": "d", "recursive": True})
        self.assertEqual(sorted(str(entry["name"]) for entry in entries), ["a", "a/c", "a/c/y", "a/x", "b"])

    def test_known_hash(self) -> None:
        """After a PUSH a listing knows the hash without reading."""
        self.ask("PUSH", {"rel_endpoint": "a", "meta_data": [["mtime_us", 1_000_000]]}, b"x")
        [entry], _ = self.ask_pages({"rel_endpoint": ""})
        self.assertEqual(entry["hash"], digest(b"x"))

    def test_kinds(self) -> None:
        """Parameters for files are refused for directories, and the other way round."""
        self.server.put("d/f", b"x")
        self.assertEqual(self.ask("GET", {"rel_endpoint": "d", "offset": 1}).status, Status.WRONG_KIND)
        self.assertEqual(self.ask("GET", {"rel_endpoint": "d/f", "recursive": True}).status, Status.WRONG_KIND)

    def test_special_files(self) -> None:
        """A link is neither sent nor followed, and a pipe does not hold the server up."""
        outside = os.path.join(self.server.folder, "outside")
        with open(outside, "w") as file:
            file.write("secret")
        os.symlink(outside, os.path.join(self.server.root, "link"))
        os.mkfifo(os.path.join(self.server.root, "pipe"))
        for name, fault in (
            ("link", "is or has a parent that is a symbolic link"),
            ("pipe", "is neither a file nor a directory"),
        ):
            self.connection.send("GET", {"rel_endpoint": name})
            answers = self.connection.answers()
            self.assertNotIn(b"secret", b"".join(data for _, data in answers))
            self.assertEqual(answers[-1][0].status, Status.WRONG_KIND)
            self.assertIn(f"{name} {fault}", answers[-1][0].message)
