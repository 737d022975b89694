"""GET, CMP and PUSH as a client meets them; the store's own promises are tests/store's."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.config import LISTING_PAGE, SMALL_FILE, Limits
from homeftp.dispatchers.cmp import CmpDispatcher, comparison_status
from homeftp.dispatchers.get import GetDispatcher
from homeftp.dispatchers.push import PushDispatcher
from homeftp.hashing.hashcache import CachedHash, HashCache
from homeftp.interfaces import IDispatcher, IPathLocking
from homeftp.status import Status
from homeftp.wire.messages import HASH_BYTES
from tests.support.inmemory import Connection, Server

SIZES = (0, 1, SMALL_FILE, SMALL_FILE + 1, 3_000_000)


def content(size: int) -> bytes:
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class VerbTestCase(SynchronousTestCase):
    """A server, and a client that has logged in."""

    filetypes: tuple[str, ...] = ()
    limits = Limits()

    def setUp(self) -> None:
        self.server = Server.make(filetypes=self.filetypes, limits=self.limits)
        self.addCleanup(self.server.close)
        self.connection = Connection(self.server)
        self.ask = self.connection.ask

        self.read = self.server.read


class InterfaceTests(SynchronousTestCase):
    """They are what they say."""

    def test_interfaces(self) -> None:
        """Each is a dispatcher that says what it touches."""
        for kind in (GetDispatcher, CmpDispatcher, PushDispatcher):
            dispatcher = kind()
            verifyObject(IDispatcher, dispatcher)
            verifyObject(IPathLocking, dispatcher)


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
        """A payload that has no room for it, and a hash both before and behind, are bad requests."""
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
        """What is there must be what the client believes, for small files and large ones."""
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
            [["mtime_us", 2**62]],
            [["size", -1]],
        ):
            answer = self.ask("PUSH", {"rel_endpoint": "a", "meta_data": meta}, b"x")
            self.assertEqual(answer.status, Status.BAD_REQUEST, meta)

    def test_offset(self) -> None:
        """There is nothing to go on from; without a hash nobody could tell what comes of it."""
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
        """What the disk did not keep shows at the client: the verdict has the hash of what was stored, not of what is.

        A file that was never hashed is the control: what there is counts.
        """
        for size in (10, 1_000_000):
            path = self.server.put("a", content(size))
            os.utime(path, ns=(0, 1_714_560_000_000_000_000))
            self.assertEqual(self.get({"rel_endpoint": "a"})[2].body["hash"], digest(content(size)))  # type: ignore[attr-defined]
            stored = CachedHash(
                os.path.realpath(self.server.root), "a", os.stat(path), digest(b"stored"), time.time_ns()
            )
            with closing(HashCache(os.path.join(os.path.dirname(self.server.root), "index.sqlite"))) as index:
                index.record([stored])
            _, got, verdict = self.get({"rel_endpoint": "a"})
            self.assertEqual(got, content(size))
            self.assertEqual((verdict.status, verdict.body["hash"]), (0, digest(b"stored")))  # type: ignore[attr-defined]

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
        """A directory's entries come sorted, with what is known of them, and without our own folder."""
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
        """A large directory comes in several lines."""
        for number in range(LISTING_PAGE + 100):
            self.server.put(f"d/{number:05}", b"")
        entries, _ = self.ask_pages({"rel_endpoint": "d"})
        self.assertEqual([entry["name"] for entry in entries], [f"{n:05}" for n in range(LISTING_PAGE + 100)])

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
        """What is only for files is refused for directories, and the other way round."""
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


