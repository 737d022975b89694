"""A draft of a file's content, through `Files.edit`."""

from __future__ import annotations

from typing import Any, Iterator

from twisted.internet.defer import CancelledError, Deferred
from zope.interface.verify import verifyObject

from homeftp.config import STREAM_PIECE
from homeftp.errors import Forbidden, TooLarge
from homeftp.files.edit import FileDraft
from homeftp.files.factory import FilesFactory
from homeftp.files.jobs.revocation import RevocableJobs
from homeftp.interfaces import IFileDraft
from homeftp.model import Entry
from homeftp.store.buffers import BytesDraft
from homeftp.workers import InlineWorkers
from tests.support.filestores import FilesTestCase, request_for


class SteppedDraft(BytesDraft):
    """A draft whose commit takes two steps before it."""

    def __init__(self) -> None:
        super().__init__(b"", check_size=lambda size: None, commit=self._put)
        self.calls: list[str] = []

    def prepare(self) -> Iterator[int]:
        """Two steps."""
        for _ in range(2):
            self.calls.append("step")
            yield 1

    def _put(self, content: bytes, mtime_us: int | None, mode: int | None) -> Entry:
        self.calls.append("commit")
        return Entry("", "file", len(content), mtime_us or 0, mode or 0, None, "")

    def abort(self) -> None:
        """It is discarded, unless it was committed."""
        if "commit" not in self.calls:
            self.calls.append("abort")


class FileDraftTests(FilesTestCase):
    """A draft of "0123456789"."""

    def setUp(self) -> None:
        super().setUp()
        self.lay({"a": b"0123456789"})

    def edit(self) -> FileDraft:
        """Begin to change the file."""
        draft = self.result_of(self.files.edit(request_for("a", b"", size=None, hash=None)))
        verifyObject(IFileDraft, draft)
        return draft

    def test_commit(self) -> None:
        """Bytes are replaced, appended and cut; the file changes when the draft is committed."""
        draft = self.edit()
        self.assertEqual((draft.size, self.result_of(draft.read(2, 3))), (10, b"234"))
        self.result_of(draft.write(9, b"abc"))
        self.result_of(draft.write(0, b"-"))
        self.result_of(draft.truncate(11))
        self.assertEqual((draft.size, self.content("a")), (11, b"0123456789"))
        self.assertEqual(self.result_of(draft.commit()).size, 11)
        self.assertEqual(self.content("a"), b"-12345678ab")

    def test_order(self) -> None:
        """Calls that are made without waiting are carried out one after another, in their order."""
        draft = self.edit()
        calls: list[Deferred[Any]] = [draft.write(0, b"x"), draft.read(0, 2), draft.truncate(1), draft.commit()]
        for call in calls:
            self.assertNoResult(call)
            self.assertEqual(self.workers.work(), 1)
        self.assertEqual(self.successResultOf(calls[1]), b"x1")
        self.assertEqual(self.content("a"), b"x")

    def test_lost_write(self) -> None:
        """After a change that failed neither another one nor the commit succeeds: the file keeps its content."""
        for workers in (self.workers, InlineWorkers()):
            self.files = FilesFactory(workers, self.budget).files(self.store, login=self.login)
            for change in (FileDraft.write, FileDraft.truncate):
                draft = self.edit()
                self.login.revoked = True
                lost = self.error_of(Forbidden, change(draft, *((0, b"x") if change is FileDraft.write else (0,))))
                self.login.revoked = False
                self.assertIs(self.error_of(Forbidden, draft.write(1, b"y")), lost)
                self.assertEqual(self.result_of(draft.read(0, 3)), b"012")
                self.assertIs(self.error_of(Forbidden, draft.commit()), lost)
                self.result_of(draft.abort())
        self.assertEqual(self.content("a"), b"0123456789")

    def test_lost_among_others(self) -> None:
        """The same where nobody waited for the change before the draft was committed."""
        draft = self.edit()
        self.login.revoked = True
        calls: list[Deferred[Any]] = [draft.truncate(0), draft.write(0, b"x"), draft.commit()]
        self.workers.work()
        self.login.revoked = False
        self.workers.work_all()
        for call in calls:
            self.failureResultOf(call, Forbidden)
        self.assertEqual(self.content("a"), b"0123456789")

    def test_steps(self) -> None:
        """The steps of a commit are jobs of their own; where access is revoked between two, the draft is aborted."""
        for revoked in (False, True):
            draft = SteppedDraft()
            jobs = RevocableJobs(self.workers, self.login)
            committing = FileDraft(draft, jobs, lambda work: work).commit(mtime_us=5)
            self.assertEqual(self.workers.work(), 1)
            self.login.revoked = revoked
            self.workers.work_all()
            self.login.revoked = False
            if revoked:
                self.failureResultOf(committing, Forbidden)
                self.assertEqual(draft.calls, ["step", "abort"])
            else:
                self.assertEqual(self.successResultOf(committing).mtime_us, 5)
                self.assertEqual(draft.calls, ["step", "step", "commit"])

    def test_too_large(self) -> None:
        """More than `STREAM_PIECE` bytes in one call are refused, and are a change that failed."""
        draft = self.edit()
        self.result_of(draft.write(0, bytes(STREAM_PIECE)))
        self.assertEqual(len(self.result_of(draft.read(0, STREAM_PIECE))), STREAM_PIECE)
        self.error_of(TooLarge, draft.read(0, STREAM_PIECE + 1))
        self.error_of(TooLarge, draft.write(0, bytes(STREAM_PIECE + 1)))
        self.error_of(TooLarge, draft.commit())

    def test_cancelled(self) -> None:
        """A call whose caller stopped waiting keeps its turn: later calls wait for its end."""
        draft = self.edit()
        writing = draft.write(0, b"x")
        reading = draft.read(0, 2)
        writing.cancel()
        self.failureResultOf(writing, CancelledError)
        self.assertEqual(len(self.workers.jobs), 1)
        self.workers.work_all()
        self.assertEqual(self.successResultOf(reading), b"x1")

    def test_abort(self) -> None:
        """An aborted draft does not change the file."""
        draft = self.edit()
        self.result_of(draft.write(0, b"x"))
        self.result_of(draft.abort())
        self.result_of(draft.abort())
        self.assertEqual(self.content("a"), b"0123456789")

    def test_revoked(self) -> None:
        """Once access is revoked a draft is neither changed nor committed; it can be aborted."""
        draft = self.edit()
        self.result_of(draft.write(0, b"x"))
        self.login.revoked = True
        for call in (draft.write(0, b"y"), draft.truncate(0), draft.commit()):
            self.error_of(Forbidden, call)
        self.error_of(Forbidden, self.files.edit(request_for("a", b"")))
        self.result_of(draft.abort())
        self.assertEqual(self.content("a"), b"0123456789")
