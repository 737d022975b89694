"""Comparing many files at once: reads them here in batches, asks the server only for what its listing did not say.

A window bounds how many cases are open and how many bytes they hold; a case
stays open until whoever decided about it releases it.
"""

from __future__ import annotations

from typing import Any, Callable, Coroutine, Iterator, Sequence

from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.client.api import Client
from homeftp.client.connection.errors import ProtocolViolation
from homeftp.client.connection.replies import compared
from homeftp.client.connection.response import IResponseHandler, settled
from homeftp.client.files.read import Content, ReadRequest, SourceFile, read_many
from homeftp.client.transfer.model import EndpointOf, FileTask, TransferContext, differing
from homeftp.config import MIB, STREAM_PIECE
from homeftp.errors import Changed
from homeftp.wire.messages import Response

_OPEN_BYTES = 16 * MIB
"""What the open cases may hold in memory."""

_BATCH = 64
"""Files that are read in one job, at most."""

_BATCH_BYTES = 2 * MIB


class Comparer:
    """Takes cases from an iterator, finds out how they compare, and hands each to `decide`.

    `sends` says that files go to the server: their content is kept, and the
    hash of what they would replace must be known. Otherwise a size that
    differs is enough. The Deferred of `run` fires when every case has been
    released, or fails with what ended the connection; then `wind_up` is due.
    """

    def __init__(
        self,
        client: Client,
        tools: TransferContext,
        place: EndpointOf,
        decide: Callable[[FileTask], None],
        *,
        sends: bool,
        window: int,
    ) -> None:
        self._client = client
        self._tools = tools
        self._place = place
        self._decide = decide
        self._sends = sends
        self._window = window
        self._cases: Iterator[FileTask] = iter(())
        self._next: FileTask | None = None
        self._open = 0
        self._bytes = 0
        self._pumping = False
        self._finished: Deferred[None] | None = None
        self._tasks: set[Deferred[None]] = set()

    def run(self, cases: Iterator[FileTask]) -> Deferred[None]:
        """Judge all of `cases`."""
        self._cases = cases
        self._next = next(cases, None)
        self._finished = Deferred()
        finished = self._finished
        self._pump()
        return finished

    async def wind_up(self) -> None:
        """End what still runs for single cases, and wait until it has cleaned up after itself."""
        self._next = None
        for task in list(self._tasks):
            task.cancel()
        while self._tasks:
            await DeferredList(list(self._tasks))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let a coroutine work on one case; what it raises fails the whole."""
        task = Deferred.fromCoroutine(work)
        self._tasks.add(task)
        task.addErrback(self.fail).addBoth(lambda _: self._tasks.discard(task))

    def fail(self, reason: Exception | Failure) -> None:
        """The whole of it has failed."""
        finished, self._finished = self._finished, None
        self._next = None
        if finished is not None:
            finished.errback(reason)

    def release(self, case: FileTask) -> None:
        """The case is done with."""
        self._open -= 1
        self._bytes -= case.weight
        case.content = None
        if case.closing is not None:
            case.closing()
        elif case.open is not None:
            self._tools.workers.run(case.open.close)
        if self._next is None:
            if not self._open and self._finished is not None:
                finished, self._finished = self._finished, None
                finished.callback(None)
        elif self._open + _BATCH <= self._window or not self._open:
            self._pump()

    def _pump(self) -> None:
        """Begin with as many cases as the window allows."""
        if self._pumping:
            return
        self._pumping = True
        while self._next is not None and (not self._open or self._room(self._next)):
            self._begin(self._batch())
        self._pumping = False
        if self._next is None and not self._open and self._finished is not None:
            finished, self._finished = self._finished, None
            finished.callback(None)

    def _room(self, case: FileTask) -> bool:
        return self._open < self._window and self._bytes + _weight(case) <= _OPEN_BYTES

    def _batch(self) -> list[FileTask]:
        batch: list[FileTask] = []
        size = 0
        while self._next is not None and len(batch) < _BATCH and size < _BATCH_BYTES:
            if batch and not self._room(self._next):
                break
            case = self._next
            case.weight = _weight(case)
            self._open += 1
            self._bytes += case.weight
            size += case.weight
            batch.append(case)
            self._next = next(self._cases, None)
        return batch

    def _begin(self, batch: Sequence[FileTask]) -> None:
        """What need not be read is decided at once, small files are read together, large ones each for itself."""
        small: list[FileTask] = []
        for case in batch:
            if not self._must_read(case):
                self._compare_sizes(case)
            elif case.local is not None and case.local.size > STREAM_PIECE:
                self.spawn(self._read_large(case))
            else:
                small.append(case)
        if small:
            wants = [self._want(case) for case in small]
            reading = self._tools.workers.run(read_many, wants, self._tools.index)
            reading.addCallback(self._small_read, small).addErrback(self.fail)

    def _must_read(self, case: FileTask) -> bool:
        local, remote = case.local, case.remote
        if local is None:
            return False
        if self._sends:
            return remote is None or remote.kind == "file"
        return remote is not None and remote.kind == "file" and remote.size == local.size

    def _compare_sizes(self, case: FileTask) -> None:
        if case.local is not None and case.remote is not None and case.remote.kind == "file":
            case.differs = ("hash", *differing(case.local, case.remote))
        self._decide(case)

    def _want(self, case: FileTask) -> ReadRequest:
        assert case.local is not None
        remote = case.remote
        if not self._sends:
            return ReadRequest(case.local, False)
        same_as = remote.hash if remote is not None and not differing(case.local, remote) else None
        return ReadRequest(case.local, True, same_as)

    def _small_read(self, results: Sequence[Content | Exception], cases: Sequence[FileTask]) -> None:
        for case, result in zip(cases, results, strict=True):
            if isinstance(result, Content):
                case.content = result
                self._compare(case)
            else:
                case.failure = result
                self._decide(case)

    async def _read_large(self, case: FileTask) -> None:
        assert case.local is not None
        run = self._tools.workers.run
        try:
            file = case.open = await run(SourceFile, case.local.path, self._tools.index)
            if self._sends and self._differs_anyway(case, file):
                case.content = Content(file.file, None, None)
                self._compare(case)
                return
            slices = file.digest()
            found = None
            while found is None:
                found = await run(next, slices)
        except (OSError, Changed) as error:
            case.failure = error
            self._decide(case)
            return
        case.content = Content(file.file, found, None)
        self._compare(case)

    def _differs_anyway(self, case: FileTask, file: SourceFile) -> bool:
        """Whether it is to be sent whatever its hash is: then it is hashed on its way."""
        remote = case.remote
        return remote is None or (remote.hash is not None and remote.size != file.file.size)

    def _compare(self, case: FileTask) -> None:
        """Both are known, or the server is asked for its hash."""
        content, remote = case.content, case.remote
        assert content is not None
        if remote is None or remote.kind != "file":
            self._decide(case)
        elif remote.hash is None:
            body = {"rel_endpoint": self._place(case.name), "hash": content.hash}
            try:
                self._client.protocol.ask(_Comparing(self, case), "CMP", body)
            except Exception as reason:  # noqa: BLE001 (there is no connection any more)
                self.fail(reason)
        else:
            case.differs = differing(content.file, remote)
            if remote.hash != content.hash:
                case.differs = ("hash", *case.differs)
            self._decide(case)

    def compared(self, case: FileTask, response: Response) -> None:
        """The server has compared."""
        refused = settled(response)
        if refused is not None:
            case.failure = refused
            self._decide(case)
            return
        try:
            case.remote = compared(response.status, response.body).remote
            if case.remote is not None and case.remote.kind == "file" and case.remote.hash is None:
                raise ProtocolViolation("the server's answer to CMP does not say the hash that it compared")
        except ProtocolViolation as violation:
            self.fail(violation)
        else:
            self._compare(case)


@implementer(IResponseHandler)
class _Comparing:
    """A CMP under way."""

    __slots__ = ("_case", "_judge")

    def __init__(self, judge: Comparer, case: FileTask) -> None:
        self._judge = judge
        self._case = case

    def responded(self, response: Response) -> None:
        """The answer."""
        if not response.more:
            self._judge.compared(self._case, response)

    def received(self, data: bytes) -> None:
        """There is no payload."""

    def finished(self) -> None:
        """The answer was all."""

    def failed(self, reason: Exception) -> None:
        """The connection has ended."""
        self._judge.fail(reason)


def _weight(case: FileTask) -> int:
    """Bytes that a case may hold: a small file's content; of a large one a few pieces, for two at once at most."""
    size = max(case.local.size if case.local else 0, case.remote.size if case.remote else 0)
    return size if size <= STREAM_PIECE else _OPEN_BYTES // 2
