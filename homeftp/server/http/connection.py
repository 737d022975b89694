"""One connection of a client: bytes to requests, one at a time, and responses at the client's pace.

The reader finds the requests, the router answers them, an `HttpExchange` sends each answer. Here is what a connection
adds: deadlines, back-pressure in both directions, and its end.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Awaitable, Callable, Sequence

from twisted.cred.credentials import ICredentials
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.config import GOODBYE_BYTES, SOCKET_WRITE
from homeftp.crypto.tlsrecords import group_records
from homeftp.crypto.tlsturns import handshake_in_turn
from homeftp.errors import INTERNAL_ERROR, BadRequest, Internal, Refusal, TimedOut
from homeftp.interfaces import IConnection, ILogin
from homeftp.interfaces.traffic import IMeteredConnection
from homeftp.interfaces.usage import Activity, IActiveConnection
from homeftp.server.gate.connectionsizes import ConnectionSizes
from homeftp.server.gate.output import OutputBuffer
from homeftp.server.gate.stuckrequests import StuckRequestLog
from homeftp.server.gate.timeouts import Deadlines, HangupCheck, IdleTimer
from homeftp.server.http.body import RequestBody
from homeftp.server.http.context import HttpContext
from homeftp.server.http.exchange import HttpExchange
from homeftp.server.http.logincache import ConnectionLogin
from homeftp.server.http.messages import HttpRequest, HttpResponse
from homeftp.server.http.reader import NO_REQUEST, BodyEnd, Malformed, RequestHead, RequestReader
from homeftp.server.http.refusals import HttpError, error_response
from homeftp.server.http.target import parse_target
from homeftp.tcp import detect_dead_peer, lowest_transport, peer_has_closed, send_at_once
from homeftp.workers.promptwork import run_promptly

IDLE_SECONDS = 75.0
"""How long a connection is kept between two requests, at least; nginx has 75 seconds."""

CHUNKS_PER_TURN = 64
"""Chunks that are taken before other accounts have their turn: each takes 3 µs, however few bytes it has."""


@implementer(IHandshakeListener, IConnection, IActiveConnection, IMeteredConnection)
class HttpConnection(Protocol):
    """The server's end of one connection, inside TLS."""

    _log = Logger()

    def __init__(self, context: HttpContext, address: str, peer: str) -> None:
        self._context = context
        self._server = context.server
        self._address = address
        self.peer = peer
        self._reader = RequestReader()
        self._exchange: HttpExchange | None = None
        self._memory = context.memory.connection_memory()
        cache = context.router.authenticator.cache
        self._login = ConnectionLogin(cache, self._server.connections, self._memory, self, address)
        self._secure = False
        self._received = self._received_at_close = 0
        self._idle_since = 0.0
        self._reading = True
        self._waits_for_turn = False
        """Whether chunks have arrived that are taken when the client has its turn."""
        self._stopping = self._closing = self._aborted = self._lost = False

    # -- the connection ---------------------------------------------------------

    def connectionMade(self) -> None:
        """Start the deadlines. The client speaks first."""
        handshake_in_turn(self.transport, self._server.workers.of(self._login.account).in_turn)
        socket = lowest_transport(self.transport)
        socket.SEND_LIMIT = SOCKET_WRITE
        clock = self._server.reactor
        self._deadlines = Deadlines(
            clock,
            self._server.limits,
            received=lambda: self._received,
            written=lambda: self._output.written,
            stalled=self._input_stalled,
            expired=self._expire,
        )
        self._output = OutputBuffer(
            self.transport,  # type: ignore[arg-type]
            paused=self._deadlines.output.begin,
            resumed=self._deadlines.output.end,
            failed=lambda failure: self._abort(),
        )
        self._sizes = ConnectionSizes(self._memory, socket, self._output)
        self._idle = IdleTimer(clock, IDLE_SECONDS, self._idle_seconds, lambda: self._expire("it has been idle"))
        self._hangup = HangupCheck(
            clock, lambda: not self._reading, lambda: peer_has_closed(self.transport), self._abort
        )
        self._idle_since = clock.seconds()
        self._idle.start()
        self._stuck = StuckRequestLog(clock, self._server.limits.stuck_seconds, self.peer)
        detect_dead_peer(self.transport)
        send_at_once(self.transport)
        self._context.traffic.opened(self)

    def handshakeCompleted(self) -> None:
        """TLS is established."""
        if self._secure:
            return
        self._secure = True
        self._deadlines.tls.cancel()
        self._sizes.encrypt(group_records(self.transport))
        self._output.attach()

    def connectionLost(self, reason: Failure = Failure(ConnectionLost())) -> None:  # noqa: B008
        """Free what the connection holds, and fail what still waits for the client."""
        self._lost = True
        self._login.use(None)
        self._deadlines.stop()
        self._idle.stop()
        self._hangup.stop()
        self._stuck.stop()
        self._fail_body(ConnectionLost("the client disconnected"))
        self._output.stopProducing()
        self._memory.close()
        self._server.connections.remove(self)
        self._context.traffic.closed(self)

    def activities(self) -> Sequence[Activity]:
        """The request that is being carried out."""
        return self._stuck.activities()

    def transferred(self) -> tuple[int, int]:
        """Bytes that were received and sent, inside TLS."""
        return self._received, self._output.written

    def abort(self) -> None:
        """The server does not wait any longer: close at once, and log what was not finished."""
        self._stuck.log_aborted()
        self._abort()

    def disconnect(self) -> None:
        """Access was revoked: end the request that used it at once, and keep nothing of an upload in progress.

        Without one, the connection waits for the next request, whose credentials decide.
        """
        if self._exchange is not None and self._exchange.has_login:
            self._fail_body(ConnectionLost("access was revoked"))
            self._abort()
        else:
            self._login.use(None)

    def stop(self) -> None:
        """The server is stopping: answer the request in progress, then close."""
        self._stopping = True
        if self._exchange is None:
            self._close()

    def _abort(self) -> None:
        self._aborted = True
        if not self._lost:
            self.transport.abortConnection()  # type: ignore[union-attr]

    def _expire(self, reason: str) -> None:
        self._log.info("closing the connection of {peer}: {reason}", peer=self.peer, reason=reason)
        self._abort()

    def _fail_body(self, reason: Exception) -> None:
        if self._exchange is not None:
            self._exchange.body.fail(reason)

    def _close(self) -> None:
        """Close in good order; a client that does not close its end is disconnected after a while."""
        if self._closing or self._lost:
            return
        self._closing = True
        self._received_at_close = self._received
        self._deadlines.input.end()
        self._deadlines.linger()
        self._output.detach()
        self._resume()
        self.transport.loseConnection()  # type: ignore[union-attr]

    def _idle_seconds(self) -> float:
        """How long no request has been in progress."""
        return 0.0 if self._exchange is not None else self._server.reactor.seconds() - self._idle_since

    # -- bytes ------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._aborted:
            return  # TLS still delivers what it had read
        self._received += len(data)
        if not self._secure:
            # Behind a wrapper (haproxy:) handshakeCompleted is not called; bytes that arrive prove the handshake too.
            self.handshakeCompleted()
        if self._closing:
            if self._received - self._received_at_close > GOODBYE_BYTES:
                self._expire("the client continues to send after the last answer")
            return
        if self._exchange is not None and self._reader.skip_body(len(data)):
            self._deliver(self._exchange, data)
            return
        self._reader.receive(data)
        if not self._waits_for_turn:
            self._process()

    def _process(self) -> None:
        """Handle what has arrived, until more is needed, the request has to be answered first, or others have turns."""
        left = CHUNKS_PER_TURN
        try:
            while left and not self._closing and not self._aborted:
                event = self._reader.next_event()
                if event is None:
                    break
                left -= 1
                if isinstance(event, RequestHead):
                    self._begin(event)
                elif (exchange := self._exchange) is not None:
                    if isinstance(event, BodyEnd):
                        exchange.body.end()
                        self._finish(exchange)
                    else:
                        self._deliver(exchange, event)
        except Malformed as malformed:
            self._refuse(malformed)
        waited, self._waits_for_turn = self._waits_for_turn, not left
        self._update_reading()
        if not left and not waited:
            self._in_turn(self._go_on)  # last: it may be the client's turn at once

    def _deliver(self, exchange: HttpExchange, data: bytes) -> None:
        """A part of the body; a client whose request is answered may not send that for ever."""
        exchange.body.deliver(data)
        if exchange.skips_too_much:
            self._close()

    # -- requests ---------------------------------------------------------------

    def _begin(self, head: RequestHead) -> None:
        """A head has arrived: answer the request in turn with those of others."""
        body = RequestBody(head.size, self._server.payload, self._update_reading, self._body_wanted)
        exchange = self._exchange = HttpExchange(head, body, self._output, self._server.reactor.seconds())
        self._sizes.update()
        self._stuck.begin(exchange)
        self._in_turn(self._start, exchange)

    def _in_turn(self, call: Callable[..., None], *args: object) -> None:
        """Make a call when the client has its turn."""
        self._server.workers.of(self._login.account).in_turn(call, *args)

    def _body_wanted(self) -> None:
        """A handler reads the body now."""
        if self._exchange is not None and not self._aborted and not self._closing:
            self._exchange.continue_body()
            self._update_reading()  # from now on the client owes it

    def _start(self, exchange: HttpExchange) -> None:
        run_promptly(self._sent(exchange, partial(self._answer, exchange)))

    async def _answer(self, exchange: HttpExchange) -> None:
        head = exchange.head
        try:
            target = parse_target(head.target)
            exchange.request = request = HttpRequest(
                method=head.method,
                target=target,
                headers=head.headers,
                body=exchange.body,
                address=self._address,
                attach=partial(self._attach, exchange),
                log_in=partial(self._log_in, exchange),
            )
            response = await self._context.router.handle(request)
        except Refusal as refusal:
            response = error_response(refusal.with_traceback(None), head.headers)
        except ConnectionLost:
            raise
        except Exception:  # noqa: BLE001 (a bug: the client gets no detail)
            self._log.failure("{method} of {peer} failed", method=head.method, peer=self.peer)
            response = error_response(Internal(INTERNAL_ERROR), head.headers)
        await self._respond(exchange, response)

    async def _respond(self, exchange: HttpExchange, response: HttpResponse) -> None:
        """Send the response; the connection goes on where the rest of the body is short."""
        close = self._stopping or self._closing or not exchange.may_skip_rest
        exchange.body.discard()
        status = await exchange.send(response, close=close)
        self._context.traffic.answered(exchange.request_type, status, exchange.began)
        self._stuck.end(exchange)
        self._finish(exchange)

    def _finish(self, exchange: HttpExchange) -> None:
        """Go on with the next request once this one is answered and its body has arrived."""
        if not exchange.answered or exchange is not self._exchange or self._lost:
            return
        if self._stopping or not exchange.keeps_alive:
            self._exchange = None
            self._close()
        elif exchange.body.complete:
            self._exchange = None
            self._idle_since = self._server.reactor.seconds()
            self._reader.next_request()
            if self._reader.idle:
                self._update_reading()
            else:
                self._server.reactor.callLater(0, self._go_on)

    def _go_on(self) -> None:
        """Continue with bytes that have arrived already."""
        self._waits_for_turn = False
        if not self._lost:
            self._process()

    async def _sent(self, exchange: HttpExchange, send: Callable[[], Awaitable[None]]) -> None:
        """Send a response; where it cannot be sent whole, nothing can follow it. Raises nothing."""
        try:
            await send()
        except Exception as error:  # noqa: BLE001 (whatever it is, it ends the connection)
            self._stuck.end(exchange)
            if isinstance(error, Refusal):
                self._log.info("sending to {peer} failed: {why}", peer=self.peer, why=str(error))
            elif not isinstance(error, ConnectionLost):
                self._log.failure("sending to {peer} failed; connection aborted", peer=self.peer)
            self._abort()
        finally:
            exchange.end()

    def _refuse(self, malformed: Malformed) -> None:
        """Answer a malformed request, and close the connection."""
        self._log.info("a malformed request from {peer}: {why}", peer=self.peer, why=malformed.message)
        self._stopping = True  # nothing follows this answer
        if (exchange := self._exchange) is not None:  # chunks that make no sense
            exchange.body.fail(BadRequest(malformed.message))
            self._finish(exchange)
            return
        exchange = self._exchange = HttpExchange(
            NO_REQUEST, RequestBody.none(), self._output, self._server.reactor.seconds()
        )
        response = error_response(HttpError(malformed.status, malformed.message), NO_REQUEST.headers)
        run_promptly(self._sent(exchange, partial(self._respond, exchange, response)))

    async def _log_in(self, exchange: HttpExchange, credentials: ICredentials, proof: bytes) -> ILogin:
        """Log in for a handler, which has found credentials where no other has them."""
        login = await self._context.router.authenticator.cache.login(credentials, proof, self._address)
        await self._attach(exchange, login)
        return login

    async def _attach(self, exchange: HttpExchange, login: ILogin) -> None:
        """A request is one of this login: it waits for its turn among those of the account."""
        exchange.has_login = True
        self._login.use(login)
        await exchange.wait_for_turn(partial(self._server.begin_request, login.account))
        if self._lost:
            raise ConnectionLost("the client disconnected")

    # -- pace -------------------------------------------------------------------

    def _input_stalled(self) -> None:
        """A head or a body has begun and does not go on."""
        self._log.info("{peer} stalled", peer=self.peer)
        late = f"the request stalled for {self._server.limits.stall_seconds:.0f} seconds"
        if self._exchange is None:
            self._refuse(Malformed(HTTPStatus.REQUEST_TIMEOUT, late))
        elif self._exchange.answered:
            self._abort()
        else:
            self._stopping = True
            self._exchange.body.fail(TimedOut(late))

    def _update_reading(self) -> None:
        """Pause or resume reading, and watch for a stall: whatever the present state asks for."""
        if self._lost or self._closing or self._aborted:
            return
        exchange = self._exchange
        full = self._waits_for_turn or self._reader.waiting > 0 or (exchange is not None and exchange.body.full)
        if full and self._reading:
            self._reading = False
            self.transport.pauseProducing()  # type: ignore[union-attr]
            self._hangup.start()
        elif not full:
            self._resume()
        owes = self._reader.incomplete and not full
        waits = exchange is None or exchange.answered or exchange.body.is_wanted
        if owes and waits:
            self._deadlines.input.begin()
        else:
            self._deadlines.input.end()

    def _resume(self) -> None:
        if not self._reading:
            self._reading = True
            self.transport.resumeProducing()  # type: ignore[union-attr]
