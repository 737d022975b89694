"""Bytes to requests: where one ends and the next begins, and what is done with one that is none.

A line is decoded, and the bytes behind it are its payload: gathered first
where there are few, and else handed on as they come. What a request means, and
when a client has to wait, is not looked at here.
"""

from __future__ import annotations

from typing import Protocol

from twisted.logger import Logger
from twisted.protocols.basic import LineReceiver

from homeftp.config import MAX_REQUEST_LINE, READ_BUFFER, SMALL_FILE
from homeftp.errors import Refusal, TooLarge
from homeftp.files.budget import MemoryBudget
from homeftp.interfaces import IPayload
from homeftp.server.json.payload import StreamPayload, WholePayload
from homeftp.wire.codec import decode_request
from homeftp.wire.messages import Identifier, Request
from homeftp.wire.parser import whole_request
from homeftp.wire.states import ConnectionState, Phase


class BufferedTransport(Protocol):
    """What is asked of a transport here."""

    bufferSize: int
    """The bytes that it reads at once."""


class RequestReceiver(LineReceiver):
    """Finds the requests in what a client sends. Its connection says what becomes of them."""

    transport: BufferedTransport  # type: ignore[assignment]
    delimiter = b"\n"
    MAX_LENGTH = MAX_REQUEST_LINE + 1  # a CR may stand before the LF
    _log = Logger()

    def __init__(self, conversation: ConnectionState, budget: MemoryBudget, peer: str) -> None:
        self._conversation = conversation
        self._budget = budget
        self.peer = peer
        self._request: Request | None = None
        self._gathered: list[bytes] = []
        self._missing = 0
        self._stream: StreamPayload | None = None

    # -- what the connection does with them ------------------------------------

    def _admit(self, request: Request, payload: IPayload, weight: int = 0) -> None:
        """A request, whole or with its payload still to come; `weight` are the bytes that are held for it."""
        raise NotImplementedError

    def _fault(self, refusal: Refusal, id: Identifier = None) -> None:
        """The stream cannot be trusted any more."""
        raise NotImplementedError

    def _came_whole(self) -> None:
        """A line or a payload that was begun has ended."""
        raise NotImplementedError

    def _adjust(self) -> None:
        """A payload has come to hold as much as it may, or less again."""
        raise NotImplementedError

    # -- bytes -----------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._stream is not None and not self.paused and not self._buffer and len(data) < self._missing:
            self._fill(self._stream, data)  # most of what ever comes; LineReceiver would only hand it on
            return
        if self.line_mode and not self._busyReceiving and self._conversation.phase is Phase.AUTHENTICATED:
            data = self._take_whole(data)
        super().dataReceived(data)

    def _take_whole(self, data: bytes) -> bytes:
        """Admit the requests that are there whole; gives the rest. LineReceiver would copy all of it for each."""
        data, self._buffer = self._buffer + data, b""
        start = 0
        busy, self._busyReceiving = self._busyReceiving, True  # what is resumed meanwhile goes on here
        try:
            while not self.paused and self._conversation.phase is Phase.AUTHENTICATED:
                taken = whole_request(data, start)
                if taken is None:
                    break
                request, payload, start = taken
                self._came_whole()
                self._admit(request, WholePayload(payload), len(payload))
        finally:
            self._busyReceiving = busy
        return data[start:]

    # -- lines -----------------------------------------------------------------

    def lineReceived(self, line: bytes) -> None:
        """One request's line."""
        if self._conversation.phase is Phase.CLOSING:
            return
        self._came_whole()
        try:
            line = line.removesuffix(b"\r")
            if len(line) > MAX_REQUEST_LINE:
                raise TooLarge(f"the line has more than {MAX_REQUEST_LINE} bytes")
            request = decode_request(line)
        except Refusal as refusal:
            # Never the line itself: it may be a LOGIN with a comma too many.
            self._log.info(
                "bad line of {size} bytes from {peer}: {fault}", size=len(line), peer=self.peer, fault=refusal.message
            )
            self._fault(refusal)
            return
        self._begin(request)

    def lineLengthExceeded(self, line: bytes) -> None:
        """A line without end: the stream cannot be trusted any more."""
        self.clearLineBuffer()
        if self._conversation.phase is not Phase.CLOSING:
            self._log.info("endless line from {peer}", peer=self.peer)
            self._fault(TooLarge(f"the line has more than {MAX_REQUEST_LINE} bytes"))

    # -- payloads --------------------------------------------------------------

    def _begin(self, request: Request) -> None:
        """What follows is this request's payload."""
        self._missing = request.content_length
        if self._missing == 0:
            self._admit(request, WholePayload())
        elif self._missing <= SMALL_FILE:
            self._request = request
            self.setRawMode()
        else:
            self._stream = StreamPayload(self._missing, self._adjust, self._budget)
            self.transport.bufferSize = max(READ_BUFFER, self._budget.piece // 2)
            self.setRawMode()
            self._admit(request, self._stream)

    def rawDataReceived(self, data: bytes) -> None:
        """Bytes of a payload, and perhaps of what follows it."""
        if self._conversation.phase is Phase.CLOSING and self._stream is None:
            return
        mine, rest = data[: self._missing], data[self._missing :]
        if self._stream is not None:
            self._fill(self._stream, mine)
        else:
            self._missing -= len(mine)
            self._gathered.append(mine)
        if self._missing:
            return
        self._came_whole()
        request, self._request = self._request, None
        if request is not None:
            payload, self._gathered = b"".join(self._gathered), []
            self._admit(request, WholePayload(payload), len(payload))
        self._stream = None
        self.transport.bufferSize = READ_BUFFER
        self.line_mode = 1
        self.setLineMode(self._take_whole(rest))

    def _fill(self, stream: StreamPayload, data: bytes) -> None:
        """Bytes of a large payload."""
        self._missing -= len(data)
        stream.deliver(data)
        if stream.full:
            self._adjust()
