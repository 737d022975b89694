"""Small files on their way from the server: many in one GET, and written to the disk as they arrive."""

from __future__ import annotations

import os
from typing import Callable, ContextManager, NamedTuple, Sequence

import attrs
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from homeftp.client.api import Client
from homeftp.client.connection.response import IResponseHandler
from homeftp.client.errors import ProtocolViolation
from homeftp.client.files.tempfile import TargetFile
from homeftp.client.files.write import DownloadTarget, SmallDownload, WriteResult
from homeftp.client.transfer.batches.group import Group
from homeftp.client.transfer.model import FileTask, Outcome
from homeftp.config import MAX_REQUEST_LINE, MIB, SMALL_FILE
from homeftp.errors import Refusal, refusal
from homeftp.interfaces import IWorkers
from homeftp.model import Entry
from homeftp.wire.batch import BatchItem, FileBody, InvalidEntry, decode_batch, encode_item
from homeftp.wire.messages import Response
from homeftp.workers import Batcher

BATCH_FILES = 256
"""Files in one request, at most."""

_NAMES_BYTES = SMALL_FILE
"""Bytes of names in one request, at most."""

_PIECES = 4
"""Pieces of answers that one job writes, and makes durable with one sync: about a mebibyte each at most."""

_MOST_PIECE = 4 * MIB
"""Bytes of a piece that are taken from a server."""


class SmallGet(NamedTuple):
    """A small file that is wanted."""

    task: FileTask
    outcome: Outcome
    """The outcome where it is written."""


@attrs.define(eq=False)
class _Piece:
    """Some entries of an answer, not decoded yet."""

    data: list[bytes]
    """Empty once they are decoded: otherwise all contents of a job would be in memory twice."""
    wanted: dict[str, SmallGet]
    """The requested files that have not arrived yet, by name. Only the job that decodes the pieces changes it."""


class Fetched(NamedTuple):
    """The result of one file."""

    get: SmallGet
    size: int
    hash: str
    result: os.stat_result | Exception
    """The stat of the file that was written, or why there is none."""


class IBatchGetReceiver(Interface):
    """Receives what became of small files: one of these calls ends each of them."""

    def on_small_fetched(files: Sequence[Fetched]) -> None:
        """The server has sent these files, or refused; each was written, or not."""

    def fail(reason: Exception | Failure) -> None:
        """The connection has ended or must not be used any more."""


class BatchFetcher:
    """Fetches small files of a directory of the server into `folder`, and gives what became of each to `receiver`.

    `target_for` says, in a worker, how a file is to be written. `fetch_alone` fetches a single one.
    """

    def __init__(
        self,
        client: Client,
        workers: IWorkers,
        base: str,
        folder: DownloadTarget,
        target_for: Callable[[FileTask, Entry], TargetFile],
        fetch_alone: Callable[[SmallGet], None],
        receiver: IBatchGetReceiver,
    ) -> None:
        self._client = client
        self._base = base
        self._folder = folder
        self._target_for = target_for
        self._fetch_alone = fetch_alone
        self._receiver = receiver
        self._group: Group[tuple[SmallGet, bytes]] = Group(self._send, count=BATCH_FILES, size=_NAMES_BYTES)
        self._writer: Batcher[_Piece, list[Fetched]] = Batcher(workers, self._write, limit=_PIECES)

    def opened(self) -> ContextManager[None]:
        """Collect what is asked for meanwhile."""
        return self._group.opened()

    def fetch(self, get: SmallGet) -> None:
        """Fetch a file, together with others."""
        line = encode_item({"name": get.task.name})
        self._group.add((get, line), len(line))

    def _send(self, gets: Sequence[tuple[SmallGet, bytes]]) -> None:
        if len(gets) == 1:
            self._fetch_alone(gets[0][0])
            return
        payload = b"".join(line for _, line in gets)
        handler = _BatchGetHandler({get.task.name: get for get, _ in gets}, self._writer, self._receiver)
        try:
            self._client.protocol.request(handler, "GET", {"rel_endpoint": self._base, "batch": True}, payload)
        except Exception as reason:  # noqa: BLE001 (the connection has ended)
            self._receiver.fail(reason)

    def _write(self, pieces: Sequence[_Piece]) -> list[list[Fetched] | Exception]:
        """In a worker: decode the pieces, and write what they bring, durably."""
        decoded = [_decode(piece) for piece in pieces]
        wanted: list[tuple[int, SmallGet, SmallDownload]] = []
        fetched: dict[int, list[Fetched]] = {}
        for number, files in enumerate(decoded):
            if isinstance(files, ProtocolViolation):
                continue
            fetched[number] = []
            for get, file, content in files:
                if isinstance(file, Refusal):
                    fetched[number].append(Fetched(get, 0, "", file))
                else:
                    assert file.hash is not None
                    target = self._target_for(get.task, file)
                    wanted.append((number, get, SmallDownload(target, content, file.hash)))
        written = self._write_many([download for _, _, download in wanted]) if wanted else []
        for (number, get, download), result in zip(wanted, written, strict=True):
            fetched[number].append(Fetched(get, len(download.data), download.hash, result))
        return [
            files if isinstance(files, ProtocolViolation) else fetched[number] for number, files in enumerate(decoded)
        ]

    def _write_many(self, downloads: Sequence[SmallDownload]) -> Sequence[WriteResult]:
        try:
            return self._folder.write_many(downloads)
        except (OSError, Refusal) as error:  # the folder itself cannot be used
            return [error] * len(downloads)


