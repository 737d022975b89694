"""One connection without input and output, for each role: bytes in, events out, and what may be sent.

    connection.receive_data(data)                     # from the peer
    while (event := connection.next_event()) is not None: ...
    transport.write(connection.send_request("HELLO")[1])

What a connection refuses to send is a bug of the caller, and raises before
anything is encoded; `TooLarge` alone may be a user's doing. What a peer must
not send is a `Violation`: the caller answers it, where it may, and ends the
connection. The rules for STARTTLS are enforced here, for both ends: not one
byte may cross between the answer to it and the handshake.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from homeftp.config import MAX_REQUEST_LINE, MAX_RESPONSE_LINE, MOST_LISTED, SMALL_FILE
from homeftp.errors import refusal
from homeftp.status import Status
from homeftp.wire.codec import decode_request, decode_response, request_line
from homeftp.wire.events import (
    EndOfInput,
    MessageReceived,
    PayloadReceived,
    Refused,
    RequestAnswered,
    TLSAccepted,
    TLSRequested,
    Violation,
)
from homeftp.wire.messages import Request, Response
from homeftp.wire.parser import MessageParser, ParserEvent
from homeftp.wire.states import (
    STARTTLS,
    TLS_ACTIVE,
    TLS_FIRST,
    ConnectionState,
    Phase,
    Role,
    proves_login,
)

ServerEvent = ParserEvent[Request] | TLSRequested
ClientEvent = ParserEvent[Response] | RequestAnswered | TLSAccepted | Refused

_ANSWERS = frozenset(status for status in Status if not status.refused)
"""The statuses of requests that were not refused."""


class ServerConnection:
    """The server's end of a connection. `state` is shared with the code that decides about logins."""

    def __init__(self, state: ConnectionState) -> None:
        self.state = state
        # Before TLS no request has a payload, so none is waited for.
        whole = 0 if state.phase is Phase.PLAIN else SMALL_FILE
        self._parser = MessageParser(decode_request, MAX_REQUEST_LINE, whole)

    @property
    def phase(self) -> Phase:
        """The phase of the connection."""
        return self.state.phase

    @property
    def incomplete(self) -> bool:
        """Whether the client has begun a line or a payload that it has not ended."""
        return self._parser.incomplete

    @property
    def has_unread_data(self) -> bool:
        """Whether there may be another event before more is received."""
        return self._parser.has_unread_data

    @property
    def incomplete_request(self) -> Request | None:
        """The request whose payload is arriving."""
        return self._parser.message

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the client."""
        self._parser.receive_data(data)

    def skip_payload(self, size: int) -> bool:
        """Whether the next `size` bytes are payload, and not its last: then the caller keeps them, as received."""
        return self._parser.skip_payload(size)

    def receive_end(self) -> None:
        """The client sends nothing more."""
        self._parser.receive_end()

    def next_event(self) -> ServerEvent | None:
        """The next event from the client; None until more is received."""
        phase = self.state.phase
        if phase in TLS_ACTIVE:
            return self._parser.next_event()
        if phase is Phase.PLAIN:
            return self._next_plain_event()
        if phase is Phase.HANDSHAKE and self._parser.has_unread_data:
            self._parser.stop()
            return Violation(Status.TLS_REQUIRED, "plaintext during the TLS handshake", must_abort=True)
        if phase is Phase.CLOSING:
            self._parser.stop()
        return None

    def _next_plain_event(self) -> ServerEvent | None:
        event = self._parser.next_event()
        if event is None or isinstance(event, EndOfInput):
            return event
        if isinstance(event, Violation):
            return Violation(Status.TLS_REQUIRED, TLS_FIRST, event.size)
        if not isinstance(event, MessageReceived) or event.payload is None:
            return self._stop(Violation(Status.TLS_REQUIRED, TLS_FIRST))
        if self.state.refusal(event.message.request_type) is not None:
            return self._stop(Violation(Status.TLS_REQUIRED, TLS_FIRST, len(event.line)))
        if self._parser.has_unread_data:
            return self._stop(Violation(Status.TLS_REQUIRED, "plaintext behind STARTTLS", must_abort=True))
        return TLSRequested(event.message.id)

    def _stop(self, violation: Violation) -> Violation:
        self._parser.stop()
        return violation

    def begin_tls(self) -> None:
        """STARTTLS has been answered: the handshake is next, and what was known before it does not count."""
        self.state.advance(Phase.HANDSHAKE)
        self._parser = MessageParser(decode_request, MAX_REQUEST_LINE, SMALL_FILE)

    def tls_established(self) -> None:
        """The handshake is complete."""
        self.state.advance(Phase.UNAUTHENTICATED)

    def close(self) -> None:
        """Look at nothing that arrives any more. May be called twice."""
        if self.state.phase is not Phase.CLOSING:
            self.state.advance(Phase.CLOSING)
        self._parser.stop()


class ClientConnection:
    """The client's end of a connection. Requests are numbered from 1; responses must keep their order."""

    def __init__(self, phase: Phase = Phase.PLAIN) -> None:
        self.state = ConnectionState(phase, Role.CLIENT)
        self._parser = MessageParser(decode_response, MAX_RESPONSE_LINE)
        self._open: deque[tuple[int, str]] = deque()
        self._sent = 0
        self._responses = 0
        self._matching = True
        self._current: Response | None = None  # whose payload is arriving, where it answers an open request
        self._answered = False

    @property
    def phase(self) -> Phase:
        """The phase of the connection."""
        return self.state.phase

    @property
    def incomplete(self) -> bool:
        """Whether the server has begun a line or a payload that it has not ended."""
        return self._parser.incomplete

    @property
    def oldest_open(self) -> int:
        """The id of the request whose response is next; 0 where none is open."""
        return self._open[0][0] if self._open else 0

    def send_starttls(self) -> bytes:
        """The line that asks for TLS: the first that a client sends."""
        self._check_legal(STARTTLS)
        return request_line(STARTTLS)

    def send_request(
        self, request_type: str, body: dict[str, Any] | None = None, content_length: int = 0
    ) -> tuple[int, bytes]:
        """The id and the line of a request; `content_length` bytes must follow it.

        Raises `TooLarge` (22) where the line has too many bytes, and
        RuntimeError where no request is legal, or not this one.
        """
        self._check_legal(request_type)
        line = request_line(request_type, body, id=self._sent + 1, content_length=content_length)
        self._sent += 1
        self._open.append((self._sent, request_type))
        return self._sent, line

    def _check_legal(self, request_type: str) -> None:
        refused = self.state.refusal(request_type)
        if refused is not None:
            raise RuntimeError(f"{request_type} must not be sent now: {refused.message}")

    def stop_matching(self) -> None:
        """From now on report every response, whatever it answers: a person types the requests."""
        self._matching = False

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the server."""
        self._parser.receive_data(data)

    def receive_end(self) -> None:
        """The server sends nothing more."""
        self._parser.receive_end()

    def next_event(self) -> ClientEvent | None:
        """The next event from the server; None until more is received."""
        if self._answered:
            self._answered = False
            self._open.popleft()
            return RequestAnswered()
        phase = self.state.phase
        if phase in TLS_ACTIVE:
            return self._next_secure_event()
        if phase is Phase.PLAIN:
            return self._next_plain_event()
        if phase is Phase.HANDSHAKE and self._parser.has_unread_data:
            return self._violation("the server sent plaintext where the TLS handshake was due")
        return None

    def _next_secure_event(self) -> ClientEvent | None:
        event = self._parser.next_event()
        if isinstance(event, PayloadReceived):
            if event.last:
                self._end_response()
        elif isinstance(event, MessageReceived):
            return self._check_response(event)
        elif isinstance(event, Violation):
            return Violation(event.status, f"the server sent an invalid response: {event.message}", event.size)
        return event

    def _check_response(self, event: MessageReceived[Response]) -> ClientEvent:
        response = event.message
        if response.status < Status.BAD_REQUEST and response.status not in _ANSWERS:
            return self._violation(f"the server answered with status {response.status}, which does not exist")
        if self._matching:
            if not self._open or response.id != self._open[0][0]:
                if response.id is None and response.status >= Status.BAD_REQUEST:
                    self._parser.stop()
                    return Refused(refusal(response.status, response.message))
                return self._violation("the server answered a request that was not sent, or not in order")
            if self.state.phase is Phase.UNAUTHENTICATED and proves_login(self._open[0][1], response):
                self.state.advance(Phase.AUTHENTICATED)
            self._current = response
            self._responses = self._responses + 1 if response.more else 0
            if self._responses > MOST_LISTED:
                return self._violation(f"the server sent more than {MOST_LISTED:,} responses to one request")
        if event.payload is not None:
            self._end_response()
        return event

    def _end_response(self) -> None:
        response, self._current = self._current, None
        self._answered = response is not None and not response.more

    def _next_plain_event(self) -> ClientEvent | None:
        event = self._parser.next_event()
        if event is None or isinstance(event, EndOfInput):
            return event
        if not isinstance(event, MessageReceived):
            return self._violation("the server does not speak homeftp")
        response = event.message
        if response.status >= Status.BAD_REQUEST:
            self._parser.stop()
            return Refused(refusal(response.status, response.message))
        if self._parser.has_unread_data or response.more or response.content_length or response.id is not None:
            return self._violation("bytes were injected before TLS: do not use this network for homeftp")
        if response.status != Status.OK:
            return self._violation("the server did not accept TLS")
        return TLSAccepted()

    def _violation(self, message: str) -> Violation:
        self._parser.stop()
        return Violation(Status.BAD_REQUEST, message, must_abort=True)

    def begin_tls(self) -> None:
        """The server has accepted STARTTLS: the handshake is next, and what was known before it does not count."""
        self.state.advance(Phase.HANDSHAKE)
        self._parser = MessageParser(decode_response, MAX_RESPONSE_LINE, skips_empty=True)

    def tls_established(self) -> None:
        """The handshake is complete, and the server has proven its identity."""
        self.state.advance(Phase.UNAUTHENTICATED)

    def close(self) -> None:
        """Look at nothing that arrives any more, and send nothing. May be called twice."""
        if self.state.phase is not Phase.CLOSING:
            self.state.advance(Phase.CLOSING)
        self._parser.stop()
        self._open.clear()
        self._answered = False
