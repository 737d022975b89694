"""Small files and directories on their way to the server: many in one PUSH, each with a result of its own."""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, ContextManager, Generic, Mapping, NamedTuple, Protocol, Sequence, TypeVar

from msgspec import structs
from twisted.internet.defer import Deferred
from zope.interface import implementer

from homeftp.client.api import Client
from homeftp.client.connection.replies import BatchAnswer, batch_report, contradiction, understood
from homeftp.client.connection.response import IResponseHandler
from homeftp.client.errors import ProtocolViolation
from homeftp.client.transfer.batches.group import Group
from homeftp.client.transfer.model import FileTask, Outcome
from homeftp.config import KIB, MIB, TLS_WRITE
from homeftp.errors import ShuttingDown
from homeftp.interfaces import IPayload
from homeftp.model import Entry
from homeftp.wire.batch import encode_parts
from homeftp.wire.messages import Response

BATCH_FILES = 512
"""Files in one request, at most: as many as the server stores in one job."""

_BATCH_BYTES = 4 * MIB
"""Bytes of content in one request, at most. The server stores them in parts of 3 MiB: with fewer it waits for the disk
more often."""

_LINE = 1 * KIB
"""Bytes that a file takes up in a request besides its content, about."""


class Push(Protocol):
    """A file or directory that is sent as an entry of a batch."""

    @property
    def line(self) -> Mapping[str, Any]:
        """The parameters of its entry, but for `content_length`."""

    @property
    def data(self) -> bytes:
        """The content of the file; empty for a directory."""


P = TypeVar("P", bound=Push)

Result = Entry | Response | None
"""The result of an entry: None where it is stored as asked for, its entry where that differs, or a refusal."""

Sent = Callable[[Sequence[P], Sequence[Result]], None]
"""Gets what became of the entries of one request."""


class SmallPush(NamedTuple):
    """A small file that is to be sent."""

    task: FileTask
    outcome: Outcome
    """The outcome where the server stores it."""
    line: Mapping[str, Any]
    """The parameters of its entry, but for `content_length`."""
    data: bytes


class DirectoryPush(NamedTuple):
    """A directory that is to be made, or to get its time and mode."""

    line: Mapping[str, Any]
    """The parameters of its entry."""
    data: bytes = b""


async def push_directories(client: Client, base: str, pushes: Sequence[DirectoryPush]) -> list[Result]:
    """Make directories in or below one of the server's; the result of each, in order.

    Raises `ConnectionFailed`, and `ShuttingDown` (54), which refuses all that follow too.
    """
    ended: Deferred[None] = Deferred()
    results: list[Result] = []

    def sent(pushes_sent: Sequence[DirectoryPush], some: Sequence[Result]) -> None:
        results.extend(some)
        refusals = (each.refusal for each in some if isinstance(each, Response))
        stopping = next((refused for refused in refusals if isinstance(refused, ShuttingDown)), None)
        if stopping is not None:
            failed(stopping)
        elif len(results) == len(pushes) and not ended.called:
            ended.callback(None)

    def failed(reason: Exception) -> None:
        if not ended.called:
            ended.errback(reason)

    sender = BatchSender(client, base, sent, failed)
    with sender.opened():
        for push in pushes:
            sender.add(push)
    if pushes:
        await ended
    return results


class BatchSender(Generic[P]):
    """Sends small files or directories to a directory of the server.

    `sent` gets the results of those of one request, `failed` the reason where the connection has ended or must not be
    used any more.
    """

    def __init__(self, client: Client, base: str, sent: Sent[P], failed: Callable[[Exception], None]) -> None:
        self._client = client
        self._base = base
        self._sent = sent
        self._failed = failed
        limits = client.server_info.limits
        self._group: Group[P] = Group(
            self._send, count=min(BATCH_FILES, limits.batch_entries), size=min(_BATCH_BYTES, limits.batch_bytes)
        )

    def opened(self) -> ContextManager[None]:
        """Collect what is added meanwhile."""
        return self._group.opened()

    def add(self, push: P) -> None:
        """Send one, together with others."""
        self._group.add(push, len(push.data) + _LINE)

    def _send(self, pushes: Sequence[P]) -> None:
        payload = _payload(encode_parts((push.line, push.data) for push in pushes))
        body = {"rel_endpoint": self._base, "kind": "batch"}
        handler = _BatchPushHandler(pushes, self._sent, self._failed)
        try:
            self._client.protocol.request(handler, "PUSH", body, payload)
        except Exception as reason:  # noqa: BLE001 (the connection has ended)
            self._failed(reason)


def _payload(parts: list[bytes]) -> bytes | IPayload:
    """The parts as one payload, which is bytes if it is sent at once."""
    size = sum(map(len, parts))
    return b"".join(parts) if size <= TLS_WRITE else _PartsPayload(size, parts)


@implementer(IPayload)
class _PartsPayload:
    """Parts that are joined only as they are sent: otherwise each content would be in memory twice."""

    def __init__(self, size: int, parts: list[bytes]) -> None:
        self.size = size
        self._parts = deque(parts)

    async def read(self) -> bytes:
        """The next parts, as many as are written at once; b"" behind the last."""
        piece: list[bytes] = []
        left = TLS_WRITE
        while self._parts and (not piece or len(self._parts[0]) <= left):
            piece.append(self._parts.popleft())
            left -= len(piece[-1])
        return b"".join(piece)

    async def read_all(self, limit: int) -> bytes:
        """Not implemented: batches are sent piece by piece."""
        raise NotImplementedError


@implementer(IResponseHandler)
class _BatchPushHandler(Generic[P]):
    """Handles the answer to one PUSH of a batch."""

    def __init__(self, pushes: Sequence[P], sent: Sent[P], failed: Callable[[Exception], None]) -> None:
        self._pushes = pushes
        self._sent = sent
        self.failed = failed
        self._reported: dict[int, Entry | Response] = {}
        self._names = {push.line["name"]: number for number, push in enumerate(pushes)}
        self._answer: Response | None = None
        self._violation: ProtocolViolation | None = None

    def responded(self, response: Response) -> None:
        """Report the entries that are refused, or other than asked for; at last the answer."""
        if not response.more:
            self._answer = response
            return
        try:
            refused, differing = batch_report(response.body)
            for each in refused:
                self._report(each.entry, Response(each.status, each.message))
            for entry in differing:
                self._report(self._names.get(entry.name, -1), structs.replace(entry, name=""))
        except ProtocolViolation as violation:
            self._violation = violation

    def _report(self, number: int, result: Entry | Response) -> None:
        if number in self._reported or not 0 <= number < len(self._pushes):
            raise ProtocolViolation("the server's answer to PUSH is about an entry that was not sent")
        self._reported[number] = result

    def received(self, data: bytes) -> None:
        """There is no payload; one would be discarded."""

    def finished(self) -> None:
        """Give the results."""
        answer = self._answer
        assert answer is not None
        try:
            if self._violation is not None:
                raise self._violation
            if answer.refusal is None:
                self._check(understood(answer.body, BatchAnswer, "the answer to PUSH"))
        except ProtocolViolation as violation:
            self.failed(violation)
            return
        rest = None if answer.refusal is None else answer
        self._sent(self._pushes, [self._reported.get(number, rest) for number in range(len(self._pushes))])

    def _check(self, answer: BatchAnswer) -> None:
        refused = sum(isinstance(each, Response) for each in self._reported.values())
        if (answer.stored, answer.refused) != (len(self._pushes) - refused, refused):
            raise contradiction("PUSH")
