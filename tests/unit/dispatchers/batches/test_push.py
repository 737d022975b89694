"""PUSH of a batch as a client meets it."""

from __future__ import annotations

import json
import os
from typing import Callable, Sequence
from unittest import mock

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionLost
from zope.interface import implementer

from homeftp.client.transfer.batches.push import BATCH_FILES
from homeftp.config import BATCH_ENTRIES, BATCH_JOB, KIB, MAX_REQUEST_LINE, SMALL_FILE, STREAM_PIECE
from homeftp.dispatchers.batches.push import push_batch as push_batch_request
from homeftp.endpoint import ROOT
from homeftp.errors import Refusal
from homeftp.interfaces import BatchWrite, IPayload
from homeftp.model import Entry
from homeftp.status import Status
from homeftp.wire.messages import PushBody
from tests.support.batches import push_batch, push_entry
from tests.support.verbs import QueuedCase, VerbTestCase, content, digest

TIME = 1_714_560_000_123_456

LONG = "/".join(["a" * 99] * 42)
"""A name of more bytes than an endpoint may have."""


@implementer(IPayload)
class _Pieces:
    """A payload that arrives in these pieces, and then ends with `failure`, if there is one."""

    def __init__(self, pieces: Sequence[bytes], failure: Exception | None = None) -> None:
        self.size = sum(map(len, pieces))
        self._pieces = list(pieces)
        self._failure = failure

    async def read(self) -> bytes:
        """The next piece."""
        if not self._pieces and self._failure is not None:
            raise self._failure
        return self._pieces.pop(0) if self._pieces else b""

    async def read_all(self, limit: int) -> bytes:
        """Not needed."""
        raise NotImplementedError


class _CountingFiles:
    """Stores nothing, and counts the entries of each job."""

    def __init__(self) -> None:
        self.jobs: list[int] = []

    def write_batch(self, decode: Callable[[int], Sequence[BatchWrite | Refusal]]) -> Deferred[list[Entry]]:
        """As `IFiles.write_batch`."""
        found = decode(BATCH_JOB)
        self.jobs.append(len(found))
        return succeed([Entry("", "file", 1) for _ in found])


async def push_pieces(payload: IPayload, files: _CountingFiles) -> None:
    """PUSH a batch whose payload is this one."""
    request = mock.Mock(payload=payload, files=files)
    await push_batch_request(request, PushBody(ROOT, kind="batch"), mock.Mock())


