"""Comparing many files at once: reads local files in batches, and asks the server only for what its listing lacks.

A window bounds how many tasks are open and how many bytes they hold; a task
stays open until its transfer releases it.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Any, Callable, ContextManager, Coroutine, Iterator, Sequence

from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

from homeftp.client.api import Client
from homeftp.client.connection.answer import AnswerHandler
from homeftp.client.connection.replies import compared
from homeftp.client.errors import ProtocolViolation
from homeftp.client.files.hashes import former_hashes
from homeftp.client.files.read import Content, ReadRequest, read_many
from homeftp.client.files.source import SourceFile
from homeftp.client.seen.lastseen import LastSeen
from homeftp.client.transfer.metadata import differing
from homeftp.client.transfer.model import EndpointOf, FileTask, TransferContext
from homeftp.client.transfer.payload import hash_source
from homeftp.config import MIB, STREAM_PIECE
from homeftp.errors import Changed, ShuttingDown
from homeftp.status import Status
from homeftp.wire.messages import Response

_WINDOW_BYTES = 8 * MIB
"""Bytes that the open tasks may hold in memory: many small files, or two large ones."""

_BATCH_FILES = 64
"""Files that are read in one job: enough that the switch of threads costs little for each."""

_BATCH_BYTES = 2 * MIB
"""Bytes that are read in one job, so that several threads of the pool share the work."""


class Comparer:
    """Takes tasks from an iterator, finds out how their files compare, and gives each to `decide`.

    `sends` says that files go to the server: their content is kept, and the
    hash of a file that they replace must be known. Otherwise a different size
    is enough. Large files that are sent anyway are not read before, unless
    `needs_hash` of their size. At most `batch` files are read in one step, and
    decided about within one `together()`. With `seen` tasks say what this
    machine has seen of the server's files that may be replaced. The transfer
    calls `release` for each task, once.
    """

    def __init__(
        self,
        client: Client,
        context: TransferContext,
        endpoint_of: EndpointOf,
        decide: Callable[[FileTask], None],
        *,
        sends: bool,
        window: int,
        batch: int = _BATCH_FILES,
        together: Callable[[], ContextManager[None]] = nullcontext,
        needs_hash: Callable[[int], bool] = lambda size: False,
        seen: LastSeen | None = None,
    ) -> None:
        self._client = client
        self._context = context
        self._endpoint_of = endpoint_of
        self._decide = decide
        self._together = together
        self._needs_hash = needs_hash
        self._batch = batch
        self._sends = sends
        self._seen = seen
        self._window = window
        self._waiting: Iterator[FileTask] = iter(())
        self._next: FileTask | None = None
        self._open = 0
        self._bytes = 0
        self._is_filling = False
        self._finished: Deferred[None] | None = None
        self._coroutines: set[Deferred[None]] = set()

    def run(self, tasks: Iterator[FileTask]) -> Deferred[None]:
        """Compare all tasks; fires when each was released, or fails with the reason given to `fail`.

        Either way the transfer then calls `close`.
        """
        self._waiting = tasks
        self._next = self._take_next()
        self._finished = Deferred()
        finished = self._finished
        self._fill()
        return finished

    async def close(self) -> None:
        """Cancel the coroutines of single tasks, and wait until they have ended."""
        self._next = None
        for running in list(self._coroutines):
            running.cancel()
        while self._coroutines:
            await DeferredList(list(self._coroutines))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine for one task; an exception fails the whole transfer."""
        running = Deferred.fromCoroutine(work)
        self._coroutines.add(running)

        def discard(result: Any) -> Any:
            self._coroutines.discard(running)
            return result

        # Before `fail`, which may lead to `close`: that waits for the coroutines that have not ended.
        running.addBoth(discard).addErrback(self.fail)

    def fail(self, reason: Exception | Failure) -> None:
        """Fail the whole transfer."""
        finished, self._finished = self._finished, None
        self._next = None
        if finished is not None:
            finished.errback(reason)

    def release(self, *tasks: FileTask) -> None:
        """Close tasks that are finished."""
        for task in tasks:
            self._open -= 1
            self._bytes -= task.weight
            task.content = None
            if task.close_source is not None:
                task.close_source()
            elif task.source is not None:
                self._context.workers.run(task.source.close)
        if self._next is None:
            self._finish_if_idle()
        elif self._open + self._batch <= self._window or not self._open:
            self._fill()

    def _finish_if_idle(self) -> None:
        if self._next is None and not self._open and self._finished is not None:
            finished, self._finished = self._finished, None
            finished.callback(None)

    def _fill(self) -> None:
        """Open as many tasks as the window allows."""
        if self._is_filling:
            return
        self._is_filling = True
        while self._next is not None and (not self._open or self._fits(self._next)):
            self._start(self._take_batch())
        self._is_filling = False
        self._finish_if_idle()

    def _fits(self, task: FileTask) -> bool:
        return self._open < self._window and self._bytes + task.weight <= _WINDOW_BYTES

    def _take_next(self) -> FileTask | None:
        """The next task, with its weight; None behind the last one."""
        task = next(self._waiting, None)
        if task is not None:
            task.weight = _weight(task)
        return task

    def _take_batch(self) -> list[FileTask]:
        batch: list[FileTask] = []
        size = 0
        while self._next is not None and len(batch) < self._batch and size < _BATCH_BYTES:
            if batch and not self._fits(self._next):
                break
            task = self._next
            self._open += 1
            self._bytes += task.weight
            size += task.weight
            batch.append(task)
            self._next = self._take_next()
        return batch

    def _start(self, batch: Sequence[FileTask]) -> None:
        """Decide at once what need not be read, read small files together, and each large file in a coroutine."""
        small: list[FileTask] = []
        unread: list[FileTask] = []
        for task in batch:
            if not self._must_read(task):
                unread.append(task)
            elif task.local is not None and task.local.size > STREAM_PIECE:
                self.spawn(self._read_large(task))
            else:
                small.append(task)
        if small:
            requests = [self._read_request(task) for task in small]
            replaced = list(filter(self._may_be_replaced, small))
            run, cache = self._context.workers.run, self._context.hash_cache
            reading = run(self._look_up_and_read, replaced, requests) if replaced else run(read_many, requests, cache)
            reading.addCallback(self._compare_small, small).addErrback(self.fail)
        replaced = list(filter(self._may_be_replaced, unread))
        if replaced:
            looking = self._context.workers.run(self._look_up, replaced)
            looking.addCallback(self._compare_unread, unread).addErrback(self.fail)
        else:
            self._compare_unread(None, unread)

    def _may_be_replaced(self, task: FileTask) -> bool:
        """Whether what this machine has seen of the server's file counts: it is there, and looks different."""
        local, remote = task.local, task.remote
        if self._seen is None or local is None or remote is None or remote.kind != "file":
            return False
        return remote.mtime_us is None or bool(differing(local, remote, self._context.disks))

    def _look_up(self, tasks: Sequence[FileTask]) -> None:
        """Look up, in a worker, what was seen of the server's files.

        What a local file held before it was changed was seen too: a record may
        be lost. It is known until the file is read.
        """
        assert self._seen is not None
        files = [task.local for task in tasks if task.local is not None]
        former = former_hashes(self._context.hash_cache, files)
        last = self._seen.look_up([self._endpoint_of(task.name) for task in tasks])
        for task, file in zip(tasks, files, strict=True):
            known = former.get(file.path), last.get(self._endpoint_of(task.name))
            task.seen = frozenset(hash for hash in known if hash is not None)

    def _look_up_and_read(
        self, replaced: Sequence[FileTask], requests: Sequence[ReadRequest]
    ) -> list[Content | Exception]:
        self._look_up(replaced)
        return read_many(requests, self._context.hash_cache)

    def _must_read(self, task: FileTask) -> bool:
        local, remote = task.local, task.remote
        if local is None:
            return False
        if self._sends:
            return remote is None or remote.kind == "file"
        return remote is not None and remote.kind == "file" and remote.size == local.size

    def _compare_unread(self, _: None, tasks: Sequence[FileTask]) -> None:
        with self._together():
            for task in tasks:
                self._compare_sizes(task)

    def _compare_sizes(self, task: FileTask) -> None:
        if task.local is not None and task.remote is not None and task.remote.kind == "file":
            task.differs = ("hash", *differing(task.local, task.remote, self._context.disks))
        self._decide(task)

    def _read_request(self, task: FileTask) -> ReadRequest:
        assert task.local is not None
        remote = task.remote
        if not self._sends:
            return ReadRequest(task.local, False)
        is_sent = remote is None or bool(differing(task.local, remote, self._context.disks))
        return ReadRequest(task.local, True, None if is_sent or remote is None else remote.hash)

    def _compare_small(self, results: Sequence[Content | Exception], tasks: Sequence[FileTask]) -> None:
        with self._together():
            for task, result in zip(tasks, results, strict=True):
                if isinstance(result, Content):
                    task.content = result
                    self._compare(task)
                else:
                    task.failure = result
                    self._decide(task)

    async def _read_large(self, task: FileTask) -> None:
        assert task.local is not None
        workers = self._context.workers
        try:
            if self._may_be_replaced(task):
                await workers.run(self._look_up, [task])
            source = task.source = await workers.run(SourceFile, task.local.path, self._context.hash_cache)
            if self._sends and _is_sent_anyway(task, source) and not self._needs_hash(source.file.size):
                task.content = Content(source.file, None, None)
                self._compare(task)
                return
            found = await hash_source(source, workers)
        except (OSError, Changed) as error:
            task.failure = error
            self._decide(task)
            return
        task.content = Content(source.file, found, None)
        self._compare(task)

    def _compare(self, task: FileTask) -> None:
        """Decide where both hashes are known, else ask the server for its own."""
        content, remote = task.content, task.remote
        assert content is not None
        if remote is None or remote.kind != "file":
            self._decide(task)
        elif remote.damaged is not None:
            task.differs = ("hash", *differing(content.file, remote, self._context.disks))
            self._decide(task)
        elif remote.hash is None:
            body = {"rel_endpoint": self._endpoint_of(task.name), "hash": content.hash}
            try:
                self._client.protocol.request(AnswerHandler(partial(self.on_compared, task), self.fail), "CMP", body)
            except Exception as reason:  # noqa: BLE001 (the connection has ended)
                self.fail(reason)
        else:
            task.differs = differing(content.file, remote, self._context.disks)
            if remote.hash != content.hash:
                task.differs = ("hash", *task.differs)
            self._decide(task)

    def on_compared(self, task: FileTask, response: Response) -> None:
        """The server answered a CMP."""
        refused = response.refusal
        if isinstance(refused, ShuttingDown):
            self.fail(refused)
            return
        if refused is not None and not (response.status == Status.DAMAGED and "remote" in response.body):
            task.failure = refused
            self._decide(task)
            return
        try:
            task.remote = compared(response.status, response.body).remote
            remote = task.remote
            if remote is not None and remote.kind == "file" and remote.hash is None and remote.damaged is None:
                raise ProtocolViolation("the server's answer to CMP lacks the hash that it compared")
        except ProtocolViolation as violation:
            self.fail(violation)
        else:
            self._compare(task)


def _is_sent_anyway(task: FileTask, source: SourceFile) -> bool:
    """Whether the file is sent whatever its hash is, so that it can be hashed while it is sent."""
    remote = task.remote
    return remote is None or (remote.hash is not None and remote.size != source.file.size)


def _weight(task: FileTask) -> int:
    """Bytes that a task may hold: the content of a small file; half the window for a large one, which is streamed."""
    size = max(task.local.size if task.local else 0, task.remote.size if task.remote else 0)
    return size if size <= STREAM_PIECE else _WINDOW_BYTES // 2
