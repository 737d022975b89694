"""A PUSH of many small files and directories: each entry of the payload is stored, or refused, on its own.

The payload is never in memory whole: entries are stored while the rest of it arrives.
"""

from __future__ import annotations

from typing import Any, Sequence

from twisted.logger import Logger

from homeftp.config import BATCH_BYTES, BATCH_ENTRIES, LISTING_PAGE_BYTES
from homeftp.dispatchers.batches.entries import entry_endpoint, entry_refusal
from homeftp.dispatchers.metadata import parse_meta_data
from homeftp.endpoint import Endpoint
from homeftp.errors import BadRequest, Refusal, TooLarge, check_limit
from homeftp.interfaces import BatchWrite, IPayload, IRequest, IResolution
from homeftp.metadata.modes import kept_mode
from homeftp.model import Entry, WriteRequest
from homeftp.status import Status
from homeftp.wire.batch import BatchParser, InvalidEntry, PushEntry
from homeftp.wire.messages import PushBody, entry_body, refusal_body

PIECES_PER_JOB = 3
"""Pieces of the payload that are stored together, at most: 512 files of 4 KiB with their lines, and what was left of
the piece before. Each job waits for the disk."""

_JSON_WIDTH = 6
"""Bytes that a character of a name or a message may need in a line, at most, with its escape."""

_JSON_OVERHEAD = 512
"""Bytes that an entry needs in a line beside its name and its message, at most."""


async def push_batch(request: IRequest, body: PushBody, resolution: IResolution) -> None:
    """Store the entries of the payload; report each that is refused, or has another time or mode than asked for."""
    if body.hash or body.hash_trailer or body.offset or body.meta_data or body.if_hash:
        raise BadRequest("a batch has no hash, offset, meta_data or if_hash of its own: give them with its entries")
    check_limit("the payload of a batch", request.payload.size, BATCH_BYTES)
    batch = _IncomingBatch(body.rel_endpoint)
    report = _Report(resolution)
    while await batch.receive(request.payload):
        while not batch.exhausted:
            await report.add(batch, await request.files.write_batch(batch.decode))
    batch.receive_end()
    await report.answer()


class _IncomingBatch:
    """The entries of one payload, decoded in the pool, one job at a time."""

    def __init__(self, base: Endpoint) -> None:
        self._base = base
        self._parser = BatchParser(PushEntry)
        self._failure: Exception | None = None
        self.count = 0
        """How many entries were decoded so far."""
        self.entries: Sequence[PushEntry | InvalidEntry] = ()
        """The entries that were decoded last, without their contents, which are stored by now."""
        self.requests: Sequence[WriteRequest | None] = ()
        """The request to the store for each of `entries`; None for one that was refused before."""

    async def receive(self, payload: IPayload) -> bool:
        """Take the next pieces of the payload, as many as one job is for; tells whether there were any.

        Raises what `IPayload.read` raises, but first what has arrived is to be stored.
        """
        if self._failure is not None:
            raise self._failure
        for number in range(PIECES_PER_JOB):
            try:
                piece = await payload.read()
            except Exception as failure:
                if not number:
                    raise
                self._failure = failure
                break
            if not piece:
                return number > 0
            self._parser.receive_data(piece)
        return True

    @property
    def exhausted(self) -> bool:
        """Whether `decode` has nothing more to give, or to raise, of what was received."""
        return self._parser.exhausted

    def receive_end(self) -> None:
        """The payload has ended; raises `BadRequest` (20) in the middle of an entry."""
        self._parser.receive_end()

    def decode(self, most: int) -> Sequence[BatchWrite | Refusal]:
        """In a worker: decode the next entries, `most` at most, into what the store is asked to write.

        Raises as `BatchParser.next_items`, and `TooLarge` (22) for an entry beyond the most that a batch may have.
        """
        items = self._parser.next_items(min(most, BATCH_ENTRIES - self.count) or 1)
        if items and self.count == BATCH_ENTRIES:
            raise TooLarge(f"a batch has at most {BATCH_ENTRIES:,} entries: send the others in another one")
        self.count += len(items)
        writes = [self._write(item.entry, item.content) for item in items]
        self.entries = [item.entry for item in items]
        self.requests = [each.request if isinstance(each, BatchWrite) else None for each in writes]
        return writes

    def _write(self, entry: PushEntry | InvalidEntry, content: bytes) -> BatchWrite | Refusal:
        if isinstance(entry, InvalidEntry):
            return entry.refusal
        try:
            return BatchWrite(_write_request(self._base, entry), None if entry.kind == "directory" else content)
        except Refusal as refused:
            return refused.with_traceback(None)  # its frames refer to what is returned


