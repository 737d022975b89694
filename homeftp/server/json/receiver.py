"""Bytes to requests: the protocol's side of the sans-IO connection.

Before TLS the protocol is in line mode, and what follows the first line is
taken out of the line buffer, for the rules of STARTTLS to judge. From the
handshake on it is in raw mode: all bytes go to `ServerConnection`, which finds
the requests in them. What a request means, and when a client has to wait, is
decided elsewhere.
"""

from __future__ import annotations

from typing import Callable

from twisted.protocols.basic import LineReceiver

from homeftp.config import MAX_REQUEST_LINE
from homeftp.files.upload import IncomingPayload
from homeftp.interfaces import IPayload
from homeftp.server.json.payload import WholePayload
from homeftp.server.json.transport import BufferedTransport
from homeftp.wire.connection import ServerConnection, ServerEvent
from homeftp.wire.events import MessageReceived, PayloadReceived, TLSRequested, Violation
from homeftp.wire.messages import Identifier, Request
from homeftp.wire.states import ConnectionState

EVENTS_PER_TURN = 4
"""Events that are handled before other clients have their turn: a request costs 50 to 100 µs, its turn 10 µs."""

NewPayload = Callable[[int, Callable[[], None]], IncomingPayload]
"""Makes a payload that arrives piece by piece, as `JsonContext.payload`."""


class RequestReceiver(LineReceiver):
    """Finds the requests in what a client sends, and gives each to a method of the subclass."""

    transport: BufferedTransport  # type: ignore[assignment]
    delimiter = b"\n"
    MAX_LENGTH = MAX_REQUEST_LINE + 1  # a CR may precede the LF

    def __init__(self, state: ConnectionState, new_payload: NewPayload) -> None:
        self._state = state
        self._connection = ServerConnection(state)
        self._new_payload = new_payload
        self._stream: IncomingPayload | None = None
        self._arrived: list[IncomingPayload] = []
        self._held_back = False
        self._waits_turn = False

    # -- for the subclass to define ---------------------------------------------

    def _request_received(self, request: Request, payload: IPayload, line: int) -> None:
        """A request, whose line has `line` bytes, with its payload whole or still arriving."""
        raise NotImplementedError

    def _tls_requested(self, id: Identifier) -> None:
        """STARTTLS: answer and begin the handshake, before anything else is done."""
        raise NotImplementedError

    def _violation(self, violation: Violation) -> None:
        """The client broke the protocol."""
        raise NotImplementedError

    def _large_payload_begins(self) -> None:
        """A payload that is not whole yet follows."""
        raise NotImplementedError

    def _input_completed(self) -> None:
        """A line or a payload that had begun is complete."""
        raise NotImplementedError

    def _in_turn(self, call: Callable[[], None]) -> None:
        """Make this call now, or in turn with those of other clients."""
        raise NotImplementedError

    def _update_reading(self) -> None:
        """A stream's payload holds as much as it may, or less again."""
        raise NotImplementedError

    # -- bytes ------------------------------------------------------------------

    def lineReceived(self, line: bytes) -> None:
        """The first line, before TLS. What came with it is taken along: an attack, unless the line is at fault."""
        self.rawDataReceived(line + b"\n" + self.clearLineBuffer())

    def lineLengthExceeded(self, line: bytes) -> None:
        """A line that is too long, before TLS."""
        self.rawDataReceived(line)

    def rawDataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._stream is not None and not self._waits_turn and self._connection.skip_payload(len(data)):
            self._stream.deliver(data)
            return
        self._connection.receive_data(data)
        self._process_events()
        self._hold_back()

    def resumeProducing(self) -> None:
        """Go on reading, first what has been received already."""
        super().resumeProducing()
        self._process_events()
        self._hold_back()

    def _process_events(self) -> None:
        """Handle the events that there are, some at a time and in turn with other clients, unless reading is paused."""
        if not self._waits_turn:
            self._waits_turn = True
            self._in_turn(self._process_some)

    def _process_some(self) -> None:
        """Handle some events. A fault ends the connection."""
        self._waits_turn = False
        try:
            for _ in range(EVENTS_PER_TURN):
                event = None if self.paused else self._connection.next_event()
                if event is None:
                    break
                self._handle(event)
        except BaseException:
            self.transport.abortConnection()
            raise
        if event is not None and self._connection.has_unread_data:
            self._process_events()
        elif self._held_back:
            self._held_back = False
            if not self.paused:
                self.transport.resumeProducing()

    def _hold_back(self) -> None:
        """Read nothing more while what has been read waits for its turn."""
        if self._waits_turn:
            self._held_back = True
            self.transport.pauseProducing()

    def _handle(self, event: ServerEvent) -> None:
        if isinstance(event, MessageReceived):
            self._message_received(event)
        elif isinstance(event, PayloadReceived):
            self._payload_received(event)
        elif isinstance(event, TLSRequested):
            self._tls_requested(event.id)
        elif isinstance(event, Violation):
            self._violation(event)

    # -- requests ---------------------------------------------------------------

    def _message_received(self, event: MessageReceived[Request]) -> None:
        self._input_completed()
        payload = event.payload
        if payload is not None:
            self._request_received(event.message, WholePayload(payload), len(event.line))
            return
        self._stream = self._new_payload(event.message.content_length, self._update_reading)
        self._large_payload_begins()
        self._request_received(event.message, self._stream, len(event.line))

    def _payload_received(self, event: PayloadReceived) -> None:
        stream = self._stream
        if event.last:
            self._input_completed()
            self._stream = None
        if stream is not None:
            stream.deliver(event.data)
            if stream.waiting:
                self._arrived.append(stream)
                self._update_reading()

    def _waiting_bytes(self) -> int:
        """The bytes of streamed payloads that have arrived and that no request has read yet."""
        if self._arrived:
            self._arrived = [stream for stream in self._arrived if stream.waiting]
        return sum(stream.waiting for stream in self._arrived)
