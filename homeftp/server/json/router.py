"""The way of a request: the session's own are answered here, all others go to their dispatchers, as far as they may.

A session knows nothing of bytes: the protocol gives it decoded requests and
payloads and carries its answers. Who the client is, its entrance knows.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable

import attrs
from twisted.internet.defer import Deferred

import homeftp
from homeftp.accounts.realm import Account
from homeftp.config import MAX_REQUEST_LINE, MAX_RESPONSE_LINE, PROTOCOL_VERSION, SMALL_FILE
from homeftp.dispatchers.table import EVERYTHING, Request
from homeftp.errors import Refusal, ShuttingDown
from homeftp.interfaces import IDispatcher, IPayload, IResolution
from homeftp.model import PathLock
from homeftp.server.gate.context import IConnectionControl, ServerContext
from homeftp.server.json.auditing import SessionAudit
from homeftp.server.json.login import Authenticator
from homeftp.status import Status
from homeftp.store.policy.rights import ORDER
from homeftp.wire import states as conversation
from homeftp.wire.codec import decode_body
from homeftp.wire.messages import Login, NoBody, Pair, Renew
from homeftp.wire.messages import Request as Envelope
from homeftp.wire.states import ConnectionState, Phase


@attrs.frozen
class Route:
    """Where one request goes: what it touches, and what to call when it may begin."""

    claim: PathLock
    begin: Callable[[IPayload, IResolution], Deferred[None] | None]


def refuse(refusal: Refusal, recorded: Callable[[IResolution], IResolution] = lambda resolution: resolution) -> Route:
    """The way of a request that is answered with `refusal`, after all before it, through what `recorded` gives."""

    def begin(payload: IPayload, resolution: IResolution) -> None:
        recorded(resolution).resolve(refusal.status, refusal.message)

    return Route(EVERYTHING, begin)


class Router:
    """One client's session, from its first line to its last."""

    def __init__(
        self, services: ServerContext, connection: IConnectionControl, phase: Phase, peer: str, address: str
    ) -> None:
        self._services = services
        self._connection = connection
        self._auditing = SessionAudit(services.audit, services.workers, services.sparing)
        self.conversation = ConnectionState(phase)
        self.entrance = Authenticator(services, connection, self.conversation, self._auditing, peer, address)
        self.stopping = False
        self.revoked = False
        """Whether who came in may not any more."""
        self.gone = False
        """Whether nobody is there any more."""
        self._own: dict[str, tuple[type, Callable[[Any, IResolution], Deferred[None] | None]]] = {
            conversation.HELLO: (NoBody, self._hello),
            conversation.LOGIN: (Login, self.entrance.login),
            conversation.PAIR: (Pair, self.entrance.pair),
            conversation.RENEW: (Renew, self.entrance.renew),
            conversation.QUIT: (NoBody, self._quit),
        }

    @property
    def account(self) -> Account | None:
        """Who is logged in."""
        return self.entrance.account

    def welcome(self) -> bool:
        """Whether who is logged in may still be here. Blocks."""
        (stands,) = self._services.standing.of([self.entrance.came_in()])
        return stands

    def route(self, envelope: Envelope) -> Route:
        """Where a request goes; one that goes nowhere is refused at its turn.

        What is legal is judged when the request begins, not now: a LOGIN
        before it may still be under way.
        """
        try:
            return self._route(envelope)
        except Refusal as refusal:
            return refuse(refusal, partial(self._refused, envelope))

    def _route(self, envelope: Envelope) -> Route:
        own = self._own.get(envelope.request_type)
        if own is not None:
            body_type, answer = own

            def begin(payload: IPayload, resolution: IResolution) -> Deferred[None] | None:
                body: Any = decode_body(envelope.request_type, envelope.body, body_type)
                return answer(body, resolution)

            return Route(EVERYTHING, self._guarded(envelope, begin))
        if self.account is None or envelope.request_type in conversation.RESERVED_TYPES:
            return Route(EVERYTHING, self._guarded(envelope, partial(self._late, envelope)))
        dispatcher, body, claim = self._services.table.decode(envelope)
        return Route(claim, self._guarded(envelope, partial(self._dispatch, envelope, dispatcher, body, claim)))

    def _guarded(
        self, envelope: Envelope, begin: Callable[[IPayload, IResolution], Deferred[None] | None]
    ) -> Callable[[IPayload, IResolution], Deferred[None] | None]:
        """`begin`, once the conversation allows it; what it raises is the answer."""

        def guarded(payload: IPayload, resolution: IResolution) -> Deferred[None] | None:
            refused: Refusal | None
            if self.stopping:
                refused = ShuttingDown("the server is stopping: connect again in a while")
            elif self.entrance.trouble is not None:
                refused = self.entrance.trouble
            elif self.conversation.phase is Phase.CLOSING and self.account is not None:
                refused = None  # it came before what closes the connection
            else:
                refused = self.conversation.refusal(envelope.request_type)
            if refused is not None:
                if self.account is None or envelope.request_type == conversation.STARTTLS:
                    self._connection.finish()
                resolution.resolve(refused.status, refused.message)
                return None
            try:
                return begin(payload, resolution)
            except Refusal as refusal:
                resolution.resolve(refusal.status, refusal.message)
                return None

        return guarded

    def _late(self, envelope: Envelope, payload: IPayload, resolution: IResolution) -> Deferred[None] | None:
        """A request that came behind a LOGIN, and whose dispatcher is looked up only after it."""
        try:
            dispatcher, body, claim = self._services.table.decode(envelope)
        except Refusal as refusal:
            self._refused(envelope, resolution).resolve(refusal.status, refusal.message)
            return None
        return self._dispatch(envelope, dispatcher, body, claim, payload, resolution)

    def _dispatch(
        self,
        envelope: Envelope,
        dispatcher: IDispatcher,
        body: Any,
        claim: PathLock,
        payload: IPayload,
        resolution: IResolution,
    ) -> Deferred[None]:
        if claim.changes:
            resolution = self._refused(envelope, resolution)
        account = self.entrance.account_for(dispatcher.request_type)
        request = Request(dispatcher.request_type, body, payload, account, self._services.workers, account.actor, self)
        return self._services.table.dispatch(dispatcher, request, resolution)

    def _refused(self, envelope: Envelope, resolution: IResolution) -> IResolution:
        """The resolution of a request of somebody who is logged in, that may be refused: the audit log tells of it."""
        if self.account is None:
            return resolution
        actor = self.entrance.actor(envelope.request_type)
        return self._auditing.refused(envelope, actor, self.account.share.home, resolution)

    def _hello(self, body: NoBody, resolution: IResolution) -> None:
        """What this server is and may be asked; a stranger learns no more than a client needs to log in."""
        limits = self._services.limits
        answer: dict[str, Any] = {
            "protocol": PROTOCOL_VERSION,
            "version": homeftp.__version__,
            "server": self._services.server_name,
            "request_types": sorted([conversation.STARTTLS, *self._own]),
            "account": None,
        }
        if self.account is not None:
            answer["account"] = self.account.name
            answer["request_types"] += self._services.table.request_types
            answer["filetypes"] = self._services.filetypes
            answer["rights"] = [right for right in ORDER if right in self.account.rights]
            answer["read_only"] = self.account.share.read_only is not None
            answer["limits"] = {
                "request_line": MAX_REQUEST_LINE,
                "response_line": MAX_RESPONSE_LINE,
                "in_flight": limits.in_flight,
                "small_file": SMALL_FILE,
                "file_size": limits.file_size,
            }
        resolution.resolve(Status.OK, "hello", answer)

    def _quit(self, body: NoBody, resolution: IResolution) -> None:
        self._connection.finish()
        resolution.resolve(Status.OK, "goodbye")
