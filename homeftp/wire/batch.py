"""The entries of batches, and the parser of their payload: lines, each followed by as many bytes as it says.

Requests and responses have the same framing, and so the same parser. An entry that cannot be decoded is refused
alone, as long as it is known how many bytes follow it.
"""

from __future__ import annotations

from collections import deque
from typing import Annotated, Any, Generic, Iterable, Mapping, TypeVar

import msgspec
from msgspec import Meta

from homeftp.config import BATCH_ENTRIES, MAX_REQUEST_LINE, SMALL_FILE
from homeftp.errors import BadRequest, Refusal, TooLarge, refusal
from homeftp.model import Kind
from homeftp.wire.codec import decode_entry, encode_entry
from homeftp.wire.events import Framed, MessageReceived, Violation
from homeftp.wire.messages import EntryBody, Hash, MetaData, Precondition, Size
from homeftp.wire.parser import MessageParser

E = TypeVar("E", bound=Framed)


class PushEntry(msgspec.Struct, frozen=True):
    """A line in the payload of a PUSH of a batch, before the content; `name` is relative to `PushBody.rel_endpoint`."""

    name: str  # `Endpoint.child` parses it
    kind: Kind = "file"
    content_length: Size = 0
    hash: Hash | None = None
    meta_data: MetaData = msgspec.field(default_factory=list)
    if_hash: Precondition | None = None


class GetEntry(msgspec.Struct, frozen=True):
    """A line in the payload of a GET of a batch: a file that is wanted, relative to `GetBody.rel_endpoint`."""

    name: str
    content_length: Annotated[int, Meta(ge=0, le=0)] = 0


class FileBody(EntryBody, frozen=True):
    """A line in an answer to GET of a batch, before the content: an entry, or, with a `status`, a refusal."""

    kind: Kind = "file"
    content_length: Size = 0
    status: int = 0
    message: str = ""


class InvalidEntry(msgspec.Struct, frozen=True):
    """An entry of which only its framing was understood."""

    content_length: Size
    refusal: Refusal


class BatchItem(msgspec.Struct, Generic[E], frozen=True):
    """An entry with the bytes behind it."""

    entry: E | InvalidEntry
    content: bytes


class _Framing(msgspec.Struct, frozen=True):
    """The fields of a line that are needed to find the next one."""

    content_length: Size = 0


class BatchParser(Generic[E]):
    """Give it the bytes of a payload with `receive_data`, and take entries of `kind` with `next_items`.

    One thread at a time may use it. What is received is kept as it came, and looked at piece by piece.
    """

    def __init__(self, kind: type[E]) -> None:
        self._kind = kind
        self._parser: MessageParser[E | InvalidEntry] = MessageParser(self._decode, MAX_REQUEST_LINE, SMALL_FILE)
        self._pieces: deque[bytes] = deque()
        self._failure: Refusal | None = None
        self.exhausted = True
        """Whether `next_items` gives nothing, and raises nothing, until more is received."""

    def _decode(self, line: bytes) -> E | InvalidEntry:
        try:
            return decode_entry(line, self._kind)
        except BadRequest as refused:
            return InvalidEntry(decode_entry(line, _Framing).content_length, refused)

    def receive_data(self, data: bytes) -> None:
        """Take the next bytes."""
        self.exhausted = False
        self._pieces.append(data)

    def next_items(self, most: int) -> list[BatchItem[E]]:
        """The next complete entries, `most` at most; none until more is received.

        Raises `BadRequest` (20) for a line that does not say how many bytes follow it, and `TooLarge` (22) for one, or
        a content, over its limit: then nothing behind it can be understood.
        """
        if self._failure is not None:
            raise self._failure
        items: list[BatchItem[E]] = []
        while len(items) < most:
            event = self._parser.next_event()
            if event is None and self._pieces:
                self._parser.receive_data(self._pieces.popleft())
                continue
            if event is None:
                self.exhausted = True
                break
            if isinstance(event, MessageReceived) and event.payload is not None:
                items.append(BatchItem(event.message, event.payload))
                continue
            self._failure = refusal(event.status, event.message) if isinstance(event, Violation) else _too_large()
            self._parser.stop()
            self._pieces.clear()
            if not items:
                raise self._failure
            break
        return items

    def receive_end(self) -> None:
        """No more bytes will come: raises `BadRequest` (20) in the middle of an entry."""
        if self._parser.incomplete:
            raise BadRequest("the payload ends in the middle of an entry")


def decode_batch(payload: bytes, kind: type[E]) -> list[BatchItem[E]]:
    """All entries of a payload that is complete; raises as `BatchParser.next_items` and `BatchParser.receive_end`."""
    parser = BatchParser(kind)
    parser.receive_data(payload)
    items: list[BatchItem[E]] = []
    while found := parser.next_items(BATCH_ENTRIES):
        items += found
    parser.receive_end()
    return items


def _too_large() -> TooLarge:
    return TooLarge(f"an entry has at most {SMALL_FILE:,} bytes of content: a larger file needs a request of its own")


def encode_item(entry: Mapping[str, Any], content: bytes = b"") -> bytes:
    """An entry with its content, as it stands in the payload of a batch."""
    return encode_items([(entry, content)])


def encode_items(items: Iterable[tuple[Mapping[str, Any], bytes]]) -> bytes:
    """Entries, each with its content, as they stand in the payload of a batch. Each content is copied once."""
    return b"".join(encode_parts(items))


def encode_parts(items: Iterable[tuple[Mapping[str, Any], bytes]]) -> list[bytes]:
    """The parts of such a payload: lines and contents in turn. No content is copied."""
    parts: list[bytes] = []
    for entry, content in items:
        parts.append(encode_entry({**entry, "content_length": len(content)} if content else entry))
        parts.append(content)
    return parts
