"""Bytes to messages: where a line ends, what it says, and which bytes are its payload.

One parser serves one direction of one connection, and knows neither phases
nor roles: connection.py does. The time it takes is linear in the bytes and
its memory is bounded, however the bytes are split: a line, and a payload that
is delivered whole, have a limit, and any other payload is passed on as it
arrives.
"""

from __future__ import annotations

from typing import Callable, Generic

from homeftp.errors import BadRequest
from homeftp.status import Status
from homeftp.wire.events import EndOfInput, M, MessageReceived, PayloadReceived, Violation

ParserEvent = MessageReceived[M] | PayloadReceived | Violation | EndOfInput


class MessageParser(Generic[M]):
    """Give it bytes with `receive_data`, and take events with `next_event` until there is none.

    A line has at most `longest` bytes without its ending; `decode` makes a
    message of it, or raises `BadRequest`. A payload of at most `whole` bytes
    comes with its message, a larger one in pieces behind it. With
    `skips_empty` an empty line, ended by LF alone, is no message.
    """

    def __init__(
        self, decode: Callable[[bytes], M], longest: int, whole: int = 0, *, skips_empty: bool = False
    ) -> None:
        self._decode = decode
        self._longest = longest
        self._whole = whole
        self._skips_empty = skips_empty
        self._data = b""  # empty as soon as all of it is parsed
        self._position = 0
        self._partial = bytearray()  # of a line, or of a payload that is to be delivered whole
        self._line = b""
        self._missing = 0
        self._in_pieces = False
        self._input_ended = False
        self._stopped = False
        self.message: M | None = None
        """The message whose payload is arriving."""

    @property
    def incomplete(self) -> bool:
        """Whether a line or a payload has begun whose end has not been received."""
        return self.message is not None or bool(self._partial)

    @property
    def has_unread_data(self) -> bool:
        """Whether there are bytes that no event has covered yet."""
        return bool(self._data or self._partial)

    def receive_data(self, data: bytes) -> None:
        """Take the next bytes; raises RuntimeError behind the end of input."""
        if self._input_ended:
            raise RuntimeError("bytes behind the end of input")
        if not self._stopped:
            self._data = self._data[self._position :] + data if self._data else data
            self._position = 0

    def skip_payload(self, size: int) -> bool:
        """Whether the next `size` bytes are payload in pieces, and not its last: then they count as parsed.

        Most bytes are; a caller that asks first can use them where they are, without an event.
        """
        if self._data or self.message is None or not self._in_pieces or size >= self._missing:
            return False
        self._missing -= size
        return True

    def receive_end(self) -> None:
        """No more bytes will come."""
        self._input_ended = True

    def stop(self) -> None:
        """Parse nothing more: what has been received and what still comes is discarded."""
        self._stopped = True
        self._data, self._position = b"", 0
        self._partial = bytearray()
        self.message = None

    def next_event(self) -> ParserEvent[M] | None:
        """The next event; None until more is received."""
        if self._data:
            if self.message is None:
                event = self._parse_line()
            elif self._in_pieces:
                return self._next_piece()
            else:
                event = self._collect()
            if event is not None:
                return event
        return self._end()

    def _next_piece(self) -> PayloadReceived:
        """The next bytes of a payload that is not delivered whole: no copy is made where they are all there is."""
        data, missing = self._data, self._missing
        size = len(data) - self._position
        if size > missing or self._position:
            data = self._take(missing)
            size = len(data)
        else:
            self._data = b""
        self._missing = missing - size
        if size < missing:
            return PayloadReceived(data, False)
        self.message = None
        return PayloadReceived(data, True)

    def _take(self, size: int) -> bytes:
        """The next bytes, at most `size`; what has been read is released with the last of them."""
        start, end = self._position, self._position + size
        data = self._data[start:end]
        self._skip_to(end)
        return data

    def _end(self) -> EndOfInput | None:
        if not self._input_ended or self._stopped:
            return None
        complete = not self.incomplete
        self.stop()
        return EndOfInput(complete)

    def _parse_line(self) -> ParserEvent[M] | None:
        data, start = self._data, self._position
        if self._skips_empty and not self._partial:
            while data.startswith(b"\n", start):
                start += 1
            self._skip_to(start)
            if not self._data:
                return None
        end = data.find(b"\n", start, start + self._longest + 2 - len(self._partial))
        if end < 0:
            return self._keep_partial_line()
        line = data[start:end]
        self._skip_to(end + 1)
        if self._partial:
            line = bytes(self._partial) + line
            self._partial = bytearray()
        line = line.removesuffix(b"\r")
        if len(line) > self._longest:
            return self._too_long(len(line))
        try:
            message = self._decode(line)
        except BadRequest as refusal:
            self.stop()
            return Violation(refusal.status, refusal.message, len(line))
        return self._begin_payload(message, line)

    def _keep_partial_line(self) -> Violation | None:
        self._partial += self._take(len(self._data))
        excess = len(self._partial) - self._longest
        if excess > 1 or (excess == 1 and not self._partial.endswith(b"\r")):
            return self._too_long(len(self._partial))
        return None

    def _too_long(self, size: int) -> Violation:
        self.stop()
        return Violation(Status.TOO_LARGE, f"the line has more than {self._longest} bytes", size)

    def _begin_payload(self, message: M, line: bytes) -> MessageReceived[M] | None:
        size = message.content_length
        if size > self._whole:
            self.message, self._missing, self._in_pieces = message, size, True
            return MessageReceived(message, None, line)
        start, end = self._position, self._position + size
        if end <= len(self._data):
            payload = self._data[start:end]
            self._skip_to(end)
            return MessageReceived(message, payload, line)
        self.message, self._missing, self._in_pieces, self._line = message, size, False, line
        return self._collect()

    def _collect(self) -> MessageReceived[M] | None:
        """Keep what there is of a payload that is delivered whole."""
        piece = self._take(self._missing)
        self._partial += piece
        self._missing -= len(piece)
        if self._missing or self.message is None:
            return None
        message, self.message = self.message, None
        payload, self._partial = bytes(self._partial), bytearray()
        return MessageReceived(message, payload, self._line)

    def _skip_to(self, position: int) -> None:
        if position < len(self._data):
            self._position = position
        else:
            self._data, self._position = b"", 0
