"""A large file on its way into a store."""

from __future__ import annotations

from functools import partial
from typing import Any, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from homeftp.config import MIB, PIECE, SMALL_FILE, STREAM_PIECE
from homeftp.endpoint import parse
from homeftp.errors import Busy, Changed, ContentMismatch, Forbidden, TimedOut
from homeftp.files.budget import DIVISOR, MemoryBudget
from homeftp.files.upload import IncomingPayload
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces import IIncomingPayload, IPayload
from homeftp.model import Entry, WriteRequest
from homeftp.store.memory import MemoryStore
from tests.support.filestores import FilesTestCase, request_for

CONTENT = bytes(range(256)) * (4 * MIB // 256)


@implementer(IPayload)
class Pieces:
    """A payload whose pieces come when a test says so."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.asked = 0
        self._next: Deferred[bytes] = Deferred()

    def give(self, piece: bytes | Exception) -> None:
        """The next piece, or what ends the payload."""
        reader, self._next = self._next, Deferred()
        if isinstance(piece, Exception):
            reader.errback(piece)
        else:
            reader.callback(piece)

    async def read(self) -> bytes:
        self.asked += 1
        return await self._next

    async def read_all(self, limit: int) -> bytes:
        raise AssertionError("a large payload is read piece by piece")


class UploadTests(FilesTestCase):
    """`Files.upload` of a large file."""

    def setUp(self) -> None:
        super().setUp()
        self.payload = Pieces(len(CONTENT))

    def upload(self, **fields: Any) -> Deferred[Entry]:
        """Begin the upload of CONTENT."""
        uploading = self.start(self.files.upload(request_for("a", CONTENT, **fields), self.payload))
        self.workers.work_all()
        return uploading

    def give(self, *pieces: bytes | Exception) -> None:
        """Pieces that arrive one after another, and the work for each."""
        for piece in pieces:
            self.payload.give(piece)
            self.workers.work_all()

    def arrived(self) -> int:
        """How much of CONTENT is kept to be resumed."""
        point = self.store.resume_point(parse("a"), hash_bytes(CONTENT), len(CONTENT), None)
        return 0 if point is None else point.size

    def test_large_piece(self) -> None:
        """A payload that gives more at once than it may is written in pieces of `STREAM_PIECE`, each a job."""
        uploading = self.upload()
        self.payload.give(CONTENT)
        self.assertEqual([self.workers.work() for _ in range(5)], [1] * (len(CONTENT) // STREAM_PIECE) + [0])
        self.give(b"")
        self.successResultOf(uploading)
        self.assertEqual(self.content("a"), CONTENT)

    def test_cancelled(self) -> None:
        """Cancelled, nothing is kept; what is being written is aborted behind that, and not beside it."""
        uploading = self.upload()
        self.payload.give(CONTENT[: 2 * MIB])
        uploading.cancel()
        self.assertNoResult(uploading)
        for _ in range(2):
            self.assertEqual(len(self.workers.jobs), 1)
            self.workers.work()
        self.failureResultOf(uploading, CancelledError)
        self.assertEqual((self.workers.jobs, self.arrived(), self.content("a")), ([], 0, None))

    def test_whole(self) -> None:
        """The content is put in place after its last piece, and not before."""
        uploading = self.upload()
        self.give(CONTENT[:MIB], CONTENT[MIB:])
        self.assertIsNone(self.content("a"))
        self.give(b"")
        self.assertEqual(self.successResultOf(uploading).hash, hash_bytes(CONTENT))
        self.assertEqual(self.content("a"), CONTENT)

    def test_back_pressure(self) -> None:
        """The next piece is asked for when the one before it is written."""
        uploading = self.upload()
        self.assertEqual(self.payload.asked, 1)
        self.payload.give(CONTENT[:MIB])
        self.assertEqual((self.payload.asked, len(self.workers.jobs)), (1, 1))
        self.workers.work()
        self.assertEqual(self.payload.asked, 2)
        self.give(ConnectionLost())
        self.failureResultOf(uploading, ConnectionLost)

    def test_wrong_content(self) -> None:
        """Content of another hash is refused, and nothing of it is kept."""
        self.lay({"a": b"old"})
        uploading = self.upload()
        self.give(CONTENT[1:], b"x", b"")
        self.failureResultOf(uploading, ContentMismatch)
        self.assertEqual((self.content("a"), self.arrived()), (b"old", 0))

    def test_ends_early(self) -> None:
        """The part that arrived before a disconnect, a stall or a full pool is kept to be resumed."""
        for number, reason in enumerate((ConnectionLost(), TimedOut("stalled"), Busy("too busy")), 1):
            uploading = self.upload()
            self.give(CONTENT[: number * MIB], reason)
            self.failureResultOf(uploading, type(reason))
            self.assertEqual(self.arrived(), number * MIB)

    def test_fails(self) -> None:
        """After any other failure nothing is kept."""
        uploading = self.upload()
        self.give(CONTENT[:MIB], ZeroDivisionError())
        self.failureResultOf(uploading, ZeroDivisionError)
        self.assertEqual(self.arrived(), 0)

    def test_revoked(self) -> None:
        """Once access is revoked nothing is stored, and nothing kept, wherever the upload stands."""
        for pieces in ((CONTENT[:MIB],), (CONTENT[:MIB], ConnectionLost()), (CONTENT, b"")):
            self.login.revoked = False
            uploading = self.upload()
            self.give(*pieces[:-1])
            self.login.revoked = True
            self.give(pieces[-1])
            self.failureResultOf(uploading, Forbidden)
            self.assertEqual((self.content("a"), self.arrived()), (None, 0), pieces)

    def test_hangs_up_when_revoked(self) -> None:
        """A device that disconnects before the server has noticed that it was revoked leaves nothing either."""
        uploading = self.upload()
        self.give(CONTENT[:MIB])
        self.login.in_database = False
        self.give(ConnectionLost())
        self.failureResultOf(uploading, Forbidden)
        self.assertEqual(self.arrived(), 0)

    def test_resume(self) -> None:
        """An upload goes on from what arrived, after that was verified; the caller is told how far that is."""
        self.end_early(CONTENT[:MIB])
        told: list[int] = []

        async def progress(verified: int) -> None:
            told.append(verified)

        self.payload = Pieces(len(CONTENT) - MIB)
        request = request_for("a", CONTENT, offset=MIB)
        uploading = self.start(self.files.upload(request, self.payload, progress))
        self.workers.work_all()
        self.assertEqual(told, [MIB])
        self.give(CONTENT[MIB:], b"")
        self.successResultOf(uploading)
        self.assertEqual(self.content("a"), CONTENT)

    def end_early(self, piece: bytes) -> None:
        """An upload that ends after its first piece."""
        uploading = self.upload()
        self.give(piece, ConnectionLost())
        self.failureResultOf(uploading, ConnectionLost)

    def test_nothing_to_resume(self) -> None:
        """An upload with an offset does not begin where nothing arrived earlier."""
        self.failureResultOf(self.upload(offset=MIB), Changed)
        self.assertEqual(self.payload.asked, 0)

    def test_trailing_hash(self) -> None:
        """The hash that follows the content is asked for after the last piece, and checked."""
        for hash, kind in ((hash_bytes(CONTENT), None), (hash_bytes(b"other"), ContentMismatch)):
            known: list[str] = []
            request = request_for("a", CONTENT, hash=None)
            uploading = self.start(self.files.upload(request, self.payload, None, known.pop))
            self.workers.work_all()
            self.give(CONTENT)
            known.append(hash)
            self.give(b"")
            if kind is None:
                self.assertEqual(self.successResultOf(uploading).hash, hash)
            else:
                self.failureResultOf(uploading, kind)

    def test_unknown_size(self) -> None:
        """A file of unknown size is streamed too, however small it turns out to be."""
        uploading = self.start(self.files.upload(request_for("a", b"", size=None, hash=None), self.payload))
        self.workers.work_all()
        self.give(b"small", b"")
        self.assertEqual(self.successResultOf(uploading).size, 5)


class SmallUploadTests(FilesTestCase):
    """`Files.upload` of a small file."""

    def test_batched(self) -> None:
        """Small files, whose payload may still be arriving, are written together, with a hash that follows them too."""
        calls: list[int] = []
        write_many = self.store.write_many

        def counted(
            store: MemoryStore, requests: Sequence[tuple[WriteRequest, bytes | None]]
        ) -> Sequence[Entry | Exception]:
            calls.append(len(requests))
            return write_many(requests)

        self.patch(MemoryStore, "write_many", counted)
        contents = [bytes([number]) * SMALL_FILE for number in range(4)]
        uploads = [
            self.start(
                self.files.upload(
                    request_for(f"f{number}", content, hash=None), Whole(content), None, partial(hash_bytes, content)
                )
            )
            for number, content in enumerate(contents)
        ]
        self.workers.work_all()
        for upload, content in zip(uploads, contents, strict=True):
            self.assertEqual(self.successResultOf(upload).hash, hash_bytes(content))
        self.assertEqual(calls, [1, 3])


@implementer(IPayload)
class Whole:
    """A payload that can be read at once."""

    def __init__(self, content: bytes) -> None:
        self.size = len(content)
        self._content = content

    async def read(self) -> bytes:
        raise AssertionError("a small payload is read at once")

    async def read_all(self, limit: int) -> bytes:
        assert self.size <= limit
        return self._content


class MemoryTests(FilesTestCase):
    """The memory of payloads that a front end delivers."""

    def begin(self, size: int = len(CONTENT), **fields: Any) -> tuple[IncomingPayload, Deferred[Entry]]:
        """The upload of CONTENT, or of the beginning of it."""
        payload = IncomingPayload(size, lambda: None, self.budget)
        uploading = self.start(self.files.upload(request_for("a", CONTENT[:size], **fields), payload))
        self.workers.work_all()
        return payload, uploading

    def deliver(self, payload: IncomingPayload, content: bytes) -> None:
        """All of it, as fast as it is read."""
        for start in range(0, len(content), PIECE):
            self.assertFalse(payload.full)
            payload.deliver(content[start : start + PIECE])
            self.workers.work_all()

    def test_stored(self) -> None:
        """It counts until it is read, whether the file is large or small."""
        for size in (len(CONTENT), SMALL_FILE):
            payload, uploading = self.begin(size)
            self.assertEqual(self.budget.streams, 1)
            self.deliver(payload, CONTENT[:size])
            self.assertEqual(self.successResultOf(uploading).hash, hash_bytes(CONTENT[:size]))
            self.assertEqual(self.budget.streams, 0)

    def test_refused(self) -> None:
        """It counts no more when the upload is over; what still arrives is discarded."""
        for size in (len(CONTENT), SMALL_FILE):
            payload, uploading = self.begin(size, precondition="0" * 64)
            self.deliver(payload, CONTENT[:size])
            self.failureResultOf(uploading, Changed)
            self.assertEqual((self.budget.streams, payload.full), (0, False))

    def test_cancelled(self) -> None:
        """The same for one that the front end gives up."""
        payload, uploading = self.begin()
        payload.deliver(CONTENT[:PIECE])
        uploading.cancel()
        self.workers.work_all()
        self.failureResultOf(uploading, CancelledError)
        self.assertEqual(self.budget.streams, 0)


class IncomingPayloadTests(SynchronousTestCase):
    """A payload that is arriving."""

    def setUp(self) -> None:
        self.changes = 0
        self.budget = MemoryBudget(DIVISOR * PIECE)

    def stream(self, size: int) -> IncomingPayload:
        def changed() -> None:
            self.changes += 1

        return IncomingPayload(size, changed, self.budget)

    def test_interface(self) -> None:
        """It is what it says."""
        verifyObject(IIncomingPayload, self.stream(1))

    def test_waits_for_a_piece(self) -> None:
        """A reader gets a piece when there is a whole one, and the rest at the end."""
        payload = self.stream(PIECE + 10)
        reading = Deferred.fromCoroutine(payload.read())
        payload.deliver(bytes(PIECE - 1))
        self.assertNoResult(reading)
        payload.deliver(bytes(1))
        self.assertEqual(len(self.successResultOf(reading)), PIECE)
        payload.deliver(bytes(10))
        self.assertEqual(len(self.successResultOf(Deferred.fromCoroutine(payload.read()))), 10)
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(payload.read())), b"")

    def test_bounded(self) -> None:
        """A reader never gets more than `STREAM_PIECE` bytes, however many come at once; nothing is lost."""
        content = bytes(range(256)) * (5 * STREAM_PIECE // 512)
        payload = IncomingPayload(len(content), lambda: None, MemoryBudget())
        payload.deliver(content[:100])
        payload.deliver(content[100:])
        pieces = []
        while piece := self.successResultOf(Deferred.fromCoroutine(payload.read())):
            pieces.append(piece)
        sizes = [100, STREAM_PIECE, STREAM_PIECE, STREAM_PIECE // 2 - 100]
        self.assertEqual([len(piece) for piece in pieces], sizes)
        self.assertEqual(b"".join(pieces), content)

    def test_full(self) -> None:
        """It says when the client must wait, and when it need not any more."""
        payload = self.stream(10 * PIECE)
        payload.deliver(bytes(PIECE))
        self.assertTrue(payload.full)
        self.assertEqual(self.changes, 1)
        self.successResultOf(Deferred.fromCoroutine(payload.read()))
        self.assertFalse(payload.full)
        self.assertEqual(self.changes, 2)

    def test_failure(self) -> None:
        """The failure that ended a stream reaches the reader, now and later."""
        payload = self.stream(10)
        reading = Deferred.fromCoroutine(payload.read())
        payload.fail(TimedOut("late"))
        self.failureResultOf(reading, TimedOut)
        self.failureResultOf(Deferred.fromCoroutine(payload.read()), TimedOut)

    def test_failure_behind_nothing(self) -> None:
        """Nothing, as a connection that is resumed hands it on, is not taken for the end of the stream."""
        payload = self.stream(10 * PIECE)
        payload.deliver(bytes(PIECE))
        self.assertEqual(len(self.successResultOf(Deferred.fromCoroutine(payload.read()))), PIECE)
        payload.deliver(b"")
        payload.fail(TimedOut("late"))
        self.failureResultOf(Deferred.fromCoroutine(payload.read()), TimedOut)

    def test_last_bytes(self) -> None:
        """Data that arrived before the end is given first, however little it is."""
        payload = self.stream(10 * PIECE)
        payload.deliver(b"last")
        payload.fail(TimedOut("late"))
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(payload.read())), b"last")
        self.failureResultOf(Deferred.fromCoroutine(payload.read()), TimedOut)

    def test_discard(self) -> None:
        """A discarded payload is counted and not kept."""
        payload = self.stream(10 * PIECE)
        payload.deliver(bytes(PIECE))
        payload.discard()
        self.assertFalse(payload.full)
        for _ in range(9):
            payload.deliver(bytes(PIECE))
        self.assertFalse(payload.full)
        self.assertEqual(payload.missing, 0)
