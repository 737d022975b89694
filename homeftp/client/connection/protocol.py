"""The client's end of one connection: bytes in, bytes out, around the sans-IO `ClientConnection`.

The rules are in homeftp/wire: TLS comes first, one plaintext line is read
before it, and a single byte behind that line ends the connection. Responses
have the order of the requests. When a connection ends, every open request
fails with the same reason. What requests mean is known to api.py.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLClientConnectionCreator, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.client.connection.failures import before_tls, explained
from homeftp.client.connection.pacing import Pacer
from homeftp.client.connection.response import IListener, IResponseHandler
from homeftp.client.connection.sender import Sender
from homeftp.client.connection.timeouts import PendingWait, Watchdog
from homeftp.client.errors import ConnectionFailed, ProtocolViolation
from homeftp.config import MAX_RESPONSE_LINE, READ_BUFFER, SOCKET_WRITE, STREAM_PIECE, ClientTimeouts
from homeftp.crypto.tls import negotiated_ok
from homeftp.crypto.tlsrecords import group_records
from homeftp.errors import Refusal
from homeftp.interfaces import IPayload
from homeftp.tcp import detect_dead_peer, send_at_once
from homeftp.wire.connection import ClientConnection, ClientEvent
from homeftp.wire.events import (
    MessageReceived,
    PayloadReceived,
    Refused,
    RequestAnswered,
    TLSAccepted,
    Violation,
)
from homeftp.wire.messages import Response
from homeftp.wire.states import TLS_ACTIVE, Phase

_KEEPALIVES = 3
"""Keepalive intervals of silence after which the server counts as gone: an empty line comes after two at most."""


@implementer(IHandshakeListener)
class ClientProtocol(LineReceiver):
    """One connection. `secured` fires with this protocol when TLS is established, or fails with the reason."""

    transport: Any  # a stream's transport: more than ITransport says
    delimiter = b"\n"
    MAX_LENGTH = MAX_RESPONSE_LINE

    def __init__(self, tls: IOpenSSLClientConnectionCreator, clock: IReactorTime, timeouts: ClientTimeouts) -> None:
        self.secured: Deferred[ClientProtocol] = Deferred(self._cancelled)
        self._tls = tls
        self._clock = clock
        self._reading: Pacer | None = None
        self._timeouts = timeouts
        self._watchdog = Watchdog(clock, timeouts, self._timed_out)
        self._connection = ClientConnection()
        self.keepalive: float | None = None
        """The server's keepalive interval in seconds; 0 if it sends no empty lines, None before it has said."""
        self._processing = False
        self._reason: Exception | None = None
        self._ended = False
        self._await_end: list[Deferred[Exception]] = []
        self._handlers: deque[IResponseHandler] = deque()
        self._listener: IListener | None = None
        self._sender: Sender | None = None

    @property
    def phase(self) -> Phase:
        """The phase of the connection; AUTHENTICATED from the response that proves the login on."""
        return self._connection.phase

    def on_silence(self, notify: Callable[[str], None]) -> None:
        """Call `notify` with a message for people while the server is silent and has something to answer."""
        self._watchdog.notify = notify

    def limit_bandwidth(self, rate: float) -> None:
        """From now on send and receive at most `rate` bytes a second each; for a connection with TLS."""
        self._open_sender().limit(self._clock, rate)
        self._reading = Pacer(self._clock, rate, self._read_on)

    # -- the connection ---------------------------------------------------------

    def connectionMade(self) -> None:
        """Ask for TLS, before anything else."""
        self._watchdog.await_tls()
        detect_dead_peer(self.transport)
        send_at_once(self.transport)
        self.transport.bufferSize, self.transport.SEND_LIMIT = READ_BUFFER, SOCKET_WRITE
        self.transport.write(self._connection.send_starttls())

    def _begin_tls(self) -> None:
        self._connection.begin_tls()
        self.setRawMode()
        self.transport.startTLS(self._tls)

    def handshakeCompleted(self) -> None:
        """TLS is established, and the server has proven its identity."""
        if self._connection.phase is not Phase.HANDSHAKE:
            return
        self._connection.receive_data(self.clearLineBuffer())
        self._process_events()  # there are no events, unless plaintext was injected
        if self._reason is not None:
            return
        if not negotiated_ok(self.transport, required=True):
            self.abort(ProtocolViolation("the server at this address speaks TLS, but not homeftp"))
            return
        self._connection.tls_established()
        grouped = group_records(self.transport)
        if grouped is not None:
            grouped.part = READ_BUFFER
        self._sender = Sender(self.transport, progressed=self._watchdog.progress, failed=self._sending_failed)
        self.transport.registerProducer(self._sender, True)
        self._watchdog.progress()
        self._watchdog.watch(self._pending_wait)
        self.secured.callback(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection has ended: everything open fails."""
        failure = self._reason or explained(self._connection.phase, reason.value)
        self._reason, self._ended = failure, True
        self._connection.close()
        self._watchdog.stop()
        handlers, self._handlers = self._handlers, deque()
        for handler in handlers:
            handler.failed(failure)
        if self._listener is not None:
            self._listener.failed(failure)
        if self._sender is not None:
            self._sender.fail(failure)
        if not self.secured.called:
            self.secured.errback(failure)
        for waiting in self._await_end:
            waiting.callback(failure)

    def close(self) -> Deferred[Exception]:
        """End the connection, in good order where nothing is open; fires when it has ended. Open requests fail."""
        if self._handlers:
            self.abort(ConnectionFailed("the connection was closed"))  # what is on its way would have to be read
        elif self._connection.phase is not Phase.CLOSING:
            self._stop(ConnectionFailed("the connection was closed"))
            self.transport.loseConnection()
            self._watchdog.call_later(self._timeouts.tls_seconds, self.transport.abortConnection)
        return self.when_ended()

    def abort(self, reason: Exception) -> None:
        """End the connection at once; everything open fails with `reason`."""
        if self._connection.phase is not Phase.CLOSING:
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
        """Send nothing more, and look at nothing that arrives."""
        self._reason = reason
        self._connection.close()
        self._watchdog.stop()
        if self._sender is not None:
            self._sender.stop()
        if self._reading is not None:
            self._reading.stop()

    def _sending_failed(self, reason: BaseException) -> None:
        """A payload could not be sent whole: the server would wait for the rest forever."""
        self.abort(ConnectionFailed(f"the connection was aborted: {reason}"))

    def _cancelled(self, _: Deferred[ClientProtocol]) -> None:
        self.abort(ConnectionFailed("connecting was cancelled"))

    # -- timeouts ---------------------------------------------------------------

    def _timed_out(self, complaint: str) -> None:
        self.abort(ConnectionFailed(f"{complaint}: gave up waiting"))

    def _pending_wait(self) -> PendingWait | None:
        """The reason for which the client waits now."""
        if not self._handlers or self.paused or (self._reading is not None and self._reading.is_waiting):
            return None
        if self._connection.incomplete or self._payload_blocked():
            return PendingWait(self._timeouts.stall_seconds, "the server has stalled")
        seconds = self._timeouts.answer_seconds
        if self.keepalive != 0:
            seconds = min(seconds, max(self._timeouts.stall_seconds, _KEEPALIVES * (self.keepalive or 0)))
        return PendingWait(seconds, "the server does not answer")

    def _payload_blocked(self) -> bool:
        """Whether the server does not read the payload of the oldest open request, so nothing else keeps it busy."""
        return (
            self._sender is not None and self._sender.paused and self._sender.streaming == self._connection.oldest_open
        )

    # -- bytes ------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the server."""
        self._watchdog.progress()
        if self._reading is not None:
            self._reading.spend(len(data))
            if self._reading.is_waiting:
                self.transport.pauseProducing()
        LineReceiver.dataReceived(self, data)

    def lineReceived(self, line: bytes) -> None:
        """The one line before TLS. What came with it is taken along: an attack, unless the line is at fault."""
        self.rawDataReceived(line + b"\n" + self.clearLineBuffer())

    def lineLengthExceeded(self, line: bytes) -> None:
        """A line that is too long, before TLS."""
        self.rawDataReceived(line)

    def rawDataReceived(self, data: bytes) -> None:
        """Bytes from the server."""
        self._connection.receive_data(data)
        self._process_events()

    def resumeProducing(self) -> None:
        """Go on reading, first what has been received already."""
        LineReceiver.resumeProducing(self)
        if self._reading is not None and self._reading.is_waiting:
            self.transport.pauseProducing()
        self._process_events()

    def _read_on(self) -> None:
        """Read again after a wait for the rate, unless a handler has paused reading."""
        self._watchdog.progress()
        if not self.paused:
            self.transport.resumeProducing()

    def _read_at_once(self, size: int) -> None:
        """Let the transport read up to so many bytes at once."""
        self.transport.bufferSize = size if self._reading is None else min(size, self._reading.step)

    def _process_events(self) -> None:
        """Handle every event that there is, unless reading is paused. A handler may pause and resume it."""
        if self._processing:
            return
        self._processing = True
        try:
            while not self.paused and (event := self._connection.next_event()) is not None:
                self._handle(event)
        finally:
            self._processing = False

    def _handle(self, event: ClientEvent) -> None:
        if isinstance(event, PayloadReceived):
            if event.last:
                self._read_at_once(READ_BUFFER)
            (self._listener or self._handlers[0]).received(event.data)
        elif isinstance(event, MessageReceived):
            self._response_received(event)
        elif isinstance(event, RequestAnswered):
            self._handlers.popleft().finished()
        elif isinstance(event, TLSAccepted):
            self._begin_tls()
        elif isinstance(event, Refused):
            self._refused(event.refusal)
        elif isinstance(event, Violation):
            self.abort(ProtocolViolation(event.message))

    def _response_received(self, event: MessageReceived[Response]) -> None:
        if event.payload is None:
            self._read_at_once(max(READ_BUFFER, min(STREAM_PIECE, event.message.content_length)))
        if self._listener is not None:
            self._listener.response_received(event.line, event.message)
        else:
            self._handlers[0].responded(event.message)

    def _refused(self, refusal: Refusal) -> None:
        """The server ends the connection; before TLS anybody could have sent that."""
        self.abort(before_tls(refusal.message) if self._connection.phase is Phase.PLAIN else refusal)

    # -- requests ---------------------------------------------------------------

    def request(
        self,
        handler: IResponseHandler,
        request_type: str,
        body: dict[str, Any] | None = None,
        payload: bytes | IPayload | None = None,
    ) -> None:
        """Send a request; `handler` gets what comes back.

        Raises `ConnectionFailed` when the connection has ended, and `TooLarge`
        where the line is longer than a server accepts. Requests that the server
        does not read yet wait in memory: keep the number of open requests within
        the server's `in_flight`, or a small multiple of it.
        """
        sender = self._open_sender()
        size = 0 if payload is None else len(payload) if isinstance(payload, bytes) else payload.size
        id, line = self._connection.send_request(request_type, body, size)
        if not self._handlers:
            self._watchdog.progress()
        self._handlers.append(handler)
        if isinstance(payload, bytes):
            sender.send(line + payload, None, id)
        else:
            sender.send(line, payload, id)

    def set_listener(self, listener: IListener) -> None:
        """From now on every line of the server goes to `listener`, and `send_line` sends any line.

        For a person who types requests; all earlier requests must have been answered.
        """
        self._listener = listener
        self._connection.stop_matching()

    def send_line(self, line: bytes, payload: IPayload | None) -> None:
        """After `set_listener`: send a line as it is, and its payload. Raises `ConnectionFailed`."""
        self._open_sender().send(line + b"\n", payload, -1)

    def _open_sender(self) -> Sender:
        if self._sender is None or self._connection.phase not in TLS_ACTIVE:
            raise self._reason or ConnectionFailed("there is no connection to the server")
        return self._sender