class CmpTests(VerbTestCase):
    """CMP."""

    def test_judgement(self) -> None:
        """The four outcomes of a comparison."""
        self.assertEqual(comparison_status([]), Status.SAME)
        self.assertEqual(comparison_status(["mode"]), Status.METADATA_DIFFERS)
        self.assertEqual(comparison_status(["hash"]), Status.CONTENT_DIFFERS)
        self.assertEqual(comparison_status(["hash", "size"]), Status.CONTENT_AND_METADATA_DIFFER)

    def test_statuses(self) -> None:
        """10 to 14, with the names of what differs and what is there, known to the index or not."""
        for size in (3, 1_000_000):
            data = content(size)
            path = self.server.put("a", data)
            os.utime(path, ns=(0, 7_000_000))
            same, other = digest(data), digest(b"other")
            for hash, mtime_us, status, differs in (
                (same, 7000, 10, []),
                (same, 7001, 11, ["mtime_us"]),
                (other, 7000, 12, ["hash"]),
                (other, 7001, 13, ["hash", "mtime_us"]),
                (same, None, 10, []),
                (None, 7000, 10, []),
            ):
                body: dict[str, object] = {"rel_endpoint": "a", "meta_data": [["size", size]]}
                if hash is not None:
                    body["hash"] = hash
                if mtime_us is not None:
                    body["meta_data"] = [["size", size], ["mtime_us", mtime_us]]
                answer = self.ask("CMP", body)
                self.assertEqual((answer.status, answer.body["differs"]), (status, differs))
                self.assertEqual(answer.body["remote"]["size"], size)
        answer = self.ask("CMP", {"rel_endpoint": "b", "hash": same})
        self.assertEqual((answer.status, answer.body), (Status.ABSENT, {"differs": []}))

    def test_file_that_was_edited(self) -> None:
        """A file edited behind the server's back is compared anew."""
        path = self.server.put("a", b"one")
        os.utime(path, ns=(0, 0))
        self.assertEqual(self.ask("CMP", {"rel_endpoint": "a", "hash": digest(b"one")}).status, Status.SAME)
        self.server.put("a", b"two")
        os.utime(path, ns=(0, 0))
        self.assertEqual(self.ask("CMP", {"rel_endpoint": "a", "hash": digest(b"one")}).status, Status.CONTENT_DIFFERS)

    def test_directory(self) -> None:
        """A directory has no hash, but times and modes."""
        self.server.put("d/f", b"x")
        self.assertEqual(self.ask("CMP", {"rel_endpoint": "d", "hash": digest(b"x")}).status, Status.WRONG_KIND)
        os.chmod(os.path.join(self.server.root, "d"), 0o711)
        answer = self.ask("CMP", {"rel_endpoint": "d", "meta_data": [["mode", 0o711]]})
        self.assertEqual((answer.status, answer.body["remote"]["kind"]), (Status.SAME, "directory"))


class FiletypeTests(VerbTestCase):
    """--filetypes .txt, which is the rule of the first plan."""

    filetypes = (".txt",)

    def test_allowed(self) -> None:
        """Text files go both ways, whatever the case of their suffix."""
        for name in ("a.txt", "b.TXT"):
            self.assertEqual(self.ask("PUSH", {"rel_endpoint": name}, b"x").status, 0)
            self.assertEqual(self.ask("CMP", {"rel_endpoint": name, "hash": digest(b"x")}).status, Status.SAME)

    def test_refused(self) -> None:
        """Anything else gets 42, with what is allowed, there or not."""
        self.server.put("a.jpg", b"x")
        self.server.put("txt", b"x")
        for name in ("a.jpg", "b.jpg", "txt", "a.txt.jpg"):
            for request_type in ("GET", "CMP", "PUSH"):
                answer = self.ask(request_type, {"rel_endpoint": name})
                self.assertEqual(answer.status, Status.FILETYPE_NOT_ALLOWED, (request_type, name))
                self.assertIn(".txt", answer.message)

    def test_directories(self) -> None:
        """A directory, there or not, is no file of a wrong type."""
        self.server.put("d/a.jpg", b"x")
        self.connection.send("GET", {"rel_endpoint": "d"})
        page, end = self.connection.responses()
        self.assertEqual((page.body["entries"], end.status), ([], 0))
        self.assertEqual(page.body["skipped"][0][0], "a.jpg")
        self.assertEqual(self.ask("GET", {"rel_endpoint": "absent"}).status, Status.NOT_FOUND)
        self.assertEqual(self.ask("CMP", {"rel_endpoint": "absent"}).status, Status.ABSENT)
