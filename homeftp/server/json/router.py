"""Which code answers a request: the session's own request types are answered here, all others by dispatchers.

A router knows nothing of bytes: the protocol gives it decoded requests with
payloads, and sends its answers. login.py knows which account is logged in.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable

import msgspec
from twisted.internet.defer import Deferred, succeed

import homeftp
from homeftp.accounts.throttle import address_group
from homeftp.config import (
    BATCH_BYTES,
    BATCH_ENTRIES,
    KEEPALIVE_SECONDS,
    MAX_REQUEST_LINE,
    MAX_RESPONSE_LINE,
    PROTOCOL_VERSION,
    SMALL_FILE,
)
from homeftp.dispatchers.table import EVERYTHING, DispatchedRequest
from homeftp.errors import Busy, Refusal, ShuttingDown
from homeftp.interfaces import IDispatcher, ILogin, IPayload, IResolution, guest
from homeftp.model import PathLock
from homeftp.server.json.auditing import record_refusal, recorded
from homeftp.server.json.context import IConnectionControl, JsonContext
from homeftp.server.json.login import Authenticator
from homeftp.status import Status
from homeftp.store.policy.rights import ORDER
from homeftp.wire import states
from homeftp.wire.codec import decode_body
from homeftp.wire.messages import HelloBody, LoginBody, NoBody, PairBody, RenewBody, Request
from homeftp.wire.states import ConnectionState, Phase

BEFORE_LOGIN = 16
"""Requests of one connection before its login, besides the logins that fail: pairing with three wrong codes has eleven.
Beyond that a client has to do another TLS handshake, which costs it as much as the server."""


class Route(msgspec.Struct, frozen=True):
    """How one request is answered: which paths it locks, and what to call when it may begin."""

    path_lock: PathLock
    begin: Callable[[IPayload, IResolution], Deferred[None] | None]


def refuse(refusal: Refusal, recorded: Callable[[IResolution], IResolution] = lambda resolution: resolution) -> Route:
    """The route of a request that is answered with `refusal`, after all before it, through `recorded(resolution)`."""

    def begin(payload: IPayload, resolution: IResolution) -> None:
        recorded(resolution).resolve(refusal.status, refusal.message)

    return Route(EVERYTHING, begin)


CROWDED = refuse(
    Busy("the server holds too much for this client: read the answers that wait, then send this request again")
)
"""The route of a request that there is no memory for."""


class Router:
    """Routes the requests of one connection."""

    def __init__(self, context: JsonContext, connection: IConnectionControl, phase: Phase, address: str) -> None:
        self._context = context
        self._connection = connection
        self.state = ConnectionState(phase)
        self.authenticator = Authenticator(context, connection, self.state, address)
        self._before_login = guest(address_group(address))
        self._unauthenticated = 0
        """How many requests have come before the login."""
        self.stopping = False
        self.disconnected = False
        """Whether the connection has ended."""
        self._own: dict[str, tuple[type, Callable[[Any, IResolution], Deferred[None] | None]]] = {
            states.HELLO: (HelloBody, self._hello),
            states.LOGIN: (LoginBody, self.authenticator.log_in),
            states.PAIR: (PairBody, self.authenticator.pair),
            states.RENEW: (RenewBody, self.authenticator.renew),
            states.QUIT: (NoBody, self._quit),
        }

    @property
    def login(self) -> ILogin | None:
        """The client's login, once it has logged in."""
        return self.authenticator.login

    @property
    def account(self) -> str:
        """The account whose turn a request needs. Before the login all clients of an address group share one."""
        return self._before_login if self.login is None else self.login.account

    def close(self) -> None:
        """The connection has ended."""
        self.disconnected = True
        self.authenticator.close()

    def route(self, envelope: Request) -> Route:
        """How to answer a request; a request that cannot be answered is refused at its turn.

        Whether it is legal is checked when it begins, not now: a LOGIN before
        it may still be in progress.
        """
        try:
            return self._route(envelope)
        except Refusal as refusal:
            return refuse(refusal, partial(self._refused, envelope))

    def crowded(self, envelope: Request) -> Route:
        """The route of a request that there is no memory for: nothing of it is kept. A refused change is recorded."""
        try:
            if self.login is not None and self._context.table.decode(envelope)[2].changes:
                record_refusal(envelope, self.login, self._context.parts.refusals, Status.BUSY)
        except Refusal:
            pass  # it would have been refused anyway, and changes nothing
        return CROWDED

    def _route(self, envelope: Request) -> Route:
        own = self._own.get(envelope.request_type)
        if own is not None:
            body_type, answer = own

            def begin(payload: IPayload, resolution: IResolution) -> Deferred[None] | None:
                body: Any = decode_body(envelope.request_type, envelope.body, body_type)
                if self.login is None:
                    return answer(body, resolution)
                return self._in_flight(self.login, lambda: answer(body, resolution) or succeed(None))

            return Route(EVERYTHING, self._guarded(envelope, begin))
        if self.login is None or envelope.request_type in states.RESERVED_TYPES:
            return Route(EVERYTHING, self._guarded(envelope, partial(self._late, envelope)))
        dispatcher, body, path_lock = self._context.table.decode(envelope)
        dispatch = self._guarded(envelope, partial(self._dispatch, envelope, dispatcher, body, path_lock))
        return Route(path_lock, dispatch)

    def _guarded(
        self, envelope: Request, begin: Callable[[IPayload, IResolution], Deferred[None] | None]
    ) -> Callable[[IPayload, IResolution], Deferred[None] | None]:
        """`begin`, where the phase of the connection allows it then; a refusal that it raises is the answer."""

        def guarded(payload: IPayload, resolution: IResolution) -> Deferred[None] | None:
            refused: Refusal | None
            if self.stopping:
                refused = ShuttingDown("the server is stopping: connect again in a while")
            elif self.authenticator.refusal is not None:
                refused = self.authenticator.refusal
            elif self.state.phase is Phase.CLOSING and self.login is not None:
                refused = None  # it came before what closes the connection
            else:
                refused = self.state.refusal(envelope.request_type) or self._refuse_too_many()
            if refused is not None:
                if self.login is None or envelope.request_type == states.STARTTLS:
                    self._connection.stop_accepting()
                resolution.resolve(refused.status, refused.message)
                return None
            try:
                return begin(payload, resolution)
            except Refusal as refusal:
                resolution.resolve(refusal.status, refusal.message)
                return None

        return guarded

    def _refuse_too_many(self) -> Refusal | None:
        """The refusal of one request more before the login; None where it may come."""
        self._unauthenticated += self.login is None
        if self.login is not None or self._unauthenticated <= BEFORE_LOGIN + self._context.server.limits.login_attempts:
            return None
        return Busy("too many requests before a login: connect again")

    def _late(self, envelope: Request, payload: IPayload, resolution: IResolution) -> Deferred[None] | None:
        """A request that was sent behind a LOGIN: its dispatcher is looked up after the login."""
        try:
            dispatcher, body, path_lock = self._context.table.decode(envelope)
        except Refusal as refusal:
            self._refused(envelope, resolution).resolve(refusal.status, refusal.message)
            return None
        return self._dispatch(envelope, dispatcher, body, path_lock, payload, resolution)

    def _dispatch(
        self,
        envelope: Request,
        dispatcher: IDispatcher,
        body: Any,
        path_lock: PathLock,
        payload: IPayload,
        resolution: IResolution,
    ) -> Deferred[None]:
        if path_lock.changes:
            resolution = self._refused(envelope, resolution)
        assert self.login is not None
        login, request_type = self.login, dispatcher.request_type
        workers = self._context.server.workers.of(login.account)
        files = login.files(request_type, record_refusals=False)  # `_refused` records the request as it was sent
        request = DispatchedRequest(
            request_type, body, payload, login.account, files, workers, self, login.find_writer, login.links
        )
        return self._in_flight(login, partial(self._context.table.dispatch, dispatcher, request, resolution))

    def _in_flight(self, login: ILogin, answer: Callable[[], Deferred[None]]) -> Deferred[None]:
        """Answer a request at its turn among those of its account, unless its client has disconnected by then."""
        server = self._context.server
        return server.begin_request(login.account, lambda: succeed(None) if self.disconnected else answer())

    def _refused(self, envelope: Request, resolution: IResolution) -> IResolution:
        """The resolution of a request of a client that is logged in, whose refusal is recorded."""
        if self.login is None:
            return resolution
        return recorded(resolution, envelope, self.login, self._context.parts.refusals)

    def _hello(self, body: HelloBody, resolution: IResolution) -> None:
        """The answer to HELLO; before its login a client learns no more than it needs to log in."""
        if body.client is not None:
            self.authenticator.saw_client(body.client)
        limits = self._context.server.limits
        answer: dict[str, Any] = {
            "protocol": PROTOCOL_VERSION,
            "version": homeftp.__version__,
            "server": self._context.parts.identity().server_name,
            "request_types": sorted([states.STARTTLS, *self._own]),
            "account": None,
        }
        if self.login is not None:
            answer["account"] = self.login.account
            answer["request_types"] += self._context.table.request_types
            answer["filetypes"] = self._context.parts.filetypes
            answer["rights"] = [right for right in ORDER if right in self.login.rights]
            facts = {"share": self._context.parts.share(self.login.home), "view": self.login.view}
            answer.update((field, value) for field, value in facts.items() if value is not None)
            others = self._context.parts.other_addresses()
            if others:
                answer["addresses"] = list(others)
            files = self.login.files(states.HELLO)
            answer["read_only"] = files.read_only is not None
            answer["similar_names"] = not files.capabilities.similar_names
            answer["limits"] = {
                "request_line": MAX_REQUEST_LINE,
                "response_line": MAX_RESPONSE_LINE,
                "in_flight": limits.in_flight,
                "small_file": SMALL_FILE,
                "batch_entries": BATCH_ENTRIES,
                "batch_bytes": BATCH_BYTES,
                "file_size": limits.file_size,
            }
        if body.keepalive:
            self._connection.keep_alive()
            answer["keepalive"] = KEEPALIVE_SECONDS
        resolution.resolve(Status.OK, "hello", answer)

    def _quit(self, body: NoBody, resolution: IResolution) -> None:
        self._connection.stop_accepting()
        resolution.resolve(Status.OK, "goodbye")