class BatchTests(VerbTestCase):
    """PUSH of a batch."""

    def names(self) -> list[str]:
        """The files and directories in the share, but for those of the server."""
        found = []
        for folder, directories, files in os.walk(self.server.root):
            directories[:] = [name for name in directories if not name.startswith(".homeftp")]
            found += [os.path.relpath(os.path.join(folder, name), self.server.root) for name in directories + files]
        return sorted(found)

    def test_stored(self) -> None:
        """Files and directories are stored beneath the endpoint, with their times and modes."""
        meta = [["mtime_us", TIME], ["mode", 0o640]]
        answer, refused, differing = push_batch(
            self.connection,
            "photos",
            [
                push_entry("a.txt", b"content", meta_data=meta),
                push_entry("b", None, meta_data=[["mode", 0o750]]),
                push_entry("b/c.txt", b""),
                push_entry("b/d.txt", content(SMALL_FILE), meta_data=[["size", SMALL_FILE]]),
            ],
        )
        self.assertEqual((answer.status, answer.body, refused, differing), (0, {"stored": 4, "refused": 0}, [], []))
        self.assertEqual(answer.message, "stored 4 of 4")
        self.assertEqual(self.read("photos/a.txt"), b"content")
        self.assertEqual(self.read("photos/b/c.txt"), b"")
        self.assertEqual(self.read("photos/b/d.txt"), content(SMALL_FILE))
        status = os.stat(os.path.join(self.server.root, "photos", "a.txt"))
        self.assertEqual((status.st_mtime_ns // 1000, status.st_mode & 0o777), (TIME, 0o640))
        self.assertEqual(os.stat(os.path.join(self.server.root, "photos", "b")).st_mode & 0o777, 0o750)

    def test_many(self) -> None:
        """More entries than one job takes, at the root, in pieces that end anywhere."""
        count = BATCH_JOB * 2 + 3
        payload = b"".join(push_entry(f"f{number}", b"%d" % number * 9) for number in range(count))
        line = {"request_type": "PUSH", "content_length": len(payload), "body": {"rel_endpoint": "", "kind": "batch"}}
        data = json.dumps(line).encode() + b"\n" + payload
        for start in range(0, len(data), 1009):
            self.connection.send_raw(data[start : start + 1009])
        [answer] = self.connection.responses()
        self.assertEqual(answer.body, {"stored": count, "refused": 0})
        self.assertEqual([self.read(f"f{number}") for number in range(count)], [b"%d" % n * 9 for n in range(count)])

    def test_jobs(self) -> None:
        """Three pieces of the payload are one job, and no job is begun for nothing."""
        entries = [push_entry(f"f{number}", b"1") for number in range(6)]
        for pieces, jobs in (
            (entries, [3, 3]),
            (entries[:4], [3, 1]),
            ([entries[0][:-1], entries[0][-1:], entries[1], entries[2]], [2, 1]),
            ([b"".join(push_entry(f"f{number}", b"1") for number in range(BATCH_JOB + 1))], [BATCH_JOB, 1]),
        ):
            files = _CountingFiles()
            self.successResultOf(Deferred.fromCoroutine(push_pieces(_Pieces(pieces), files)))
            self.assertEqual(files.jobs, jobs)

    def test_jobs_of_a_request(self) -> None:
        """What the command line sends in one request, 512 files of 4 KiB, is one job: each job waits for the disk.

        Control: more files are not.
        """
        for count, jobs in ((BATCH_FILES, 1), (BATCH_FILES + 1, 2)):
            payload = b"".join(push_entry(f"folder/file{number:07}.bin", bytes(4 * KIB)) for number in range(count))
            pieces = [payload[start : start + STREAM_PIECE] for start in range(0, len(payload), STREAM_PIECE)]
            files = _CountingFiles()
            self.successResultOf(Deferred.fromCoroutine(push_pieces(_Pieces(pieces), files)))
            self.assertEqual(len(list(filter(None, files.jobs))), jobs)

    def test_cut(self) -> None:
        """What has arrived before the connection is lost is stored."""
        entries = [push_entry(f"f{number}", b"1") for number in range(3)]
        for count in range(4):
            files = _CountingFiles()
            pushing = push_pieces(_Pieces(entries[:count], ConnectionLost()), files)
            self.failureResultOf(Deferred.fromCoroutine(pushing), ConnectionLost)
            self.assertEqual(sum(files.jobs), count)

    def test_refused(self) -> None:
        """Each entry that is refused is reported with its number and its reason; the others stand."""
        self.server.put("old", b"old")
        self.server.put("directory/file", b"")
        entries = [
            push_entry("good1", b"1"),
            push_entry("old", b"new", if_hash="absent"),
            push_entry("wrong", b"content", hash=digest(b"other")),
            push_entry("no-hash", b"content", hash=None),
            push_entry("../escape", b"content"),
            push_entry("", b"content"),
            push_entry("directory", b"content"),
            push_entry("size", b"content", meta_data=[["size", 8]]),
            push_entry("mode", b"content", meta_data=[["mode", 4096]]),
            push_entry("kind", b"content", kind="link"),
            push_entry("hash", b"content", hash="sha256:short"),
            push_entry("old/beneath", b"content"),
            push_entry("folder", None, hash=digest(b"")),
            push_entry("a" * 256, b"content"),
            push_entry(LONG, b"content"),
            push_entry("old", b"newer", if_hash=digest(b"old")),
            push_entry("good2", b"2"),
        ]
        answer, refused, _ = push_batch(self.connection, "", entries)
        self.assertEqual(answer.body, {"stored": 3, "refused": 14})
        expected = [
            (1, "old", Status.CHANGED),
            (2, "wrong", Status.CONTENT_MISMATCH),
            (3, "no-hash", Status.BAD_REQUEST),
            (4, "../escape", Status.BAD_ENDPOINT),
            (5, "", Status.BAD_REQUEST),
            (6, "directory", Status.WRONG_KIND),
            (7, "size", Status.CONTENT_MISMATCH),
            (8, "mode", Status.BAD_REQUEST),
            (9, "", Status.BAD_REQUEST),
            (10, "", Status.BAD_REQUEST),
            (11, "old/beneath", Status.WRONG_KIND),
            (12, "folder", Status.BAD_REQUEST),
            (13, "a" * 256, Status.BAD_ENDPOINT),
            (14, LONG, Status.BAD_ENDPOINT),
        ]
        self.assertEqual([(each["entry"], each["name"], each["status"]) for each in refused], expected)
        self.assertTrue(all(each["message"] for each in refused))
        self.assertEqual(self.names(), ["directory", "directory/file", "good1", "good2", "old"])
        self.assertEqual(self.read("old"), b"newer")

    def test_in_order(self) -> None:
        """Each entry sees the effect of those before it: of a name that comes twice the last one counts."""
        entries = [
            push_entry("a", b"1"),
            push_entry("a", b"2", if_hash=digest(b"1")),
            push_entry("a", b"3", if_hash="absent"),
            push_entry("d/file", b""),
            push_entry("d", None, meta_data=[["mode", 0o700]]),
            push_entry("d", b""),
        ]
        answer, refused, _ = push_batch(self.connection, "x", entries)
        self.assertEqual(answer.body, {"stored": 4, "refused": 2})
        self.assertEqual([(each["entry"], each["status"]) for each in refused], [(2, 44), (5, 43)])
        self.assertEqual(self.read("x/a"), b"2")
        self.assertEqual(os.stat(os.path.join(self.server.root, "x", "d")).st_mode & 0o777, 0o700)

    def test_directory_after_its_file(self) -> None:
        """A directory may come after what is in it: it has been made on the way, keeps that, and gets its metadata.

        With the condition that nothing is there it is refused, and no file takes its place.
        """
        entries = [
            push_entry("d/sub/file", b"content"),
            push_entry("d/sub", None, meta_data=[["mtime_us", 1_714_560_000_000_000], ["mode", 0o700]]),
            push_entry("d", None, if_hash="absent"),
            push_entry("d", b"file"),
        ]
        answer, refused, _ = push_batch(self.connection, "", entries)
        self.assertEqual(answer.body, {"stored": 2, "refused": 2})
        self.assertEqual([(each["entry"], each["status"]) for each in refused], [(2, 44), (3, 43)])
        self.assertEqual(self.read("d/sub/file"), b"content")
        found = os.stat(os.path.join(self.server.root, "d", "sub"))
        self.assertEqual((found.st_mtime_ns, found.st_mode & 0o777), (1_714_560_000_000_000_000, 0o700))

    def test_large_replaced(self) -> None:
        """A small file replaces a large one of the given hash, and none of another."""
        for name in ("same", "other"):
            self.server.put(name, content(3 * SMALL_FILE))
        entries = [
            push_entry("same", b"new", if_hash=digest(content(3 * SMALL_FILE))),
            push_entry("other", b"new", if_hash=digest(b"")),
        ]
        answer, refused, _ = push_batch(self.connection, "", entries)
        self.assertEqual((answer.body, [each["status"] for each in refused]), ({"stored": 1, "refused": 1}, [44]))
        self.assertEqual((self.read("same"), self.read("other")), (b"new", content(3 * SMALL_FILE)))

    def test_cannot_be_understood(self) -> None:
        """Behind a line that does not say how many bytes follow nothing is stored; what came before stands."""
        long = b" " * MAX_REQUEST_LINE
        for number, (bad, status) in enumerate(
            (
                (b"no json\n", Status.BAD_REQUEST),
                (b'{"name": "b", "content_length": -1}\n', Status.BAD_REQUEST),
                (b'{"name": "b", "content_length": "7"}\ncontent', Status.BAD_REQUEST),
                (b"[]\n", Status.BAD_REQUEST),
                (b'{"name": "b"' + long + b"}\n", Status.TOO_LARGE),
                (push_entry("b", content(SMALL_FILE + 1)), Status.TOO_LARGE),
                (push_entry("b", b"content")[:-1], Status.BAD_REQUEST),
                (push_entry("b", b"content", content_length=9), Status.BAD_REQUEST),
                (push_entry("b", b"content", content_length=10**15), Status.TOO_LARGE),
                (push_entry("b", b"content", content_length=2), Status.BAD_REQUEST),
                (b'{"name": "b"', Status.BAD_REQUEST),
            )
        ):
            base = f"x{number}"
            lies = bad.endswith(b"content")
            after = [] if status == Status.BAD_REQUEST and (bad[-1:] != b"\n" or lies) else [push_entry("c", b"3")]
            answer, _, _ = push_batch(self.connection, base, [push_entry("a", b"1"), bad, *after])
            self.assertEqual(answer.status, status, (bad[:80], answer))
            self.assertEqual(os.listdir(os.path.join(self.server.root, base)), ["a"])
        self.assertEqual(self.connection.ask("CMP", {"rel_endpoint": "x0/a", "hash": digest(b"1")}).status, 10)

    def test_bounds(self) -> None:
        """A batch of too many entries ends at the limit; one with parameters of its own is not begun."""
        entries = [push_entry(f"d{number % 7}", None) for number in range(BATCH_ENTRIES)]
        answer, _, _ = push_batch(self.connection, "", entries)
        self.assertEqual(answer.body, {"stored": BATCH_ENTRIES, "refused": 0}, "the control")
        answer, _, _ = push_batch(self.connection, "", [*entries, push_entry("more", b"1")])
        self.assertEqual(answer.status, Status.TOO_LARGE)
        self.assertEqual(self.names(), [f"d{number}" for number in range(7)])
        for more in ({"hash": digest(b"")}, {"offset": 5}, {"if_hash": "absent"}, {"meta_data": [["mode", 1]]}):
            answer, _, _ = push_batch(self.connection, "", [push_entry("more", b"1")], **more)
            self.assertEqual(answer.status, Status.BAD_REQUEST)
        self.assertNotIn("more", self.names())

    def test_empty(self) -> None:
        """A batch without entries stores nothing."""
        answer, _, _ = push_batch(self.connection, "nothing", [])
        self.assertEqual((answer.status, answer.body), (0, {"stored": 0, "refused": 0}))
        self.assertEqual(self.names(), [])

    def test_many_refused(self) -> None:
        """The reports of many long refusals come in several responses."""
        long = "/".join(["n" * 250] * 15)
        count = 400
        answer, refused, _ = push_batch(
            self.connection, "", [push_entry(f"{long}/{n}", hash=None) for n in range(count)]
        )
        self.assertEqual(answer.body, {"stored": 0, "refused": count})
        self.assertEqual([each["entry"] for each in refused], list(range(count)))

    def test_differing(self) -> None:
        """What has another mode than was asked for is reported: those of the root are the owner's."""
        before = os.stat(self.server.root).st_mode & 0o777
        entries = [push_entry("", None, meta_data=[["mode", 0o700]]), push_entry("a", b"1", meta_data=[["mode", 0]])]
        answer, refused, differing = push_batch(self.connection, "", entries)
        self.assertEqual((answer.body, refused), ({"stored": 2, "refused": 0}, []))
        self.assertEqual([(each["name"], dict(each["meta_data"])["mode"]) for each in differing], [("", before)])


class InFlightTests(QueuedCase):
    """Several batches of one connection, none of which is answered yet."""

    def send(self, base: str) -> None:
        """Send a batch of three files, large enough to arrive as a stream."""
        payload = b"".join(push_entry(f"f{number}", content(SMALL_FILE)) for number in range(3))
        self.connection.send("PUSH", {"rel_endpoint": base, "kind": "batch"}, payload)

    def test_at_once(self) -> None:
        """Batches in folders apart are stored at the same time; one in the same folder waits, but arrives meanwhile."""
        for second, at_once in (("b", 2), ("a", 1), ("a/b", 1), ("", 1)):
            self.setUp()
            self.send("a")
            self.send(second)
            self.assertEqual(self.connection.responses(), [])
            self.assertEqual(len(self.workers.jobs), at_once, second)
            self.assertEqual(self.connection.transport.producerState, "producing", "all of it was taken")
            self.work()
            self.assertEqual([answer.body for answer in self.connection.responses()], 2 * [{"stored": 3, "refused": 0}])
