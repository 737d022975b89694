"""Refused changes are recorded, and then their callers are told."""

from __future__ import annotations

from functools import partial
from typing import Any, AsyncGenerator, Awaitable, Callable

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import SMALL_FILE, STREAM_PIECE
from homeftp.endpoint import parse
from homeftp.errors import Changed, Forbidden, NotFound, TooLarge
from homeftp.files.refusals import RefusedChange, record_no_refusal, recorded, recorded_steps
from homeftp.history.changes import Pruned, PruneStep
from homeftp.model import ABSENT, SERVER
from homeftp.server.json.payload import WholePayload
from homeftp.status import Status
from tests.support.filestores import FilesTestCase, request_for

CHANGE = RefusedChange(parse("a"))


class RecordedTests(SynchronousTestCase):
    """`recorded`."""

    def setUp(self) -> None:
        self.records: list[tuple[Status, RefusedChange]] = []
        self.written: Deferred[None] = Deferred()
        self.work: Deferred[str] = Deferred()
        self.answer = recorded(self.work, CHANGE, self.record)

    def record(self, status: Status, change: RefusedChange) -> Deferred[None]:
        self.records.append((status, change))
        return self.written

    def test_done(self) -> None:
        """A change that is made is not recorded here."""
        self.work.callback("done")
        self.assertEqual((self.successResultOf(self.answer), self.records), ("done", []))

    def test_refused(self) -> None:
        """The caller is told after the record has been written, and gets the refusal."""
        self.work.errback(Changed("another content is there"))
        self.assertNoResult(self.answer)
        self.assertEqual(self.records, [(Status.CHANGED, CHANGE)])
        self.written.callback(None)
        self.failureResultOf(self.answer, Changed)

    def test_fault(self) -> None:
        """A fault of the server is recorded as what clients are told of it."""
        self.work.errback(ZeroDivisionError())
        self.written.callback(None)
        self.assertEqual(self.records, [(Status.INTERNAL, CHANGE)])
        self.failureResultOf(self.answer, ZeroDivisionError)

    def test_without_a_reader(self) -> None:
        """Where nobody waits for the answer nothing was refused."""
        for error in (CancelledError, ConnectionLost):
            self.setUp()
            self.work.errback(error())
            self.failureResultOf(self.answer, error)
            self.assertEqual(self.records, [])

    def test_not_recorded(self) -> None:
        """Without an audit log a refusal is a refusal."""
        self.successResultOf(record_no_refusal(Status.FORBIDDEN, CHANGE))

    def test_fields(self) -> None:
        """Endpoints are those of the whole store."""
        change = RefusedChange(parse("a"), parse("d/b"), 5, "a hash", ABSENT)
        fields = {"endpoint": "home/a", "to": "home/d/b", "size": 5, "hash": "a hash", "old_hash": "absent"}
        self.assertEqual(change.fields(parse("home")), fields)
        self.assertEqual(CHANGE.fields(parse(""))["endpoint"], "a")


class StepsTests(SynchronousTestCase):
    """`recorded_steps`."""

    def setUp(self) -> None:
        self.records: list[tuple[Status, RefusedChange]] = []
        self.closed = 0

    def record(self, status: Status, change: RefusedChange) -> Deferred[None]:
        self.records.append((status, change))
        return succeed(None)

    async def steps(self, *steps: PruneStep | Exception) -> AsyncGenerator[PruneStep, None]:
        try:
            for step in steps:
                if isinstance(step, Exception):
                    raise step
                yield step
        finally:
            self.closed += 1

    def collect(self, *steps: PruneStep | Exception, records_raised: bool = True) -> Deferred[list[PruneStep]]:
        async def collect() -> list[PruneStep]:
            recorded = recorded_steps(self.steps(*steps), CHANGE, self.record, records_raised=records_raised)
            return [step async for step in recorded]

        return Deferred.fromCoroutine(collect())

    def test_refused(self) -> None:
        """Each refusal of a step has a record with its own endpoint; the rest has none."""
        why = Forbidden("you may not")
        kinds = (("", why), ("b", None), ("c/d", why))
        step = PruneStep(tuple(Pruned(name=name, at_us=1, size=1, refusal=refusal) for name, refusal in kinds))
        self.assertEqual(self.successResultOf(self.collect(step, PruneStep())), [step, PruneStep()])
        expected = [(Status.FORBIDDEN, RefusedChange(parse(name))) for name in ("a", "a/c/d")]
        self.assertEqual((self.records, self.closed), (expected, 1))
        self.records.clear()
        self.successResultOf(self.collect(step, records_raised=False))
        self.assertEqual(self.records, expected, "it is not raised")

    def test_ended(self) -> None:
        """What ends all of it has one record; none where nobody waits for an answer, or the caller records it."""
        ends: list[tuple[Exception, Status]] = [
            (NotFound("nothing"), Status.NOT_FOUND),
            (ZeroDivisionError(), Status.INTERNAL),
        ]
        for error, status in ends:
            self.failureResultOf(self.collect(PruneStep(), error), type(error))
            self.assertEqual(self.records, [(status, CHANGE)])
            self.records.clear()
        self.failureResultOf(self.collect(ConnectionLost()), ConnectionLost)
        self.failureResultOf(self.collect(NotFound("nothing"), records_raised=False), NotFound)
        self.assertEqual((self.records, self.closed), ([], 4))


