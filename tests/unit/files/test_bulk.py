"""Many small files of one request."""

from __future__ import annotations

from typing import Any, AsyncIterator, Callable, Sequence
from unittest import mock

from twisted.internet.defer import Deferred, succeed

from homeftp.config import BATCH_JOB, SLICE, SMALL_FILE, STREAM_PIECE
from homeftp.endpoint import Endpoint, parse
from homeftp.errors import BadRequest, Changed, Forbidden, NotFound, Refusal, TooLarge, WrongKind
from homeftp.files.budget import MemoryBudget
from homeftp.files.factory import FilesFactory
from homeftp.files.refusals import RefusedChange
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces import BatchWrite, FileContent
from homeftp.model import ABSENT, Actor, Entry, WriteRequest
from homeftp.status import Status
from homeftp.workers.batcher import ITEMS_SHARED
from tests.support.filestores import FilesTestCase, request_for
from tests.support.queuedworkers import QueuedWorkers
from tests.support.stores import StoreCase

ANN = Actor("ann", "laptop")


def write(name: str, content: bytes | None, **fields: Any) -> BatchWrite:
    """A file, or a directory where there is no content."""
    if content is None:
        return BatchWrite(WriteRequest(endpoint=parse(name), **fields), None)
    return BatchWrite(request_for(name, content, **fields), content)


def names_of(results: Sequence[Entry | Exception]) -> list[str]:
    """The kind of each result."""
    return [result.kind if isinstance(result, Entry) else type(result).__name__ for result in results]


class WritingTests(FilesTestCase):
    """`write_batch`."""

    def setUp(self) -> None:
        super().setUp()
        self.refused: list[tuple[Status, RefusedChange]] = []
        self.files = self.make_files(records_raised=True)

    def make_files(self, *, records_raised: bool) -> Any:
        """The files of a login whose refusals are recorded."""

        def record(status: Status, change: RefusedChange) -> Deferred[None]:
            self.refused.append((status, change))
            return succeed(None)

        return self.factory.files(self.store, ANN, self.login, record, records_raised=records_raised)

    def written(self, *items: BatchWrite | Refusal) -> Sequence[Entry | Exception]:
        """The results of one call."""
        found: Sequence[Entry | Exception] = self.result_of(self.files.write_batch(lambda most: items))
        return found

    def test_order(self) -> None:
        """Files and directories are stored in their order, with a result for each."""
        results = self.written(
            write("a", b"1"),
            write("d", None, mode=0o700),
            BadRequest("not understood"),
            write("d/b", b"2"),
            write("d", b"3"),
            write("a", b"4", precondition=ABSENT),
        )
        self.assertEqual(names_of(results), ["file", "directory", "BadRequest", "file", "WrongKind", "Changed"])
        self.assertEqual((self.content("a"), self.content("d/b")), (b"1", b"2"))

    def test_actor(self) -> None:
        """Every change is recorded as the login's, whatever a request says."""
        self.written(write("a", b"1", actor=Actor("mallory")), write("d", None, actor=Actor("mallory")))
        self.assertEqual({change.actor for change in self.changes}, {ANN})

    def test_recorded(self) -> None:
        """What the store refuses is recorded, also where a caller records what calls raise; what is stored is not."""
        for records_raised in (True, False):
            self.files = self.make_files(records_raised=records_raised)
            self.refused.clear()
            self.written(
                write("good", b"1"), write("wrong", b"2", hash=hash_bytes(b"other")), BadRequest("not understood")
            )
            expected = [(Status.CONTENT_MISMATCH, parse("wrong"))]
            self.assertEqual([(status, change.endpoint) for status, change in self.refused], expected)

    def test_too_large(self) -> None:
        """A content beyond what is small is refused, and the others stand."""
        results = self.written(write("a", bytes(SMALL_FILE + 1)), write("b", bytes(SMALL_FILE)))
        self.assertEqual(names_of(results), ["TooLarge", "file"])

    def test_revoked(self) -> None:
        """Nothing is stored, nor even decoded, once access was revoked."""
        decode = mock.Mock(return_value=[write("a", b"1")])
        self.login.revoked = True
        self.error_of(Forbidden, self.files.write_batch(decode))
        decode.assert_not_called()
        self.login.revoked = False
        self.result_of(self.files.write_batch(decode))
        self.assertEqual(self.content("a"), b"1", "the control")

    def test_shared(self) -> None:
        """A job is short while other accounts are served: so many entries it asks for."""
        asked: list[int] = []

        def decode(most: int) -> list[BatchWrite]:
            asked.append(most)
            return []

        for shared in (False, True):
            self.workers.shared = shared
            self.result_of(self.files.write_batch(decode))
        self.assertEqual(asked, [BATCH_JOB, ITEMS_SHARED])

    def test_decoding_fails(self) -> None:
        """What `decode` raises is raised."""
        self.error_of(TooLarge, self.files.write_batch(mock.Mock(side_effect=TooLarge("too much"))))
        self.assertEqual(self.written(), [])


class ConditionTests(StoreCase):
    """`write_batch`, where a condition needs the hash of a large file, with a store on the disk."""

    def test_conditions(self) -> None:
        """Such a file is hashed, and written in a call of its own; a refusal there is recorded too, once."""
        large = b"x" * (SLICE + 1)
        for name, content in (("a", b"old"), ("large", large), ("other", large)):
            self.lay(name, content)
        refused: list[tuple[Status, Endpoint]] = []

        def record(status: Status, change: RefusedChange) -> Deferred[None]:
            refused.append((status, change.endpoint))
            return succeed(None)

        workers = QueuedWorkers()
        files = FilesFactory(workers, MemoryBudget()).files(self.store(), ANN, record_refusal=record)
        items = [
            write("a", b"1", precondition=hash_bytes(b"old")),
            write("large", b"2", precondition=hash_bytes(large)),
            write("other", b"3", precondition=hash_bytes(b"y" * len(large))),
        ]
        writing = files.write_batch(lambda most: items)
        workers.work()
        self.assertNoResult(writing)
        workers.work_all()
        self.assertEqual(names_of(self.successResultOf(writing)), ["file", "file", "Changed"])
        self.assertEqual(refused, [(Status.CHANGED, parse("other"))])


