"""A draft of a file's content, read and written at any offset before it is committed."""

from __future__ import annotations

from twisted.internet.defer import Deferred, DeferredLock
from zope.interface import implementer

from homeftp.files.revocation import RevocableJobs
from homeftp.interfaces import IDraft, IFileDraft
from homeftp.model import Entry


@implementer(IFileDraft)
class FileDraft:
    """A draft of a store. Its calls run one after another, in the order in which they are made."""

    def __init__(self, draft: IDraft, jobs: RevocableJobs) -> None:
        self._draft = draft
        self._jobs = jobs
        self._turn = DeferredLock()

    @property
    def size(self) -> int:
        """Bytes of the draft now."""
        return self._draft.size

    def read(self, offset: int, length: int) -> Deferred[bytes]:
        """Up to `length` bytes at `offset`."""
        return self._turn.run(self._jobs.run, self._draft.read, offset, length)

    def write(self, offset: int, data: bytes) -> Deferred[None]:
        """Replace or append bytes at `offset`."""
        return self._turn.run(self._jobs.run_change, self._draft.write, offset, data)

    def truncate(self, size: int) -> Deferred[None]:
        """Cut or extend the draft."""
        return self._turn.run(self._jobs.run_change, self._draft.truncate, size)

    def commit(self) -> Deferred[Entry]:
        """Put the draft in place."""
        return self._turn.run(self._jobs.run_change, self._draft.commit)

    def abort(self) -> Deferred[None]:
        """Discard the draft."""
        return self._turn.run(self._jobs.run_cleanup, self._draft.abort)
