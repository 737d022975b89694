"""A draft of a file's content, read and written at any offset before it is committed."""

from __future__ import annotations

from typing import Any, Callable, Iterator

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.config import STREAM_PIECE
from homeftp.errors import TooLarge
from homeftp.files.jobs.revocation import RevocableJobs
from homeftp.files.jobs.turns import Turns
from homeftp.interfaces import IDraft, IFileDraft
from homeftp.model import Entry

Recorded = Callable[[Deferred[Any]], Deferred[Any]]
"""Returns the same work; a refusal is recorded before the caller gets it."""


@implementer(IFileDraft)
class FileDraft:
    """A draft of a store. Its calls run one after another, in the order in which they are made.

    Callers need not wait for a call before they make the next one. So a change that fails fails all changes after it,
    and the commit, with its own exception: content that lacks one of its changes must not replace a file.
    """

    def __init__(self, draft: IDraft, jobs: RevocableJobs, recorded: Recorded) -> None:
        self._draft = draft
        self._recorded = recorded
        self._jobs = jobs
        self._turns = Turns(jobs)
        self._failure: Failure | None = None

    @property
    def size(self) -> int:
        """Bytes of the draft now."""
        return self._draft.size

    def read(self, offset: int, length: int) -> Deferred[bytes]:
        """Up to `length` bytes at `offset`."""
        if length > STREAM_PIECE:
            return fail(_too_much(length))
        return self._turns.call(self._jobs.run_slice, self._draft.read, offset, length)

    def write(self, offset: int, data: bytes) -> Deferred[None]:
        """Replace or append bytes at `offset`."""
        if len(data) > STREAM_PIECE:
            return self._turns.call(self._change, _refuse, len(data))
        return self._turns.call(self._change, self._draft.write, offset, data)

    def truncate(self, size: int) -> Deferred[None]:
        """Cut or extend the draft."""
        return self._turns.call(self._change, self._draft.truncate, size)

    def commit(self, *, mtime_us: int | None = None, mode: int | None = None) -> Deferred[Entry]:
        """Put the draft in place, step by step; after any failure it is aborted."""
        return self._turns.call(self._commit, self._commit_steps(mtime_us, mode))

    def abort(self) -> Deferred[None]:
        """Discard the draft."""
        return self._turns.call(self._jobs.run_cleanup, self._draft.abort)

    def _change(self, change: Callable[..., None], *args: Any) -> Deferred[None]:
        if self._failure is not None:
            return fail(self._failure)
        return self._recorded(self._jobs.run_slice(change, *args)).addErrback(self._fail)

    def _fail(self, failure: Failure) -> Deferred[None]:
        """A change was not made: none is made after it."""
        self._failure = failure
        return fail(failure)

    def _commit_steps(self, mtime_us: int | None, mode: int | None) -> Iterator[int | Entry]:
        yield from self._draft.prepare()
        yield self._draft.commit(mtime_us=mtime_us, mode=mode)

    def _commit(self, steps: Iterator[int | Entry]) -> Deferred[Entry]:
        committing: Deferred[Entry]
        if self._failure is None:
            committing = self._recorded(Deferred.fromCoroutine(self._run(steps)))
        else:
            committing = fail(self._failure)
        return committing.addErrback(self._abort_failed)

    async def _run(self, steps: Iterator[int | Entry]) -> Entry:
        while not isinstance(step := await self._jobs.run_slice(next, steps), Entry):
            pass
        return step

    def _abort_failed(self, failure: Failure) -> Deferred[Entry]:
        return self._jobs.run_cleanup(self._draft.abort).addCallback(lambda _: fail(failure))


def _refuse(size: int) -> None:
    raise _too_much(size)


def _too_much(size: int) -> TooLarge:
    return TooLarge(f"{size} bytes at once: at most {STREAM_PIECE} can be read or written in one call")
