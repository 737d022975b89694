"""The dispatchers of a server by request_type, and the one place that calls them."""

from __future__ import annotations

import re
from typing import Any, Awaitable, Callable, Iterable, Protocol

import attrs
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import ConnectionLost
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.endpoint import ROOT, Endpoint
from homeftp.errors import INTERNAL_ERROR, Internal, OperatorError, Refusal, UnknownRequestType
from homeftp.history.writer import Writer
from homeftp.interfaces import (
    IDispatcher,
    IFiles,
    IPathLocking,
    IPayload,
    IRequest,
    IResolution,
    IShareLinks,
    IWorkers,
)
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.codec import decode_body
from homeftp.wire.messages import Request
from homeftp.wire.states import RESERVED_TYPES

_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}\Z")

_SHOWN = 40
"""Characters of an unknown request type in a message."""

EVERYTHING = PathLock(ROOT, changes=True)
"""The lock of a request that does not overlap any other."""


FindWriter = Callable[[Endpoint, str], Awaitable[Writer | None]]
"""`ILogin.find_writer`."""


class Connection(Protocol):
    """The connection, as a request needs it."""

    @property
    def disconnected(self) -> bool:
        """Whether the client has disconnected."""


@implementer(IRequest)
@attrs.frozen(eq=False)
class DispatchedRequest:
    """A request as its dispatcher gets it."""

    request_type: str
    body: Any
    payload: IPayload
    account: str
    files: IFiles
    workers: IWorkers
    _connection: Connection | None = None
    _find_writer: FindWriter = lambda endpoint, content_hash: succeed(None)
    links: IShareLinks | None = None

    def find_writer(self, endpoint: Endpoint, content_hash: str) -> Awaitable[Writer | None]:
        """The writer of a file of the account."""
        return self._find_writer(endpoint, content_hash)

    def cancelled(self) -> bool:
        """Whether the client has disconnected: the answer is not needed any more."""
        return self._connection is not None and self._connection.disconnected


class Table:
    """The dispatchers of one server, by request_type.

    Raises `OperatorError` for a request_type that cannot be one, belongs to the session, or has two dispatchers.
    """

    _log = Logger()

    def __init__(self, dispatchers: Iterable[IDispatcher]) -> None:
        self._by_type: dict[str, IDispatcher] = {}
        for dispatcher in dispatchers:
            self._add(dispatcher)

    def _add(self, dispatcher: IDispatcher) -> None:
        name = dispatcher.request_type
        if not isinstance(name, str) or not _NAME.match(name):
            raise OperatorError(f"{name!r} is not a request_type: use capital letters, digits and _, at most 64")
        if name in RESERVED_TYPES:
            raise OperatorError(f"{name} is reserved for the session: no dispatcher may claim it")
        if name in self._by_type:
            raise OperatorError(f"two dispatchers claim {name}")
        self._by_type[name] = dispatcher

    @property
    def request_types(self) -> list[str]:
        """The request types that this server answers, sorted."""
        return sorted(self._by_type)

    def find(self, request_type: str) -> IDispatcher:
        """The dispatcher of a type; raises `UnknownRequestType` (21), naming those that exist."""
        try:
            return self._by_type[request_type]
        except KeyError:
            shown = ascii(request_type[:_SHOWN])
            known = ", ".join(self.request_types)
            raise UnknownRequestType(f"no dispatcher answers {shown}; this server answers {known}") from None

    def decode(self, envelope: Request) -> tuple[IDispatcher, Any, PathLock]:
        """The dispatcher of a request, its body, and its lock. The endpoints in the body are parsed here, once.

        Raises `UnknownRequestType` (21), `BadRequest` (20) and `BadEndpoint` (41).
        """
        dispatcher = self.find(envelope.request_type)
        body: Any = decode_body(envelope.request_type, envelope.body, dispatcher.body_type)
        return dispatcher, body, self._path_lock(dispatcher, body)

    def _path_lock(self, dispatcher: IDispatcher, body: Any) -> PathLock:
        locking: Any = IPathLocking(dispatcher, None)
        if locking is None:
            return EVERYTHING
        try:
            lock: PathLock = locking.path_lock(body)
            return lock
        except Refusal:
            raise
        except Exception:  # noqa: BLE001 (a dispatcher's bug: logged, and answered)
            self._log.failure("the dispatcher of {type} failed", type=dispatcher.request_type)
            raise Internal(INTERNAL_ERROR) from None

    def dispatch(self, dispatcher: IDispatcher, request: IRequest, resolution: IResolution) -> Deferred[None]:
        """Call `dispatcher`. Whatever it does there is one answer; the Deferred fires after it and never fails."""
        working = maybeDeferred(dispatcher.dispatch, request, resolution)
        return working.addBoth(self._ensure_answer, request.request_type, resolution)

    def _ensure_answer(self, result: object, request_type: str, resolution: IResolution) -> None:
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
            error.__traceback__ = None  # its frames refer to it: all that the request needed would stay with it
            resolution.resolve(error.status, error.message)
        else:
            self._log.failure("the dispatcher of {type} failed", result, type=request_type)
            resolution.resolve(Status.INTERNAL, INTERNAL_ERROR)
