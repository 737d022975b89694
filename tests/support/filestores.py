"""Files over a store in memory, for tests of `homeftp.files` and of the dispatchers."""

from __future__ import annotations

from typing import Any, Coroutine, Mapping, TypeVar

from twisted.internet.defer import Deferred

from homeftp.endpoint import parse
from homeftp.files.budget import MemoryBudget
from homeftp.files.factory import FilesFactory
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces.store import StoreOptions
from homeftp.model import Change, WriteRequest
from homeftp.store.memory import MemoryStore
from tests.support.folders import QuickCase
from tests.support.queuedworkers import QueuedWorkers, RevocableAccess

T = TypeVar("T")


def request_for(name: str, content: bytes, **fields: Any) -> WriteRequest:
    """The request to write that content."""
    given = {"size": len(content), "hash": hash_bytes(content), **fields}
    return WriteRequest(endpoint=parse(name), **given)


class FilesTestCase(QuickCase):
    """A store in memory, the files of one login over it, and workers whose jobs run when `result_of` waits."""

    def setUp(self) -> None:
        self.changes: list[Change] = []
        self.store = MemoryStore(StoreOptions(record_changes=self.changes.extend))
        self.workers = QueuedWorkers()
        self.budget = MemoryBudget()
        self.factory = FilesFactory(self.workers, self.budget)
        self.login = RevocableAccess()
        self.files = self.factory.files(self.store, login=self.login)

    def lay(self, contents: Mapping[str, bytes]) -> None:
        """Put files into the store."""
        for name, content in contents.items():
            (result,) = self.store.write_many([(request_for(name, content), content)])
            assert not isinstance(result, Exception), result
        self.changes.clear()

    def content(self, name: str) -> bytes | None:
        """What a file holds; None where there is none."""
        entry = self.store.stat(parse(name))
        return None if entry is None else self.store.open(parse(name)).read(0, entry.size)

    def start(self, work: Coroutine[Any, Any, T] | Deferred[T]) -> Deferred[T]:
        """Begin something that the workers have to do something for."""
        return work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)

    def result_of(self, work: Coroutine[Any, Any, T] | Deferred[T]) -> T:
        """Its result, after all jobs that it needs."""
        started = self.start(work)
        self.workers.work_all()
        return self.successResultOf(started)

    def error_of(self, kind: type[Exception], work: Any) -> Any:
        """The exception that it ends with, after all jobs that it needs."""
        started = self.start(work)
        self.workers.work_all()
        return self.failureResultOf(started, kind).value
