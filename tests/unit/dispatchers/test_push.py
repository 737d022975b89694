"""PUSH as a client meets it."""

from __future__ import annotations

import os

from homeftp.config import SMALL_FILE, Limits
from homeftp.status import Status
from homeftp.wire.messages import HASH_BYTES
from tests.support.verbs import SIZES, VerbTestCase, content, digest


class PushTests(VerbTestCase):
    """PUSH."""

    def test_sizes(self) -> None:
        """Content of every size arrives whole, with its time and mode, and is described in the answer."""
        for size in SIZES:
            data = content(size)
            meta = [["mtime_us", 1_714_560_000_123_456], ["mode", 0o640], ["size", size]]
            answer = self.ask("PUSH", {"rel_endpoint": f"a/b/{size}", "hash": digest(data), "meta_data": meta}, data)
            self.assertEqual(answer.status, 0, answer)
            self.assertEqual(answer.body["size"], size)
            self.assertEqual(answer.body["hash"], digest(data))
            self.assertEqual(self.read(f"a/b/{size}"), data)
            status = os.stat(os.path.join(self.server.root, "a", "b", str(size)))
            self.assertEqual(status.st_mtime_ns // 1000, 1_714_560_000_123_456)
            self.assertEqual(status.st_mode & 0o7777, 0o640)

    def test_overrides(self) -> None:
        """Without a precondition what was there is replaced."""
        for size in SIZES:
            self.ask("PUSH", {"rel_endpoint": "a"}, content(size))
            self.assertEqual(self.read("a"), content(size))

    def test_wrong_hash(self) -> None:
        """Content that is not what was declared is refused, and the old content stays."""
        self.server.put("a", b"old")
        for size in SIZES:
            answer = self.ask("PUSH", {"rel_endpoint": "a", "hash": digest(b"other")}, content(size))
            self.assertEqual(answer.status, Status.CONTENT_MISMATCH)
            self.assertEqual(self.read("a"), b"old")
        self.assertEqual(os.listdir(os.path.join(self.server.root, ".homeftp", "incoming")), [])

    def test_trailer(self) -> None:
        """A hash behind the content is checked like one before it, wherever the pieces of the payload end."""
        for size in SIZES:
            data = content(size)
            asked = {"rel_endpoint": "a", "hash_trailer": True, "meta_data": [["size", size]]}
            answer = self.ask("PUSH", asked, data + digest(data).encode())
            self.assertEqual((answer.status, answer.body["hash"]), (0, digest(data)), answer)
            self.assertEqual(self.read("a"), data)

    def test_wrong_trailer(self) -> None:
        """Behind the content stands another's hash, or none: a sender takes back what it has sent. The old stays."""
        for size in SIZES:
            self.server.put("a", b"old")
            for trailer in (digest(b"other").encode(), b"-" * HASH_BYTES, b"\xff" * HASH_BYTES):
                answer = self.ask("PUSH", {"rel_endpoint": "a", "hash_trailer": True}, content(size) + trailer)
                self.assertEqual(answer.status, Status.CONTENT_MISMATCH, answer)
                self.assertEqual(self.read("a"), b"old")
        self.assertEqual(os.listdir(os.path.join(self.server.root, ".homeftp", "incoming")), [])

    def test_no_trailer(self) -> None:
        """A payload too short for the hash trailer, and a hash both in the body and behind, are bad requests."""
        for more, payload in (({}, b"x" * (HASH_BYTES - 1)), ({"hash": digest(b"")}, digest(b"").encode())):
            answer = self.ask("PUSH", {"rel_endpoint": "a", "hash_trailer": True, **more}, payload)
            self.assertEqual(answer.status, Status.BAD_REQUEST, answer)
        answer = self.ask("PUSH", {"rel_endpoint": "d", "kind": "directory", "hash_trailer": True})
        self.assertEqual(answer.status, Status.BAD_REQUEST, answer)

    def test_wrong_size(self) -> None:
        """A size in the metadata that is not the payload's is refused."""
        answer = self.ask("PUSH", {"rel_endpoint": "a", "meta_data": [["size", 5]]}, b"1234")
        self.assertEqual(answer.status, Status.CONTENT_MISMATCH)

    def test_preconditions(self) -> None:
        """The precondition must hold, for small files and large ones."""
        for size in (10, SMALL_FILE + 10):
            data = content(size)
            cases = [
                (None, "absent", 0),
                (b"old", "absent", Status.CHANGED),
                (b"old", digest(b"old"), 0),
                (b"old", digest(b"older"), Status.CHANGED),
                (None, digest(b"old"), Status.CHANGED),
            ]
            for before, if_hash, status in cases:
                path = os.path.join(self.server.root, "a")
                if os.path.exists(path):
                    os.remove(path)
                if before is not None:
                    self.server.put("a", before)
                answer = self.ask("PUSH", {"rel_endpoint": "a", "if_hash": if_hash}, data)
                self.assertEqual(answer.status, status, (size, before, if_hash, answer.message))
                if status:
                    self.assertEqual(os.path.exists(path) and self.read("a"), before or False)
                else:
                    self.assertEqual(self.read("a"), data)

    def test_directory(self) -> None:
        """A directory is made with its parents, its time and its mode; again it changes them."""
        for mode in (0o750, 0o700):
            answer = self.ask(
                "PUSH",
                {"rel_endpoint": "d/e", "kind": "directory", "meta_data": [["mtime_us", 5_000_000], ["mode", mode]]},
            )
            self.assertEqual(answer.status, 0, answer)
            status = os.stat(os.path.join(self.server.root, "d", "e"))
            self.assertEqual((status.st_mode & 0o7777, status.st_mtime_ns), (mode, 5_000_000_000))

    def test_kinds(self) -> None:
        """A file does not replace a directory, nor the other way round, nor does a file become a parent."""
        self.server.put("d/f", b"x")
        self.assertEqual(self.ask("PUSH", {"rel_endpoint": "d"}, b"x").status, Status.WRONG_KIND)
        self.assertEqual(self.ask("PUSH", {"rel_endpoint": "d/f", "kind": "directory"}).status, Status.WRONG_KIND)
        self.assertEqual(self.ask("PUSH", {"rel_endpoint": "d/f/g"}, b"x").status, Status.WRONG_KIND)
        self.assertEqual(self.ask("PUSH", {"rel_endpoint": ""}, b"x").status, Status.BAD_REQUEST)
        self.assertEqual(self.read("d/f"), b"x")

    def test_metadata_is_checked(self) -> None:
        """Mode bits beyond the nine, twice the same name, and times that no system takes are refused."""
        for meta in (
            [["mode", 0o4755]],
            [["mode", -1]],
            [["mode", 1], ["mode", 1]],
            [["mtime_us", 2**63]],
            [["size", -1]],
        ):
            answer = self.ask("PUSH", {"rel_endpoint": "a", "meta_data": meta}, b"x")
            self.assertEqual(answer.status, Status.BAD_REQUEST, meta)

    def test_offset(self) -> None:
        """An offset without a partial upload is refused, and so is an offset without a hash."""
        body = {"rel_endpoint": "a", "offset": 5}
        self.assertEqual(self.ask("PUSH", body, b"x").status, Status.BAD_REQUEST)
        self.assertEqual(self.ask("PUSH", {**body, "hash": digest(b"123456")}, b"x").status, Status.CHANGED)


class LimitTests(VerbTestCase):
    """--max-file-size."""

    limits = Limits(file_size=100_000)

    def test_too_large(self) -> None:
        """A file over the limit gets 22, and the connection goes on; one at the limit is stored."""
        self.assertEqual(self.ask("PUSH", {"rel_endpoint": "a"}, content(100_001)).status, Status.TOO_LARGE)
        self.assertEqual(self.ask("PUSH", {"rel_endpoint": "a"}, content(100_000)).status, 0)