_Decoded = list[tuple[SmallGet, "Entry | Refusal", bytes]]


def _decode(piece: _Piece) -> _Decoded | ProtocolViolation:
    """The wanted files in a piece, which are not wanted any more."""
    data, piece.data = b"".join(piece.data), []
    try:
        return [_checked(item, piece.wanted) for item in decode_batch(data, FileBody)]
    except Refusal as refused:
        return ProtocolViolation(f"the server sent an invalid batch: {refused.message}")
    except ProtocolViolation as violation:
        return violation


def _checked(item: BatchItem[FileBody], wanted: dict[str, SmallGet]) -> tuple[SmallGet, Entry | Refusal, bytes]:
    file = item.entry
    if isinstance(file, InvalidEntry):
        raise ProtocolViolation(f"the server sent an invalid batch: {file.refusal.message}")
    get = wanted.pop(file.name, None)
    if get is None:
        raise ProtocolViolation("the server sent a file that was not asked for")
    if file.status:
        return get, refusal(file.status, file.message), b""
    entry = file.entry()
    if entry.kind != "file" or entry.size != len(item.content) or entry.hash is None:
        raise ProtocolViolation("the server sent a file whose description does not fit its content")
    return get, entry, item.content


@implementer(IResponseHandler)
class _BatchGetHandler:
    """Handles the answer to one GET of a batch."""

    def __init__(
        self, wanted: dict[str, SmallGet], writer: Batcher[_Piece, list[Fetched]], receiver: IBatchGetReceiver
    ) -> None:
        self._wanted = wanted
        self._writer = writer
        self._receiver = receiver
        self.failed = receiver.fail
        self._allowed = len(wanted) * (SMALL_FILE + MAX_REQUEST_LINE)
        """Bytes that the rest of the answer may have, at most."""
        self._parts: list[bytes] = []
        self._writing = 0
        self._answer: Response | None = None
        self._has_failed = False

    def responded(self, response: Response) -> None:
        """A piece begins, or this is the answer."""
        self._write_piece()
        self._allowed -= response.content_length
        if response.content_length > _MOST_PIECE or self._allowed < 0:
            self._fail(ProtocolViolation("the server sends far more than was asked for"))
        if not response.more:
            self._answer = response

    def received(self, data: bytes) -> None:
        """Keep what has arrived of a piece."""
        if not self._has_failed:
            self._parts.append(data)

    def finished(self) -> None:
        """Nothing more will come."""
        self._write_piece()
        self._end_if_written()

    def _write_piece(self) -> None:
        parts, self._parts = self._parts, []
        if parts:
            self._writing += 1
            writing = self._writer.run(_Piece(parts, self._wanted))
            writing.addCallbacks(self._written, self._not_written)

    def _written(self, files: list[Fetched]) -> None:
        self._writing -= 1
        self._receiver.on_small_fetched(files)
        self._end_if_written()

    def _not_written(self, failure: Failure) -> None:
        self._fail(failure)

    def _fail(self, reason: Exception | Failure) -> None:
        if not self._has_failed:
            self._has_failed = True
            self._receiver.fail(reason)

    def _end_if_written(self) -> None:
        if self._answer is None or self._writing or self._has_failed:
            return
        refused = self._answer.refusal
        if refused is not None:
            wanted, self._wanted = self._wanted, {}
            self._receiver.on_small_fetched([Fetched(get, 0, "", refused) for get in wanted.values()])
        elif self._wanted:
            self._fail(ProtocolViolation("the server did not send all files that were asked for"))