def _write_request(base: Endpoint, entry: PushEntry) -> WriteRequest:
    """The write that an entry asks for, validated beyond its types."""
    is_directory = entry.kind == "directory"
    if is_directory and (entry.content_length or entry.hash):
        raise BadRequest("a directory has no content and no hash: leave them out")
    if not is_directory and entry.hash is None:
        raise BadRequest("the entry of a file needs the hash of its content")
    if not is_directory and not entry.name:
        raise BadRequest("the entry of a file needs a name")
    meta = parse_meta_data(entry.meta_data, entry.content_length)
    return WriteRequest(
        endpoint=entry_endpoint(base, entry.name),
        size=entry.content_length,
        hash=entry.hash,
        mtime_us=meta.get("mtime_us"),
        mode=meta.get("mode"),
        precondition=entry.if_hash,
    )


class _Report:
    """Tells the client what was refused, and what has another time or mode than was asked for; counts the rest."""

    _log = Logger()

    def __init__(self, resolution: IResolution) -> None:
        self._resolution = resolution
        self._reported = 0
        self._stored = 0
        self._refused: list[dict[str, Any]] = []
        self._differing: list[dict[str, Any]] = []
        self._size = 0

    async def add(self, batch: _IncomingBatch, results: Sequence[Entry | Exception]) -> None:
        """Add the results of the entries that were decoded last."""
        first = batch.count - len(results)
        for number, result in enumerate(results):
            asked = batch.requests[number]
            entry = batch.entries[number]
            name = "" if isinstance(entry, InvalidEntry) else entry.name
            if isinstance(result, Exception):
                await self._add_refusal(first + number, name, entry_refusal(result, self._log))
                continue
            self._stored += 1
            if asked is not None and _is_other(asked, result):
                await self._send_if_full(len(name))
                self._differing.append({**entry_body(result), "name": name})

    async def _add_refusal(self, number: int, name: str, refusal: Refusal) -> None:
        await self._send_if_full(len(name) + len(refusal.message))
        self._reported += 1
        self._refused.append({"entry": number, "name": name, **refusal_body(refusal)})

    async def _send_if_full(self, characters: int) -> None:
        """Send what there is, where another entry of so many characters would make the line too long."""
        size = characters * _JSON_WIDTH + _JSON_OVERHEAD
        if self._size + size > LISTING_PAGE_BYTES:
            await self._send()
        self._size += size

    async def _send(self) -> None:
        lists = {"refused": self._refused, "differing": self._differing}
        body = {name: entries for name, entries in lists.items() if entries}
        if body:
            await self._resolution.send(body)
        self._refused, self._differing, self._size = [], [], 0

    async def answer(self) -> None:
        """Answer."""
        await self._send()
        message = f"stored {self._stored:,} of {self._stored + self._reported:,}"
        self._resolution.resolve(Status.OK, message, {"stored": self._stored, "refused": self._reported})


def _is_other(asked: WriteRequest, stored: Entry) -> bool:
    """Whether the entry has another time or mode than the request asked for."""
    if asked.mtime_us is not None and (stored.mtime_us != asked.mtime_us or stored.mtime_span is not None):
        return True
    return asked.mode is not None and stored.mode != kept_mode(stored.kind, asked.mode)
