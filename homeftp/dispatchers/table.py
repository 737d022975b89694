"""request_type → dispatcher: the table of what this server answers, and the one place that runs a dispatcher."""

from __future__ import annotations

import re
from typing import Any, Iterable, Protocol

import attrs
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectionLost
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import INTERNAL_ERROR, Internal, OperatorError, Refusal, TooLarge, UnknownRequestType
from homeftp.interfaces import IAccount, IDispatcher, IPathLocking, IPayload, IRequest, IResolution, IStore, IWorkers
from homeftp.model import SERVER, Actor, PathLock
from homeftp.status import Status
from homeftp.wire.codec import decode_body
from homeftp.wire.messages import Request as Envelope
from homeftp.wire.states import RESERVED_TYPES

_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}\Z")

EVERYTHING = PathLock(ROOT, changes=True)
"""The claim of a request that overlaps no other."""


class Client(Protocol):
    """Whom a request is from."""

    gone: bool

    @property
    def revoked(self) -> bool:
        """Whether their access was revoked."""

    def welcome(self) -> bool:
        """Whether they may still come in."""


@implementer(IRequest)
@attrs.frozen(eq=False)
class Request:
    """A request as its dispatcher gets it."""

    request_type: str
    body: Any
    payload: IPayload
    account: IAccount
    workers: IWorkers
    actor: Actor = SERVER
    _client: Client | None = None

    @property
    def gone(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._client is not None and self._client.gone

    @property
    def revoked(self) -> bool:
        """Whether who asked may not come in any more."""
        return self._client is not None and self._client.revoked

    def welcome(self) -> bool:
        """Whether who asked may still come in. Blocks."""
        return self._client is None or self._client.welcome()

    async def read_file(self, rel_endpoint: str, limit: int) -> bytes:
        """All of a file of the share, of at most `limit` bytes."""
        return await self.workers.run(_content, self.account.share, parse(rel_endpoint), limit)


def _content(share: IStore, endpoint: Endpoint, limit: int) -> bytes:
    """In a worker: the file's content, as it was at one moment."""
    file = share.open(endpoint)
    try:
        size = file.entry.size
        if size > limit:
            raise TooLarge(f"{endpoint} has {size} bytes; at most {limit} are allowed here")
        data = file.read(0, size)
        file.verify(None)
        return data
    finally:
        file.close()


class Table:
    """The dispatchers of one server, by request_type. Raises `OperatorError` when two claim the same."""

    _log = Logger()

    def __init__(self, dispatchers: Iterable[IDispatcher]) -> None:
        self._by_type: dict[str, IDispatcher] = {}
        for dispatcher in dispatchers:
            self._add(dispatcher)

    def _add(self, dispatcher: IDispatcher) -> None:
        name = dispatcher.request_type
        if not isinstance(name, str) or not _NAME.match(name):
            raise OperatorError(f"{name!r} is no request_type: use capital letters, digits and _, at most 64")
        if name in RESERVED_TYPES:
            raise OperatorError(f"{name} belongs to the session itself: no dispatcher may claim it")
        if name in self._by_type:
            raise OperatorError(f"two dispatchers claim {name}")
        self._by_type[name] = dispatcher

    @property
    def request_types(self) -> list[str]:
        """What is answered, sorted."""
        return sorted(self._by_type)

    def find(self, request_type: str) -> IDispatcher:
        """The dispatcher of a type; raises `UnknownRequestType` (21), naming those that there are."""
        try:
            return self._by_type[request_type]
        except KeyError:
            shown = ascii(request_type[:40])
            known = ", ".join(self.request_types)
            raise UnknownRequestType(f"no dispatcher answers {shown}; this server answers {known}") from None

    def decode(self, envelope: Envelope) -> tuple[IDispatcher, Any, PathLock]:
        """Who answers a request, its body, and what it touches.

        Raises `UnknownRequestType` (21), `BadRequest` (20) and `BadEndpoint` (41).
        """
        dispatcher = self.find(envelope.request_type)
        body: Any = decode_body(envelope.request_type, envelope.body, dispatcher.body_type)
        return dispatcher, body, self._claim(dispatcher, body)

    def _claim(self, dispatcher: IDispatcher, body: Any) -> PathLock:
        claiming: Any = IPathLocking(dispatcher, None)
        if claiming is None:
            return EVERYTHING
        try:
            claim: PathLock = claiming.claims(body)
            return claim
        except Refusal:
            raise
        except Exception:  # noqa: BLE001 (a dispatcher's bug: it is logged, and answered)
            self._log.failure("the dispatcher of {type} failed", type=dispatcher.request_type)
            raise Internal(INTERNAL_ERROR) from None

    def dispatch(self, dispatcher: IDispatcher, request: IRequest, resolution: IResolution) -> Deferred[None]:
        """Let `dispatcher` answer; whatever it does there is one answer, and the Deferred never fails."""
        working = maybeDeferred(dispatcher.dispatch, request, resolution)
        return working.addBoth(self._settle, request.request_type, resolution)

    def _settle(self, result: object, request_type: str, resolution: IResolution) -> None:
        if not isinstance(result, Failure):
            if not resolution.resolved:
                self._log.error("the dispatcher of {type} ended without an answer", type=request_type)
                resolution.resolve(Status.INTERNAL, INTERNAL_ERROR)
            return
        error = result.value
        if isinstance(error, ConnectionLost):
            return
        if resolution.resolved:
            self._log.failure("the dispatcher of {type} failed after its answer", result, type=request_type)
        elif isinstance(error, Refusal):
            resolution.resolve(error.status, error.message)
        else:
            self._log.failure("the dispatcher of {type} failed", result, type=request_type)
            resolution.resolve(Status.INTERNAL, INTERNAL_ERROR)