class FilesRefusalTests(FilesTestCase):
    """Every method of `Files` that changes something."""

    def setUp(self) -> None:
        super().setUp()
        self.lay({"a": b"content"})
        self.records: list[tuple[int, str, str | None, int | None]] = []
        self.files = self.factory.files(self.store, SERVER, self.login, self.record)

    def record(self, status: Status, change: RefusedChange) -> Deferred[None]:
        to = None if change.to is None else str(change.to)
        self.records.append((int(status), str(change.endpoint), to, change.size))
        return succeed(None)

    def test_each(self) -> None:
        """One that is refused has one record; the control is `ChangingTests.test_changes` of test_files.py."""
        large = bytes(SMALL_FILE + 1)
        a, b, files = parse("a"), parse("b"), self.files
        refused: list[tuple[Callable[[], Awaitable[Any]], type[Exception], tuple[Any, ...]]] = [
            (lambda: files.write(request_for("a", b"x", precondition=ABSENT), b"x"), Changed, (44, "a", None, 1)),
            (lambda: files.write(request_for("a", large), large), TooLarge, (22, "a", None, len(large))),
            (
                lambda: files.upload(request_for("a", large, precondition=ABSENT), WholePayload(large)),
                Changed,
                (44, "a", None, len(large)),
            ),
            (
                lambda: files.upload(request_for("a", b"x", precondition=ABSENT), WholePayload(b"x")),
                Changed,
                (44, "a", None, 1),
            ),
            (
                lambda: files.make_directory(request_for("a", b"", hash=None, precondition=ABSENT)),
                Changed,
                (44, "a", None, 0),
            ),
            (
                lambda: files.edit(request_for("a", b"", hash=None, size=None, precondition=ABSENT)),
                Changed,
                (44, "a", None, None),
            ),
            (lambda: files.set_metadata(b, mtime_us=1, mode=None), NotFound, (40, "b", None, None)),
            (lambda: files.copy(b, a), NotFound, (40, "b", "a", None)),
            (lambda: files.move(b, a), NotFound, (40, "b", "a", None)),
            (lambda: files.remove(b), NotFound, (40, "b", None, None)),
            (lambda: files.restore(b, None), NotFound, (40, "b", None, None)),
        ]
        for change, error, record in refused:
            self.error_of(error, change())
            self.assertEqual(self.records, [record])
            self.records.clear()

    def test_steps(self) -> None:
        """A change in steps that ends with a refusal has one record; none if it is dry, or its caller records it."""
        for records_raised, dry_run, records in ((True, False, 1), (True, True, 0), (False, False, 0)):
            files = self.factory.files(self.store, SERVER, self.login, self.record, records_raised=records_raised)
            self.error_of(NotFound, anext(files.restore_tree(parse("b"), 1, dry_run=dry_run)))
            self.assertEqual(self.records, [(40, "b", None, None)] * records)
            self.records.clear()

    def test_reads(self) -> None:
        """What only reads has none."""
        b = parse("b")
        for read in (self.files.open(b), self.files.hash(b), self.files.read(b, 10)):
            self.error_of(NotFound, read)
        self.assertEqual(self.records, [])

    def test_draft(self) -> None:
        """Of a draft the first change that is refused has a record, or the commit."""
        for calls in (("write", "write", "commit"), ("truncate", "commit"), ("commit",), ("too large", "commit")):
            draft = self.result_of(self.files.edit(request_for("a", b"", size=None, hash=None)))
            self.login.revoked = calls[0] != "too large"
            for call in calls:
                works: dict[str, Callable[[], Deferred[Any]]] = {
                    "write": partial(draft.write, 0, b"x"),
                    "truncate": partial(draft.truncate, 0),
                    "commit": draft.commit,
                    "too large": partial(draft.write, 0, bytes(STREAM_PIECE + 1)),
                }
                work = works[call]()
                self.error_of(Forbidden if self.login.revoked else TooLarge, work)
            self.login.revoked = False
            self.assertEqual(self.records, [(22 if calls[0] == "too large" else 33, "a", None, None)])
            self.records.clear()
