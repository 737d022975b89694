"""A file that is open for reading."""

from __future__ import annotations

from typing import Any, Callable, Coroutine, Iterator

import attrs
from msgspec import structs
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionLost
from zope.interface import implementer
from zope.interface.verify import verifyObject

from homeftp.config import MIN_PIECE, PIECE, SMALL_FILE, STREAM_PIECE
from homeftp.endpoint import parse
from homeftp.errors import Changed, Forbidden, NotFound, Refusal, TooLarge, WrongKind
from homeftp.files.download import RANGES_COMPARED, FilePayload, FileStream
from homeftp.files.jobs.revocation import RevocableJobs
from homeftp.files.jobs.turns import Turns
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces import IFileStream, IOpenFile, IPayload
from homeftp.model import Entry
from tests.support.filestores import FilesTestCase

LARGE = bytes(range(256)) * (3 * STREAM_PIECE // 256)


@implementer(IOpenFile)
@attrs.define
class FakeFile:
    """An open file whose hash is not known; a test makes it stale, or changes it."""

    data: bytes = LARGE
    entry: Entry = Entry("", "file", len(LARGE))
    content: bytes | None = None
    stale: bool = False
    hashed: int = 0
    verified: str | None = None
    closed: int = 0

    def read(self, offset: int, length: int) -> bytes:
        assert not self.closed, "another file may have its descriptor by now"
        return self.data[offset : offset + length]

    def hash_steps(self) -> Iterator[str | None]:
        self.hashed += 1
        yield None
        yield hash_bytes(self.data)

    def is_stale(self) -> bool:
        return self.stale

    def close_verified(self, hash: str | None) -> Entry:
        self.verified = hash
        return structs.replace(self.entry, hash=hash)

    def close(self) -> None:
        self.closed += 1


class SmallFileTests(FilesTestCase):
    """A file that was read when it was opened."""

    def test_no_jobs(self) -> None:
        """Once it is open the pool is not needed: not for its hash, its bytes, its verification, nor to close it."""
        self.lay({"a": b"0123456789"})
        stream = self.result_of(self.files.open(parse("a")))
        verifyObject(IFileStream, stream)
        self.assertEqual(self.successResultOf(self.start(stream.hash())), hash_bytes(b"0123456789"))
        self.assertEqual(self.successResultOf(self.start(stream.read(2, 3))), b"234")
        self.assertEqual(stream.payload(8, 2), b"89")
        self.assertEqual(self.successResultOf(self.start(stream.close_verified())), stream.entry)
        self.successResultOf(self.start(stream.close()))


class LargeFileTests(FilesTestCase):
    """A file that is read piece by piece."""

    def setUp(self) -> None:
        super().setUp()
        self.file = FakeFile()
        self.stream = FileStream(self.file, Turns(RevocableJobs(self.workers, self.login)), self.budget)

    def payload(self, offset: int = 0, length: int = len(LARGE)) -> FilePayload:
        """A part of the file."""
        payload = self.stream.payload(offset, length)
        assert isinstance(payload, FilePayload)
        return payload

    def pieces(self, payload: FilePayload) -> list[bytes]:
        """All pieces of a payload."""
        pieces = []
        while piece := self.result_of(payload.read()):
            pieces.append(piece)
        return pieces

    def test_pieces(self) -> None:
        """The bytes come whole, in pieces of at most `STREAM_PIECE`, from anywhere in the file."""
        payload = self.payload()
        verifyObject(IPayload, payload)
        pieces = self.pieces(payload)
        self.assertEqual(b"".join(pieces), LARGE)
        self.assertTrue(all(PIECE <= len(piece) <= STREAM_PIECE for piece in pieces[:-1]))
        self.result_of(self.stream.close_verified())
        self.assertEqual(b"".join(self.pieces(self.payload(100, PIECE + 1))), LARGE[100 : 101 + PIECE])

    def test_read_ahead(self) -> None:
        """While one piece is being sent the next one is read, and not more than that."""
        self.result_of(self.payload().read())
        self.assertEqual(self.workers.jobs, [])
        reading = self.start(self.stream._payload.read())  # type: ignore[union-attr]
        self.successResultOf(reading)
        self.assertEqual(len(self.workers.jobs), 1)

    def test_hashed_on_the_way(self) -> None:
        """A file that is sent whole is not read again for its hash, which the store gets; part of one has none."""
        self.pieces(self.payload())
        entry = self.result_of(self.stream.close_verified())
        self.assertEqual((entry.hash, self.file.verified, self.file.hashed), (hash_bytes(LARGE),) * 2 + (0,))
        self.pieces(self.payload(0, len(LARGE) - 1))
        self.assertIsNone(self.result_of(self.stream.close_verified()).hash)

    def test_broken_off(self) -> None:
        """Of a payload that was not read to its end no hash is made."""
        self.result_of(self.payload().read())
        self.result_of(self.stream.close_verified())
        self.assertIsNone(self.file.verified)

    def test_stale(self) -> None:
        """A stale file is hashed again: the same content passes, another is refused."""
        self.file.stale = True
        self.pieces(self.payload())
        self.assertEqual(self.result_of(self.stream.close_verified()).hash, hash_bytes(LARGE))
        self.assertEqual(self.file.hashed, 1)
        self.pieces(self.payload())
        self.file.data = b"other"
        self.error_of(Changed, self.stream.close_verified())

    def test_written_just_now(self) -> None:
        """What was read of a file that was written just now is read again, also a part; another content is refused."""
        self.file.stale = True
        for changed in (False, True):
            self.assertEqual(b"".join(self.pieces(self.payload(10, PIECE + 5))), self.file.data[10 : PIECE + 15])
            self.assertEqual(self.result_of(self.stream.read(5, 3)), self.file.data[5:8])
            if changed:
                self.file.data = LARGE[::-1]
                self.error_of(Changed, self.stream.close_verified())
            else:
                self.assertIsNone(self.result_of(self.stream.close_verified()).hash)
                self.assertIsNone(self.file.verified)

    def test_empty(self) -> None:
        """An empty file that was sent has been read whole: its hash is known. Of no bytes of a longer one it is not."""
        self.assertEqual(self.pieces(self.payload(len(LARGE), 0)), [])
        self.assertIsNone(self.result_of(self.stream.close_verified()).hash)
        self.file.data, self.file.entry = b"", Entry("", "file", 0)
        self.assertEqual(self.pieces(self.payload(0, 0)), [])
        entry = self.result_of(self.stream.close_verified())
        self.assertEqual((entry.hash, self.file.verified, self.file.hashed), (hash_bytes(b""),) * 2 + (0,))

    def test_many_reads(self) -> None:
        """So many reads of such a file are compared, and the next is refused; of any other file none is remembered."""
        for self.file.stale in (False, True):
            for number in range(RANGES_COMPARED):
                self.result_of(self.stream.read(number, 1))
        self.error_of(Changed, self.stream.read(0, 1))

    def test_shared_hash(self) -> None:
        """A file that has a tag gets the hash of the content with that tag, and hashes itself where that is another."""
        self.file.entry = structs.replace(self.file.entry, tag="now")
        others: list[Entry | Refusal] = [
            structs.replace(self.file.entry, hash="shared"),
            structs.replace(self.file.entry, hash="shared", tag="later"),
            NotFound("it is gone"),
            WrongKind("it is a directory"),
        ]
        for hashed, other in zip((0, 1, 2, 3), others, strict=True):

            async def hash_shared(cancelled: object, other: Entry | Refusal = other) -> Entry:
                if isinstance(other, Refusal):
                    raise other
                return other

            stream = FileStream(self.file, self.workers, self.budget, hash_shared)
            found = self.result_of(stream.hash())
            self.assertEqual((found, self.file.hashed), (hash_bytes(LARGE) if hashed else "shared", hashed))
            self.assertEqual((stream.entry.hash, self.result_of(stream.close_verified()).hash), (found, found))

    def test_hash(self) -> None:
        """The hash is read step by step, each a job; it is not read where it is known."""
        hashing = self.start(self.stream.hash())
        for _ in range(2):
            self.assertNoResult(hashing)
            self.workers.work()
        self.assertEqual(self.successResultOf(hashing), hash_bytes(LARGE))
        self.file.entry = structs.replace(self.file.entry, hash="known")
        self.assertEqual(self.successResultOf(self.start(self.stream.hash())), "known")

    def test_cancelled(self) -> None:
        """Hashing ends between two steps once it is cancelled."""
        cancelled = False
        hashing = self.start(self.stream.hash(lambda: cancelled))
        cancelled = True
        self.workers.work()
        self.failureResultOf(hashing, ConnectionLost)
        self.assertEqual(self.workers.jobs, [])

    def test_close(self) -> None:
        """The file is closed after the read that is under way, and the budget is given back."""
        self.result_of(self.payload().read())
        self.successResultOf(self.start(self.stream._payload.read()))  # type: ignore[union-attr]
        self.assertEqual(self.budget.streams, 1)
        closing = self.start(self.stream.close())
        self.workers.work()
        self.assertEqual((self.file.closed, self.budget.streams), (0, 0))
        self.workers.work()
        self.successResultOf(closing)
        self.assertEqual(self.file.closed, 1)

    def test_one_at_a_time(self) -> None:
        """Calls that are made without waiting run one after another; the file is closed behind all of them."""
        reads = [self.start(self.stream.read(offset, 4)) for offset in (0, 4)]
        hashing = self.start(self.stream.hash())
        closing = self.start(self.stream.close())
        for _ in range(4):
            self.assertNoResult(closing)
            self.assertEqual((self.workers.work(), len(self.workers.jobs)), (1, self.file.closed == 0))
        self.assertEqual([self.successResultOf(each) for each in reads], [LARGE[:4], LARGE[4:8]])
        self.assertEqual(self.file.closed, 1)
        self.successResultOf(closing)
        self.failureResultOf(hashing, ConnectionLost)

    def test_cancelled_read(self) -> None:
        """A caller that does not wait for its read is answered at once; the file is closed when the read has ended."""
        payload = self.payload()
        for reading in (self.start(self.stream.read(0, 4)), self.start(payload.read())):
            reading.cancel()
            self.failureResultOf(reading, CancelledError)
        closing = self.start(self.stream.close())
        for _ in range(2):
            self.assertEqual((len(self.workers.jobs), self.file.closed), (1, 0))
            self.workers.work()
        self.workers.work()
        self.successResultOf(closing)
        self.assertEqual(self.file.closed, 1)

    def test_lost_piece(self) -> None:
        """After a read that was cancelled a payload gives nothing more: a piece would be missing."""
        payload = self.payload()
        self.start(payload.read()).addErrback(lambda failure: failure.trap(CancelledError)).cancel()
        self.workers.work_all()
        self.error_of(ConnectionLost, payload.read())

    def test_most(self) -> None:
        """More than `STREAM_PIECE` bytes are not held at once."""
        self.assertEqual(len(self.result_of(self.stream.read(0, STREAM_PIECE))), STREAM_PIECE)
        self.assertIn(str(STREAM_PIECE), self.error_of(TooLarge, self.stream.read(0, STREAM_PIECE + 1)).message)
        self.assertEqual(self.workers.jobs, [])

    def test_revoked(self) -> None:
        """Once access is revoked nothing is read; the file can be closed."""
        reads: list[Callable[[], Coroutine[Any, Any, object]]] = [
            lambda: self.stream.read(0, 4),
            lambda: self.payload(0, 4).read(),
            lambda: self.stream.hash(),
        ]
        other = FileStream(self.file, Turns(RevocableJobs(self.workers, self.login)), self.budget)
        self.result_of(other.hash())
        for read in reads[:2]:
            self.result_of(read())
            self.result_of(self.stream.close_verified())
        self.login.revoked = True
        for read in reads:
            self.error_of(Forbidden, read())
            self.stream._payload = None
        self.result_of(self.stream.close())

    def test_read_after_stop(self) -> None:
        """A payload that was stopped is not read again: it would never leave the budget."""
        payload = self.payload()
        self.result_of(payload.read())
        self.result_of(payload.stop())
        self.error_of(ConnectionLost, payload.read())
        self.assertEqual((self.budget.streams, self.workers.jobs), (0, []))

    def test_stopped_while_reading(self) -> None:
        """A piece that arrives after the payload was stopped is the last: nothing is read ahead of it."""
        payload = self.payload()
        reading = self.start(payload.read())
        stopping = self.start(payload.stop())
        self.assertNoResult(stopping)
        self.workers.work()
        self.failureResultOf(reading, ConnectionLost)
        self.successResultOf(stopping)
        self.assertEqual((self.budget.streams, self.workers.jobs), (0, []))

    def test_budget(self) -> None:
        """Pieces are small while many streams share the memory."""
        for number in range(100):
            self.budget.grant(number)
        self.assertEqual(len(self.result_of(self.payload().read())), MIN_PIECE // 2)

    def test_read_all(self) -> None:
        """All of it at once, up to a limit."""
        self.assertEqual(self.result_of(self.payload(0, SMALL_FILE).read_all(SMALL_FILE)), LARGE[:SMALL_FILE])
        self.result_of(self.stream.close_verified())
        self.error_of(TooLarge, self.payload().read_all(SMALL_FILE))
