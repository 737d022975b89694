"""The shell around one connection: bytes in, bytes out, no policy and no disk.

Requests come out of receiving.py and go, by the session's word, into the
pipeline. Nothing here knows what one means but STARTTLS, which must be answered
on the spot: between its line and the handshake there must be nothing at all.
The transport is written to by `OutputBuffer.write` and, before TLS, by `_say`;
nowhere else.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLServerConnectionCreator
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.config import GOODBYE_BYTES, READ_BUFFER, SOCKET_WRITE
from homeftp.crypto.tls import negotiated_ok, pairing_secret, presented_device
from homeftp.crypto.tlsrecords import group_records
from homeftp.errors import BadRequest, Refusal, TimedOut, TLSRequired
from homeftp.interfaces import IPayload
from homeftp.server.gate.timeouts import Deadlines
from homeftp.server.json.context import IConnectionControl, JsonContext
from homeftp.server.json.exchange import Exchange
from homeftp.server.json.payload import WholePayload
from homeftp.server.json.pipeline import Pipeline
from homeftp.server.json.receiver import BufferedTransport, RequestReceiver
from homeftp.server.json.resolution import OutputBuffer, Resolution
from homeftp.server.json.router import Route, Router, refuse
from homeftp.server.json.stuckrequests import StuckRequestLog
from homeftp.status import Status
from homeftp.wire.codec import encode_response
from homeftp.wire.messages import Identifier, Request
from homeftp.wire.states import Phase


class _Transport(BufferedTransport, Protocol):
    """What the shell needs of its transport: TCP or a local socket, with TLS to come or there already."""

    SEND_LIMIT: int

    def write(self, data: bytes) -> None: ...
    def startTLS(self, contextFactory: IOpenSSLServerConnectionCreator) -> None: ...
    def getHandle(self) -> Any: ...
    def registerProducer(self, producer: Any, streaming: bool) -> None: ...
    def unregisterProducer(self) -> None: ...
    def loseConnection(self) -> None: ...
    def abortConnection(self) -> None: ...


@implementer(IHandshakeListener, IConnectionControl)
class ServerProtocol(RequestReceiver):
    """One connection of the server."""

    transport: _Transport
    _log = Logger()

    def __init__(self, context: JsonContext, peer: str, *, immediate_tls: bool) -> None:
        phase = Phase.HANDSHAKE if immediate_tls else Phase.PLAIN
        self.session = Router(context, self, phase, peer.rpartition(":")[0] or peer)
        self._server = context.server
        super().__init__(self.session.conversation, self._server.budget, peer)
        self._limits = self._server.limits
        self._received = 0
        self._received_at_goodbye = 0
        self._aborted = False
        self._identifying = False

    # -- the connection ------------------------------------------------------

    def connectionMade(self) -> None:
        """Start the deadlines; nothing is said before the client speaks."""
        self.transport.bufferSize, self.transport.SEND_LIMIT = READ_BUFFER, SOCKET_WRITE
        self._outlet = OutputBuffer(
            self.transport, paused=self._output_paused, resumed=self._output_resumed, broken=self._broken
        )
        self._pipeline = Pipeline(may_write=self._may_write, settled=self._adjust)
        self._deadlines = Deadlines(
            self._server.reactor,
            self._limits,
            received=lambda: self._received,
            written=lambda: self._outlet.written,
            stalled=self._input_stalled,
            expired=self._expire,
        )
        self._overdue = StuckRequestLog(self._server.reactor, self._limits.stuck_seconds, self.peer)

    def connectionLost(self, reason: Failure = Failure(ConnectionLost())) -> None:  # noqa: B008
        """Free what the client held; whoever still works for it learns that it has gone."""
        self.session.close()
        self._close_phase()
        self._deadlines.stop()
        self._overdue.stop()
        self._outlet.stopProducing()
        self._pipeline.abandon()
        if self._stream is not None:
            self._stream.fail(ConnectionLost("the client went away"))
        self._server.connections.remove(self)

    def _close_phase(self) -> None:
        if self._conversation.phase is not Phase.CLOSING:
            self._conversation.advance(Phase.CLOSING)

    def _expire(self, why: str) -> None:
        self._log.info("closing {peer}: {why}", peer=self.peer, why=why)
        self._abort()

    def abort(self) -> None:
        """The server cannot wait any longer: close at once, and log which requests were not finished."""
        self._overdue.cut_off()
        self._abort()

    def _abort(self) -> None:
        """Close at once."""
        self._aborted = True
        self._close_phase()
        self.transport.abortConnection()

    # -- TLS -----------------------------------------------------------------

    def _starttls(self, id: Identifier) -> None:
        """Answer, and begin the handshake, with nothing between (CVE-2011-0411)."""
        self._say(Status.OK, "go ahead", id)
        if self.clearLineBuffer():
            self._log.warn("{peer} sent plaintext behind STARTTLS: connection aborted", peer=self.peer)
            self._abort()
            return
        self._conversation.advance(Phase.HANDSHAKE)
        self.transport.startTLS(self._server.tls)

    def handshakeCompleted(self) -> None:
        """TLS is up: what was known before it does not count."""
        if self._conversation.phase is not Phase.HANDSHAKE:
            return
        if not negotiated_ok(self.transport):
            self._log.warn("{peer} offered another protocol than ours: connection aborted", peer=self.peer)
            self._abort()
            return
        self._deadlines.tls.met()
        self._conversation.advance(Phase.UNAUTHENTICATED)
        group_records(self.transport)
        self._outlet.attach()
        device = presented_device(self.transport, self._server.tls.identity.ca)
        if device is not None:
            self._identifying = True
            self._adjust()
            Deferred.fromCoroutine(self.session.authenticator.identify(device)).addCallback(self._identified)

    def _identified(self, _: None) -> None:
        """It is known who the device is; until now nothing was looked at."""
        self._identifying = False
        self._adjust()

    def secret(self) -> bytes:
        """What only the two ends of this TLS session know."""
        return pairing_secret(self.transport)

    # -- bytes ---------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._aborted:
            return  # TLS hands on the rest of what had been read
        self._received += len(data)
        super().dataReceived(data)
        if self._conversation.phase is not Phase.CLOSING:
            self._watch_input()
        elif self._deadlines.lingering and self._received - self._received_at_goodbye > GOODBYE_BYTES:
            self._expire("it goes on sending after the goodbye")

    def lineReceived(self, line: bytes) -> None:
        """One request's line."""
        if self._conversation.phase is Phase.HANDSHAKE:
            # Behind a wrapper handshakeCompleted is not called; a delivered line is proof as well.
            self.handshakeCompleted()
        super().lineReceived(line)

    def _begin(self, request: Request) -> None:
        if self._conversation.phase is not Phase.PLAIN:
            super()._begin(request)
            return
        refused = self._conversation.refusal(request.request_type)
        if refused is not None or request.content_length:
            self._fault(refused or BadRequest("STARTTLS has no payload"))
        else:
            self._starttls(request.id)

    def _came_whole(self) -> None:
        self._deadlines.input.end()

    # -- requests ------------------------------------------------------------

    def _admit(self, request: Request, payload: IPayload, weight: int = 0) -> None:
        """Put a request, whole or with its payload still to come, into the pipeline."""
        self._enqueue(self.session.route(request), request.request_type, request.id, payload, weight)

    def _enqueue(self, route: Route, request_type: str, id: Identifier, payload: IPayload, weight: int = 0) -> None:
        resolution = Resolution(id, self._outlet, self._pipeline.flush)
        self._pipeline.add(Exchange(request_type, route, payload, resolution, self._overdue, weight))
        self._adjust()

    def _fault(self, refusal: Refusal, id: Identifier = None) -> None:
        """The stream cannot be trusted any more: answer once, after what came before, and close."""
        if self._conversation.phase is Phase.PLAIN:
            if not isinstance(refusal, TLSRequired):
                refusal = TLSRequired('nothing is answered before TLS: send {"request_type": "STARTTLS"} first')
            self._say(refusal.status, refusal.message)
            self._close_phase()
            self._close()
            return
        self._close_phase()
        self._enqueue(refuse(refusal), "", id, WholePayload())

    # -- what the session asks -------------------------------------------------

    def finish(self) -> None:
        """Take no more requests, those that wait already neither; close when this one has been answered."""
        self._close_phase()
        self._stream = None
        self._pipeline.cut()

    def logged_in(self) -> None:
        """The client has logged in."""
        self._deadlines.login.met()
        self._server.connections.authenticated(self)

    def disconnect(self) -> None:
        """Access was revoked: close at once, and keep nothing of what is in progress."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.fail(ConnectionLost("the client's access was revoked"))
        self._abort()

    def stop(self) -> None:
        """The server is stopping: finish what is in flight, and close."""
        self.session.stopping = True
        self._adjust()

    # -- pace ------------------------------------------------------------------

    def _may_write(self) -> bool:
        return not self._outlet.paused

    def _output_paused(self) -> None:
        self._deadlines.output.begin()

    def _output_resumed(self) -> None:
        self._deadlines.output.end()
        self._pipeline.flush()

    def _broken(self, failure: Failure) -> None:
        """A payload could not be sent whole; its length was promised, so the connection ends here."""
        if failure.check(Refusal):
            self._log.info("an answer to {peer} broke off: {why}", peer=self.peer, why=failure.getErrorMessage())
        else:
            self._log.failure("an answer to {peer} broke off", failure, peer=self.peer)
        self._abort()

    def _input_stalled(self) -> None:
        """A line or a payload was begun and does not come."""
        self._log.info("{peer} stalled", peer=self.peer)
        late = TimedOut(f"the request stalled for {self._limits.stall_seconds:.0f} seconds")
        stream, self._stream = self._stream, None
        self.setRawMode()
        if stream is not None and not stream.discarding:
            self._close_phase()
            stream.fail(late)
        else:
            self._fault(late, None if self._request is None else self._request.id)

    def _watch_input(self) -> None:
        """Whether the client owes the rest of a line or a payload."""
        if not self.paused and (self._missing or (self.line_mode and self._buffer)):
            self._deadlines.input.begin()
        else:
            self._deadlines.input.end()

    def _adjust(self) -> None:
        """Stop or go on reading, and close when all is done: what follows from the state of the moment."""
        if self.session.gone:
            return
        ending = self.session.stopping or self._conversation.phase is Phase.CLOSING
        if ending and not len(self._pipeline) and self._stream is None:
            self._close()
            return
        # Once there are too many it waits until half of them have been answered: to stop and go for each costs more.
        few = 2 if self.paused else 1
        full = (
            self._identifying
            or self._conversation.phase is Phase.CLOSING  # nothing is looked at any more: it may wait for the goodbye
            or len(self._pipeline) * few >= self._limits.in_flight
            or self._pipeline.weight * few >= self._limits.buffered
            or (self._stream is not None and self._stream.full)
        )
        if full and not self.paused:
            self._deadlines.input.end()
            self.pauseProducing()
        elif not full and self.paused:
            self.resumeProducing()

    def _close(self) -> None:
        """Say goodbye; a peer that does not answer that is cut off after a while."""
        if not self._deadlines.lingering:
            self._received_at_goodbye = self._received
            self._deadlines.linger()
            self._outlet.detach()
            if self.paused:
                self.resumeProducing()
            self.transport.loseConnection()

    def _say(self, status: int, message: str, id: Identifier = None) -> None:
        """A line before TLS."""
        self.transport.write(encode_response(status, message, id=id) + b"\n")
