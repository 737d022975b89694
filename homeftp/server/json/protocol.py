"""One connection of the server: bytes in, bytes out, no policy and no disk.

receiver.py finds the requests; the session routes each, and the pipeline runs
them. Only STARTTLS is answered here, in one call: nothing may cross between
its answer and the handshake. Only two methods write to the transport:
`OutputBuffer.write` and, before TLS, `_write_plain`.
"""

from __future__ import annotations

from typing import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IHandshakeListener
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.config import GOODBYE_BYTES, KEEPALIVE_SECONDS, SOCKET_WRITE
from homeftp.crypto.tls import negotiated_ok, pairing_secret, presented_device
from homeftp.crypto.tlsrecords import group_records
from homeftp.crypto.tlsturns import handshake_in_turn
from homeftp.errors import Refusal, TimedOut, refusal
from homeftp.interfaces import IPayload
from homeftp.interfaces.traffic import IMeteredConnection
from homeftp.interfaces.usage import Activity, IActiveConnection
from homeftp.server.gate.connectionsizes import ConnectionSizes
from homeftp.server.gate.output import OutputBuffer
from homeftp.server.gate.stuckrequests import StuckRequestLog
from homeftp.server.gate.timeouts import Deadlines, HangupCheck, KeepAlive
from homeftp.server.json.context import IConnectionControl, JsonContext
from homeftp.server.json.exchange import REFUSED, Exchange
from homeftp.server.json.payload import WholePayload
from homeftp.server.json.pipeline import Pipeline
from homeftp.server.json.receiver import RequestReceiver
from homeftp.server.json.resolution import Resolution
from homeftp.server.json.router import Route, Router, refuse
from homeftp.server.json.transport import ConnectionTransport
from homeftp.status import Status
from homeftp.tcp import detect_dead_peer, peer_has_closed, send_at_once
from homeftp.wire.codec import response_line
from homeftp.wire.events import Violation
from homeftp.wire.messages import Identifier, Request
from homeftp.wire.states import Phase