class ReadingTests(FilesTestCase):
    """`read_batch`."""

    def read(self, *names: str) -> list[FileContent | Exception]:
        """The results for these names."""
        return [result for some in self.chunks(names, list) for result in some]

    def chunks(self, names: Sequence[str], encode: Callable[..., Any]) -> list[Any]:
        """What is encoded, in pieces."""

        async def collect(pages: AsyncIterator[Any]) -> list[Any]:
            return [page async for page in pages]

        return self.result_of(collect(self.files.read_batch([parse(name) for name in names], encode)))

    def test_read(self) -> None:
        """Each small file comes with its hash, in the order asked for; others are refused one by one."""
        self.lay({"a": b"1", "d/b": bytes(SMALL_FILE), "large": bytes(SMALL_FILE + 1)})
        results = self.read("d/b", "missing", "large", "d", "a", "a")
        self.assertEqual(
            [type(result) for result in results], [FileContent, NotFound, TooLarge, WrongKind, FileContent, FileContent]
        )
        first, last = results[0], results[-1]
        assert isinstance(first, FileContent)
        assert isinstance(last, FileContent)
        self.assertEqual((first.content, first.entry.hash), (bytes(SMALL_FILE), hash_bytes(bytes(SMALL_FILE))))
        self.assertEqual((last.content, last.entry.hash), (b"1", hash_bytes(b"1")))

    def test_memory(self) -> None:
        """As much is read at a time as memory is granted; it is released at the end, also of a reading cut short."""
        count = 40
        self.lay({f"f{number}": bytes(SMALL_FILE) for number in range(count)})
        names = [f"f{number}" for number in range(count)]
        sizes = self.chunks(names, lambda results: sum(len(result.content) for result in results))
        self.assertEqual(sum(sizes), count * SMALL_FILE)
        self.assertLess(max(sizes), 2 * STREAM_PIECE)
        self.assertEqual(self.budget.granted, 0)
        others = [object() for _ in range(100)]
        for other in others:
            self.budget.grant(other)
        held = self.budget.granted
        self.assertLessEqual(max(self.chunks(names, lambda results: len(results))), 1)
        self.assertEqual(self.budget.granted, held)
        pages = self.files.read_batch([parse(name) for name in names], list)
        self.result_of(pages.__anext__())
        self.assertGreater(self.budget.granted, held)
        self.result_of(pages.aclose())
        self.assertEqual(self.budget.granted, held)

    def test_mixed(self) -> None:
        """Tiny files are opened many at a time; large ones behind them come whole, in order, and in bounded memory."""
        sizes = [1] * 40 + [SMALL_FILE] * 60 + [SMALL_FILE + 1] + [3] * 40 + [SMALL_FILE] * 10
        names = [f"f{number:03}" for number in range(len(sizes))]
        self.lay({name: name[-1:].encode() * size for name, size in zip(names, sizes, strict=True)})
        jobs = self.chunks(names, list)
        results = [result for some in jobs for result in some]
        whole = [result for result in results if isinstance(result, FileContent)]
        self.assertEqual([type(each) for each in results if not isinstance(each, FileContent)], [TooLarge])
        self.assertEqual(
            [each.content for each in whole],
            [name[-1:].encode() * size for name, size in zip(names, sizes, strict=True) if size <= SMALL_FILE],
        )
        held = [sum(len(each.content) for each in some if isinstance(each, FileContent)) for some in jobs]
        self.assertLess(max(held), 2 * STREAM_PIECE)

    def test_many(self) -> None:
        """More files than one job takes."""
        count = BATCH_JOB + 9
        self.lay({f"f{number}": b"%d" % number for number in range(count)})
        results = self.read(*(f"f{number}" for number in range(count)))
        self.assertEqual(
            [each.content for each in results if isinstance(each, FileContent)], [b"%d" % n for n in range(count)]
        )

    def test_shared(self) -> None:
        """A job is short while other accounts are served."""
        names = [f"f{number}" for number in range(2 * ITEMS_SHARED)]
        self.lay(dict.fromkeys(names, b"content"))
        self.assertEqual(self.chunks(names, len), [len(names)])
        self.workers.shared = True
        self.assertEqual(self.chunks(names, len), [ITEMS_SHARED, ITEMS_SHARED])

    def test_revoked(self) -> None:
        """Nothing is read once access was revoked."""
        self.lay({"a": b"1"})
        self.login.revoked = True
        pages = self.files.read_batch([parse("a")], list)
        self.error_of(Forbidden, pages.__anext__())

    def test_audited(self) -> None:
        """Each file that is read is recorded first, where reads are; one that cannot be recorded is not given."""
        self.lay({"a": b"1", "b": b"2"})
        record = mock.Mock(side_effect=[None, Changed("the disk is full")])
        self.files = self.factory.files(self.store, ANN, self.login, record_read=record)
        results = self.read("a", "b", "missing")
        self.assertEqual([type(result) for result in results], [FileContent, Changed, NotFound])
        self.assertEqual([call.args for call in record.call_args_list], [("file", parse("a")), ("file", parse("b"))])
