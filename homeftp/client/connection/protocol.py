"""The client's end of one connection: bytes in, bytes out. What is asked, and what to make of an answer, is api.py's.

TLS comes first and nothing is believed before it: one plaintext line is read,
the answer to STARTTLS, and a single byte behind it, even part of a line, ends
the connection (response injection, the client's side of CVE-2011-0411;
CVE-2021-23222 in libpq, CVE-2021-22947 in curl). There is no way to go on
without TLS.

Requests are pipelined; answers come in their order, and an answer that does
not bear the id of the oldest open request ends the connection. When a
connection ends, every open request fails with the same reason.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLClientConnectionCreator, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.client.connection.failures import before_tls, explained
from homeftp.client.connection.response import IListener, IResponseHandler, settled
from homeftp.client.connection.sender import Sender
from homeftp.client.connection.timeouts import PendingWait, Watchdog
from homeftp.client.errors import ConnectionFailed, ProtocolViolation
from homeftp.config import MAX_RESPONSE_LINE, READ_BUFFER, SOCKET_WRITE, STREAM_PIECE, ClientTimeouts
from homeftp.crypto.tls import negotiated_ok
from homeftp.crypto.tlsrecords import group_records
from homeftp.errors import BadRequest
from homeftp.interfaces import IPayload
from homeftp.status import Status
from homeftp.wire.codec import decode_response, encode_request
from homeftp.wire.messages import Response
from homeftp.wire.states import STARTTLS, ConnectionState, Phase, Role, proves_login

_TLS_ACTIVE = frozenset({Phase.UNAUTHENTICATED, Phase.AUTHENTICATED})

_ANSWERS = frozenset(status for status in Status if not status.refused)
"""The statuses of requests that were not refused."""


@implementer(IHandshakeListener)
class ClientProtocol(LineReceiver):
    """One connection. `secured` fires with this protocol when TLS is up, or fails with why there is none."""

    transport: Any  # a stream's transport: more than ITransport says
    delimiter = b"\n"
    MAX_LENGTH = MAX_RESPONSE_LINE

    def __init__(self, tls: IOpenSSLClientConnectionCreator, clock: IReactorTime, patience: ClientTimeouts) -> None:
        self.secured: Deferred[ClientProtocol] = Deferred(self._cancelled)
        self._tls = tls
        self._patience = patience
        self._watchdog = Watchdog(clock, patience, self._too_slow)
        self._conversation = ConnectionState(Phase.PLAIN, Role.CLIENT)
        self._reason: Exception | None = None
        self._ended = False
        self._await_end: list[Deferred[Exception]] = []
        self._pending: deque[tuple[int, IResponseHandler, str]] = deque()
        self._listener: IListener | None = None
        self._asked = 0
        self._response: Response | None = None
        self._missing = 0
        self._outbox: Sender | None = None

    def connectionMade(self) -> None:
        """Ask for TLS, before anything else."""
        self._watchdog.await_tls()
        self.transport.bufferSize, self.transport.SEND_LIMIT = READ_BUFFER, SOCKET_WRITE
        self.transport.write(encode_request(STARTTLS) + b"\n")

    def handshakeCompleted(self) -> None:
        """TLS is up, and the server has proven who it is."""
        if self._conversation.phase is not Phase.HANDSHAKE:
            return
        if LineReceiver.clearLineBuffer(self):
            return self._violated("bytes stood before the TLS handshake that do not belong there")
        if not negotiated_ok(self.transport, required=True):
            return self._violated("what answers there speaks TLS, but not homeftp")
        self._conversation.advance(Phase.UNAUTHENTICATED)
        group_records(self.transport)
        self._outbox = Sender(self.transport, moved=self._watchdog.progress, broken=self._broke_off)
        self.transport.registerProducer(self._outbox, True)
        self._watchdog.progress()
        self._watchdog.watch(self._waits)
        self.secured.callback(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The end: everything open fails."""
        self._end(self._reason or explained(self._conversation.phase, reason.value))

    def close(self) -> Deferred[Exception]:
        """End the connection, in good order where nothing is open; fires when it has ended. Open requests fail."""
        if self._pending:
            self.abandon(ConnectionFailed("the connection was closed"))  # what is on its way would have to be read
        elif self._conversation.phase is not Phase.CLOSING:
            self._stop(ConnectionFailed("the connection was closed"))
            self.transport.loseConnection()
            self._watchdog.once(self._patience.tls_seconds, self.transport.abortConnection)
        return self.when_ended()

    def abandon(self, reason: Exception) -> None:
        """End the connection at once; everything open fails with `reason`."""
        if self._conversation.phase is not Phase.CLOSING:
            self._stop(reason)
            self.transport.abortConnection()

    def when_ended(self) -> Deferred[Exception]:
        """Fires with the reason when the connection has ended."""
        waiting: Deferred[Exception] = Deferred()
        if self._ended and self._reason is not None:
            waiting.callback(self._reason)
        else:
            self._await_end.append(waiting)
        return waiting

    def _stop(self, reason: Exception) -> None:
        """From here on nothing is sent and nothing that arrives is looked at."""
        self._reason = reason
        self._conversation.advance(Phase.CLOSING)
        self._watchdog.stop()
        if self._outbox is not None:
            self._outbox.stop()

    def _end(self, reason: Exception) -> None:
        self._reason = reason
        self._ended = True
        self._conversation.advance(Phase.CLOSING)
        self._watchdog.stop()
        pending, self._pending = self._pending, deque()
        for _, exchange, _ in pending:
            exchange.failed(reason)
        if self._listener is not None:
            self._listener.failed(reason)
        if self._outbox is not None:
            self._outbox.fail(reason)
        if not self.secured.called:
            self.secured.errback(reason)
        for waiting in self._await_end:
            waiting.callback(reason)

    def _broke_off(self, reason: BaseException) -> None:
        """A payload could not be sent whole: the server would wait for the rest for ever."""
        self.abandon(ConnectionFailed(f"the connection was given up: {reason}"))

    def _cancelled(self, _: Deferred[ClientProtocol]) -> None:
        self.abandon(ConnectionFailed("nobody waits for the connection any more"))

    def _violated(self, fault: str) -> None:
        self.abandon(ProtocolViolation(fault))

    def _too_slow(self, complaint: str) -> None:
        self.abandon(ConnectionFailed(f"{complaint}: gave up waiting"))

    def _waits(self) -> PendingWait | None:
        """What is waited for now."""
        if not self._pending or self.paused:
            return None
        if self._under_way():
            return PendingWait(self._patience.stall_seconds, "the server has stalled")
        return PendingWait(self._patience.answer_seconds, "the server does not answer")

    def _under_way(self) -> bool:
        """Whether something is half received, or half sent while nothing else keeps the server busy."""
        if self._missing or self._buffer:
            return True
        return self._outbox is not None and self._outbox.choked and self._outbox.streaming == self._pending[0][0]

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the server."""
        self._watchdog.progress()
        LineReceiver.dataReceived(self, data)

    def lineReceived(self, line: bytes) -> None:
        """A response's line."""
        phase = self._conversation.phase
        if phase in _TLS_ACTIVE:
            self._responded(line)
        elif phase is Phase.PLAIN:
            self._go_ahead(line)
        elif phase is Phase.HANDSHAKE:
            self._violated("the server spoke in plaintext when TLS was to begin")

    def rawDataReceived(self, data: bytes) -> None:
        """Payload, and what follows it."""
        if self._conversation.phase not in _TLS_ACTIVE:
            return
        exchange = self._listener or self._pending[0][1]
        missing = self._missing
        if len(data) < missing:
            self._missing = missing - len(data)
            exchange.received(data)
            return
        self._missing = 0
        self.transport.bufferSize = READ_BUFFER
        if len(data) == missing:
            exchange.received(data)
            rest = b""
        else:
            exchange.received(data[:missing])
            rest = data[missing:]
        self._settle()
        LineReceiver.setLineMode(self, rest)

    def lineLengthExceeded(self, line: bytes) -> None:
        """No server of this protocol sends such a line."""
        self._violated(f"the server sent a line of more than {MAX_RESPONSE_LINE} bytes")

    def _go_ahead(self, line: bytes) -> None:
        """The answer to STARTTLS: the only line that is read in plaintext."""
        behind = LineReceiver.clearLineBuffer(self)
        try:
            response = decode_response(line)
        except BadRequest:
            return self._violated("what answers there does not speak homeftp")
        refused = settled(response)
        if refused is not None:
            return self.abandon(before_tls(refused.message))
        if behind or response.more or response.content_length or response.id is not None:
            return self._violated("somebody put bytes in before TLS: do not use this network for it")
        if response.status != Status.OK:
            return self._violated("the server does not go on to TLS")
        self._conversation.advance(Phase.HANDSHAKE)
        self.transport.startTLS(self._tls)

    def _responded(self, line: bytes) -> None:
        try:
            response = decode_response(line)
        except BadRequest as error:
            return self._violated(f"the server sent what is no response: {error}")
        if response.status < Status.BAD_REQUEST and response.status not in _ANSWERS:
            return self._violated(f"the server answered with the status {response.status}, which there is not")
        if self._listener is not None:
            self._listener.heard(line, response)
        elif not self._pending or response.id != self._pending[0][0]:
            refused = settled(response)
            if response.id is None and refused is not None:
                return self.abandon(refused)
            return self._violated("the server answered what was not asked")
        else:
            self._response = response
            _, exchange, request_type = self._pending[0]
            if self._conversation.phase is Phase.UNAUTHENTICATED and proves_login(request_type, response):
                self._conversation.advance(Phase.AUTHENTICATED)
            exchange.responded(response)
        if response.content_length:
            self._missing = response.content_length
            self.transport.bufferSize = max(READ_BUFFER, min(STREAM_PIECE, self._missing))
            LineReceiver.setRawMode(self)
        else:
            self._settle()

    def _settle(self) -> None:
        """A response has arrived whole."""
        response, self._response = self._response, None
        if response is not None and not response.more and self._pending:
            self._pending.popleft()[1].finished()

    def ask(
        self,
        exchange: IResponseHandler,
        request_type: str,
        body: dict[str, Any] | None = None,
        payload: bytes | IPayload | None = None,
    ) -> None:
        """Send a request; `exchange` is told what comes back.

        Raises `ConnectionFailed` when there is no connection any more. What
        is asked while the server does not read waits in memory: keep the
        number of open requests within the server's `in_flight`, or a small
        multiple of it.
        """
        if self._conversation.phase not in _TLS_ACTIVE or self._outbox is None:
            raise self._reason or ConnectionFailed("there is no connection to the server")
        self._asked += 1
        if not self._pending:
            self._watchdog.progress()
        self._pending.append((self._asked, exchange, request_type))
        if isinstance(payload, bytes):
            line = encode_request(request_type, body, id=self._asked, content_length=len(payload))
            self._outbox.send(b"%b\n%b" % (line, payload), None, self._asked)
        else:
            size = 0 if payload is None else payload.size
            line = encode_request(request_type, body, id=self._asked, content_length=size)
            self._outbox.send(line + b"\n", payload, self._asked)

    def hand_over(self, listener: IListener) -> None:
        """From now on every line of the server goes to `listener`, and `transmit` sends what it likes.

        For a person who types requests; what is asked and answered by then must be settled.
        """
        self._listener = listener

    def transmit(self, line: bytes, payload: IPayload | None) -> None:
        """Send a line as it is, after `hand_over`, and what follows it. Raises `ConnectionFailed`."""
        if self._conversation.phase not in _TLS_ACTIVE or self._outbox is None:
            raise self._reason or ConnectionFailed("there is no connection to the server")
        self._outbox.send(line + b"\n", payload, self._asked)

    @property
    def phase(self) -> Phase:
        """The phase of the connection; AUTHENTICATED from the response that proves the login on."""
        return self._conversation.phase

    @property
    def open_requests(self) -> int:
        """How many requests have not been answered yet."""
        return len(self._pending)