@implementer(IHandshakeListener, IConnectionControl, IActiveConnection, IMeteredConnection)
class ServerProtocol(RequestReceiver):
    """One connection of the server."""

    transport: ConnectionTransport
    _log = Logger()

    def __init__(self, context: JsonContext, peer: str, *, immediate_tls: bool) -> None:
        phase = Phase.HANDSHAKE if immediate_tls else Phase.PLAIN
        self.peer = peer
        self.session = Router(context, self, phase, peer.rpartition(":")[0] or peer)
        self._server = context.server
        self._identity = context.parts.identity
        self._traffic = context.traffic
        super().__init__(self.session.state, context.payload)
        self._limits = self._server.limits
        self._received = 0
        self._received_at_close = 0
        self._aborted = False
        self._identifying = False
        self._memory = context.memory.connection_memory()

    # -- the connection ---------------------------------------------------------

    def connectionMade(self) -> None:
        """Start the deadlines. The client speaks first."""
        self.transport.SEND_LIMIT = SOCKET_WRITE
        if self._state.phase is Phase.HANDSHAKE:
            self.setRawMode()
            handshake_in_turn(self.transport, self._in_turn)
        self._output = OutputBuffer(
            self.transport, paused=self._output_paused, resumed=self._output_resumed, failed=self._output_failed
        )
        self._sizes = ConnectionSizes(self._memory, self.transport, self._output)
        self._sizes.update()
        self._pipeline = Pipeline(self._memory, can_write=self._can_write, flushed=self._update_reading)
        self._deadlines = Deadlines(
            self._server.reactor,
            self._limits,
            received=lambda: self._received,
            written=lambda: self._output.written,
            stalled=self._input_stalled,
            expired=self._expire,
        )
        self._keepalive = KeepAlive(
            self._server.reactor, KEEPALIVE_SECONDS, lambda: self._output.written, self._show_work
        )
        self._hangup = HangupCheck(
            self._server.reactor, self._must_see_hangup, lambda: peer_has_closed(self.transport), self._abort
        )
        detect_dead_peer(self.transport)
        send_at_once(self.transport)
        self._traffic.opened(self)
        self._stuck_requests = StuckRequestLog(self._server.reactor, self._limits.stuck_seconds, self.peer)

    def connectionLost(self, reason: Failure = Failure(ConnectionLost())) -> None:  # noqa: B008
        """Free what the connection holds, and fail what still waits for the client."""
        self.session.close()
        self._connection.close()
        self._deadlines.stop()
        self._keepalive.stop()
        self._hangup.stop()
        self._stuck_requests.stop()
        self._output.stopProducing()
        self._pipeline.disconnect()
        self._memory.close()
        self._fail_stream(ConnectionLost("the client disconnected"))
        self._server.connections.remove(self)
        self._traffic.closed(self)

    def activities(self) -> Sequence[Activity]:
        """The requests that are being carried out, the oldest first."""
        return self._stuck_requests.activities()

    def transferred(self) -> tuple[int, int]:
        """Bytes that were received and sent, inside TLS."""
        return self._received, self._output.written

    def abort(self) -> None:
        """The server does not wait any longer: close at once, and log which requests were not finished."""
        self._stuck_requests.log_aborted()
        self._abort()

    def _abort(self) -> None:
        """Close at once."""
        self._aborted = True
        self._connection.close()
        self.transport.abortConnection()

    def _expire(self, reason: str) -> None:
        self._log.info("closing the connection of {peer}: {reason}", peer=self.peer, reason=reason)
        self._abort()

    def _fail_stream(self, reason: Exception) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.fail(reason)

    # -- TLS --------------------------------------------------------------------

    def _tls_requested(self, id: Identifier) -> None:
        self._write_plain(Status.OK, "go ahead", id)
        self._connection.begin_tls()
        self.setRawMode()
        self.transport.startTLS(self._server.tls)
        handshake_in_turn(self.transport, self._in_turn)

    def handshakeCompleted(self) -> None:
        """TLS is established."""
        if self._state.phase is not Phase.HANDSHAKE:
            return
        if not negotiated_ok(self.transport):
            self._log.warn("{peer} negotiated another protocol than homeftp: connection aborted", peer=self.peer)
            self._abort()
            return
        self._deadlines.tls.cancel()
        self._connection.tls_established()
        self._sizes.encrypt(group_records(self.transport))
        self._output.attach()
        device = presented_device(self.transport, self._identity().ca)
        if device is not None:
            self._identifying = True
            self._update_reading()
            Deferred.fromCoroutine(self.session.authenticator.identify(device)).addCallback(self._identified)

    def _identified(self, _: None) -> None:
        """The device has been looked up: until now no request was read."""
        self._identifying = False
        self._update_reading()

    def secret(self) -> bytes:
        """A value that only the two ends of this TLS session know."""
        return pairing_secret(self.transport)

    # -- bytes ------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._aborted:
            return  # TLS still delivers what it had read
        self._received += len(data)
        if self._state.phase is Phase.HANDSHAKE:
            # Behind a wrapper (haproxy:) handshakeCompleted is not called; bytes that arrive prove the handshake too.
            self.handshakeCompleted()
        super().dataReceived(data)
        if self._state.phase is not Phase.CLOSING:
            self._watch_input()
        elif self._deadlines.lingering and self._received - self._received_at_close > GOODBYE_BYTES:
            self._expire("the client continues to send after the last answer")

    def _large_payload_begins(self) -> None:
        self._sizes.update(large=True)

    def _input_completed(self) -> None:
        self._deadlines.input.end()
        self._sizes.update()

    # -- requests ---------------------------------------------------------------

    def _request_received(self, request: Request, payload: IPayload, line: int) -> None:
        if self._can_write() or not self._memory.is_crowded():
            self._enqueue(self.session.route(request), request.request_type, request.id, payload, line)
        else:  # To wait for a client that sends all its requests before it reads would be a deadlock.
            if self._stream is not None:
                self._stream.discard()
            self._enqueue_refusal(self.session.crowded(request), request.id)

    def _enqueue_refusal(self, route: Route, id: Identifier) -> None:
        """Answer after all earlier requests, and keep no more than the id until then."""
        self._enqueue(route, REFUSED, id, WholePayload(), len(str(id)))

    def _enqueue(self, route: Route, request_type: str, id: Identifier, payload: IPayload, line: int) -> None:
        resolution = Resolution(id, self._output, self._pipeline.flush)
        exchange = Exchange(request_type, route, payload, resolution, self._stuck_requests, self._traffic, line)
        self._pipeline.add(exchange)
        self._update_reading()

    def _violation(self, violation: Violation) -> None:
        if violation.must_abort:
            self._log.warn("{peer} sent {what}: connection aborted", peer=self.peer, what=violation.message)
            self._abort()
            return
        # Never the line itself: it may be a LOGIN with a comma too many.
        self._log.info(
            "bad line of {size} bytes from {peer}: {fault}",
            size=violation.size,
            peer=self.peer,
            fault=violation.message,
        )
        self._refuse_and_close(refusal(violation.status, violation.message))

    def _refuse_and_close(self, refused: Refusal, id: Identifier = None) -> None:
        """Answer with a refusal behind all earlier answers, read nothing more, and close."""
        plain = self._state.phase is Phase.PLAIN
        self._connection.close()
        if plain:
            self._write_plain(refused.status, refused.message)
            self._close()
        else:
            self._enqueue_refusal(refuse(refused), id)

    def _write_plain(self, status: int, message: str, id: Identifier = None) -> None:
        """Send a line before TLS."""
        self.transport.write(response_line(status, message, id=id))

    # -- for the session and the server -----------------------------------------

    def stop_accepting(self) -> None:
        """Accept no more requests, drop those that have not begun, and close when the current one is answered."""
        self._connection.close()
        self._stream = None
        self._pipeline.drop_waiting()

    def logged_in(self, account: str) -> None:
        """The client has logged in to this account."""
        self._memory.log_in(account)
        self._server.connections.authenticated(self, account)

    def keep_alive(self) -> None:
        """Show the client from now on that the server is there while it works on a request."""
        self._keepalive.start()

    def _show_work(self) -> None:
        if self._pipeline.is_working and not self._output.paused and not self._output.lost:
            self._output.write(b"\n")

    def disconnect(self) -> None:
        """Access was revoked: close at once, and keep nothing of an upload in progress."""
        self._fail_stream(ConnectionLost("access was revoked"))
        self._abort()

    def stop(self) -> None:
        """The server is stopping: finish what is in flight, then close."""
        self.session.stopping = True
        self._update_reading()

    def _in_turn(self, call: Callable[[], None]) -> None:
        """Each account has its turn; before the login, each address. The end of a connection does not wait."""
        if self._state.phase is Phase.CLOSING:
            call()
        else:
            self._server.workers.of(self.session.account).in_turn(call)

    # -- pace -------------------------------------------------------------------

    def _can_write(self) -> bool:
        return not self._output.paused

    def _output_paused(self) -> None:
        self._deadlines.output.begin()
        self._update_reading()

    def _output_resumed(self) -> None:
        self._deadlines.output.end()
        self._pipeline.flush()

    def _output_failed(self, failure: Failure) -> None:
        """A payload could not be sent whole. Its length was promised, so the connection must end."""
        if failure.check(Refusal):
            reason = failure.getErrorMessage()
            self._log.info("sending to {peer} failed: {reason}; connection aborted", peer=self.peer, reason=reason)
        else:
            self._log.failure("sending to {peer} failed; connection aborted", failure, peer=self.peer)
        self._abort()

    def _input_stalled(self) -> None:
        """A line or a payload has begun and does not go on."""
        self._log.info("{peer} stalled", peer=self.peer)
        late = TimedOut(f"the request stalled for {self._limits.stall_seconds:.0f} seconds")
        stream, self._stream = self._stream, None
        if stream is not None and not stream.discarding:
            self._connection.close()
            stream.fail(late)
            return
        request = self._connection.incomplete_request if stream is None else None
        self._refuse_and_close(late, None if request is None else request.id)

    def _watch_input(self) -> None:
        """Watch for a stall while the client owes the rest of a line or a payload."""
        # Before TLS the bytes of a line that is not complete are in the line buffer.
        incomplete = self._connection.incomplete or self._state.phase is Phase.PLAIN
        if incomplete and not self.paused:
            self._deadlines.input.begin()
        else:
            self._deadlines.input.end()

    def _update_reading(self) -> None:
        """Pause or resume reading, or close when all is done: whatever the present state asks for."""
        if self.session.disconnected:
            return
        ending = self.session.stopping or self._state.phase is Phase.CLOSING
        if ending and not len(self._pipeline) and self._stream is None:
            self._close()
            return
        # Reading resumes at half the limits, since to pause and resume for each request costs more. A client that does
        # not read may not have reached a limit at all, but have been paused before that for another reason.
        factor = 2 if self.paused and self._can_write() else 1
        # The payload that is arriving has a limit of its own, `full`, which changes only when it is read.
        self._memory.keep(self._waiting_bytes())
        full = (
            self._identifying
            or self._state.phase is Phase.CLOSING  # nothing more is read before the last answer
            or len(self._pipeline) * factor >= self._limits.in_flight
            or (self._stream is not None and self._stream.full)
            or (len(self._pipeline) > 0 and self._memory.must_wait(factor, client_reads=self._can_write()))
        )
        if full and not self.paused:
            self._deadlines.input.end()
            self.pauseProducing()
            self._hangup.start()
        elif not full and self.paused:
            self.resumeProducing()

    def _must_see_hangup(self) -> bool:
        """Whether requests are in progress for a client that is not heard; what has arrived of a payload is kept."""
        return self.paused and self._stream is None and len(self._pipeline) > 0

    def _close(self) -> None:
        """Close in good order; a client that does not close its end is disconnected after a while."""
        if not self._deadlines.lingering:
            self._received_at_close = self._received
            self._deadlines.linger()
            self._output.detach()
            if self.paused:
                self.resumeProducing()
            self.transport.loseConnection()
