"""For authors of dispatchers: call one as the server does, without a socket, a thread or a disk.

    answer = call(WordCount(), {"rel_endpoint": "a.txt"}, files={"a.txt": b"two words"})
    assert answer.status == 0

The body is decoded, the files are in a store in memory, and the answer passes
through the server's resolution and codec: what works here works on the wire.
"""

from __future__ import annotations

from typing import Any, Mapping

import attrs
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.verify import verifyObject

from homeftp.config import MAX_RESPONSE_LINE
from homeftp.dispatchers.table import DispatchedRequest, Table
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Refusal
from homeftp.files.budget import MemoryBudget
from homeftp.files.factory import FilesFactory
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution, IStore, StoreOptions
from homeftp.model import PathLock, WriteRequest
from homeftp.server.gate.output import OutputBuffer
from homeftp.server.json.payload import WholePayload
from homeftp.server.json.resolution import Resolution
from homeftp.store.memory import MemoryStore
from homeftp.wire.codec import decode_request, decode_response, encode_request
from homeftp.workers import InlineWorkers

__all__ = ["CallResult", "call"]


@attrs.frozen
class CallResult:
    """The response that a client would receive."""

    status: int
    message: str
    body: dict[str, Any]
    payload: bytes
    """The bytes that followed the last line."""
    interim: tuple[tuple[dict[str, Any], bytes], ...] = ()
    """The body and the payload of each answer before the last (`more`)."""
    files: Mapping[str, bytes] = attrs.field(factory=dict)
    """The contents of the store afterwards, by endpoint."""
    raised: BaseException | None = None
    """The exception of the dispatcher that is no refusal: a bug. A server logs it, and its client gets status 50."""


def call(
    dispatcher: IDispatcher,
    body: Mapping[str, Any],
    payload: bytes = b"",
    *,
    files: Mapping[str, bytes] | None = None,
    account: str = "tester",
    store: IStore | None = None,
) -> CallResult:
    """The answer of `dispatcher` to one request of `account`, whose store holds `files`.

    `store` is a new `MemoryStore` unless one is given; call again with the
    same store to send a second request. Raises AssertionError when a
    dispatcher waits for something that does not come here, such as a timer,
    `zope.interface.Invalid` when it is incomplete, and what a payload raised:
    a server would break the connection.
    """
    verifyObject(IDispatcher, dispatcher)
    watched = _WatchedLocking(dispatcher) if IPathLocking.providedBy(dispatcher) else _Watched(dispatcher)
    table = Table([watched])
    written = _CollectedOutput()
    store = MemoryStore(StoreOptions(similar_names=True)) if store is None else store
    _write_files(store, files or {})
    line = encode_request(dispatcher.request_type, dict(body), content_length=len(payload))
    _answer(table, watched, line, payload, account, store, written)
    return attrs.evolve(_read(bytes(written.data)), files=_contents(store), raised=watched.raised)


@implementer(IDispatcher)
class _Watched:
    """A dispatcher, and what it raised."""

    def __init__(self, dispatcher: Any) -> None:
        self._dispatcher = dispatcher
        self.request_type = dispatcher.request_type
        self.body_type = dispatcher.body_type
        self.raised: BaseException | None = None

    def dispatch(self, request: IRequest, resolution: IResolution) -> Deferred[Any]:
        """As the dispatcher does."""
        working = maybeDeferred(self._dispatcher.dispatch, request, resolution)
        return working.addErrback(self._note)

    def _note(self, failure: Failure) -> Failure:
        if not failure.check(Refusal):
            self.raised = failure.value
        return failure


@implementer(IPathLocking)
class _WatchedLocking(_Watched):
    """One whose requests overlap others."""

    def path_lock(self, body: Any) -> PathLock:
        """As the dispatcher does."""
        try:
            lock: PathLock = self._dispatcher.path_lock(body)
            return lock
        except Refusal:
            raise
        except Exception as error:
            self.raised = error
            raise


class _CollectedOutput:
    """Collects what would be sent to the client."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> None:
        self.data += data

    def registerProducer(self, producer: object, streaming: bool) -> None:
        raise AssertionError("nothing here is ever full")

    def unregisterProducer(self) -> None:
        raise AssertionError("nothing here is ever full")


def _answer(
    table: Table, watched: _Watched, line: bytes, payload: bytes, account: str, store: IStore, written: _CollectedOutput
) -> None:
    broken: list[Failure] = []
    ended: list[object] = []
    output = OutputBuffer(written, paused=lambda: None, resumed=lambda: None, failed=broken.append)
    resolution = Resolution(None, output, lambda: None)
    resolution.reach_head()
    try:
        _, decoded, _ = table.decode(decode_request(line))
    except Refusal as refusal:
        resolution.resolve(refusal.status, refusal.message)
    else:
        workers = InlineWorkers()
        files = FilesFactory(workers, MemoryBudget()).files(store)
        request = DispatchedRequest(watched.request_type, decoded, WholePayload(payload), account, files, workers)
        table.dispatch(watched, request, resolution).addCallback(ended.append)
        assert ended, f"the dispatcher of {watched.request_type} still waits for something"
    streaming = None if broken else resolution.write_answer()
    if streaming is not None:
        streaming.addBoth(ended.append)
        assert len(ended) == 2, f"the payload of {watched.request_type}'s answer still waits for something"
    if broken:
        broken[0].raiseException()


def _write_files(store: IStore, files: Mapping[str, bytes]) -> None:
    requests = [(WriteRequest(endpoint=parse(name), size=len(content)), content) for name, content in files.items()]
    for result in store.write_many(requests):
        if isinstance(result, Exception):
            raise result


def _contents(store: IStore) -> dict[str, bytes]:
    endpoints = [
        parse(entry.name) for page in store.list(ROOT, recursive=True) for entry in page.entries if entry.kind == "file"
    ]
    contents = {}
    for endpoint in endpoints:
        file = store.open(endpoint)
        try:
            contents[str(endpoint)] = file.read(0, file.entry.size)
        finally:
            file.close()
    return contents


def _read(data: bytes) -> CallResult:
    interim: list[tuple[dict[str, Any], bytes]] = []
    while True:
        line, _, data = data.partition(b"\n")
        assert len(line) <= MAX_RESPONSE_LINE, f"a line has {len(line)} bytes: {MAX_RESPONSE_LINE} are allowed"
        response = decode_response(line)
        payload, data = data[: response.content_length], data[response.content_length :]
        if response.more:
            interim.append((response.body, payload))
        else:
            assert not data, "there are bytes behind the answer"
            return CallResult(response.status, response.message, response.body, payload, tuple(interim))
