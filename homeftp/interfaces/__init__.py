"""The interfaces between the layers of homeftp.

Authors of dispatchers need `IDispatcher`, `IRequest`, `IPayload` and
`IResolution`; authors of storage backends need `IStore`, `IStoreFactory` and
what a store hands out, all in `homeftp.interfaces.store`; authors of front ends
need `IFrontEnd` and what its server provides, in `homeftp.interfaces.frontend`. Methods raise the
refusals of `homeftp.errors`; each says which. "Blocking" methods are called in
the worker pool, never on the reactor's thread.
"""

from __future__ import annotations

from typing import Any, Awaitable

from zope.interface import Attribute, Interface

from homeftp.interfaces.frontend import (
    IAccount,
    IConnection,
    IConnections,
    IFrontEnd,
    ILogin,
    ILoginService,
    IServerContext,
)
from homeftp.interfaces.store import IDraft, IOpenFile, IStore, IStoreFactory, IUpload, StoreOptions, UnrecordedChanges
from homeftp.interfaces.workers import IWorkers
from homeftp.model import Actor, ListingPage, PathLock, ResumePoint, Version, WriteRequest


class IPayload(Interface):
    """Bytes on their way: those that follow a request, or those that follow a response. Readable once."""

    size: int = Attribute("How many bytes there are in all.")

    def read() -> Awaitable[bytes]:
        """The next piece, of at most `config.STREAM_PIECE` bytes; b"" after the last.

        Raises what ended the stream early: `TimedOut` (53) when the peer
        stalled, `twisted.internet.error.ConnectionLost` when it went away.
        """

    def read_all(limit: int) -> Awaitable[bytes]:
        """All of it; raises `TooLarge` (22), naming the limit, when `size` is over `limit`."""


class IWholePayload(IPayload):
    """One that is here already, as small ones are."""

    content: bytes = Attribute("What of it has not been read.")


class IRequest(Interface):
    """A request as its dispatcher gets it."""

    request_type: str = Attribute("The request_type, as the dispatcher claims it.")
    body: Any = Attribute("An instance of the dispatcher's `body_type`.")
    payload: IPayload = Attribute("The bytes that followed the request's line; of size 0 when there are none.")
    account: IAccount = Attribute("Who asks.")
    actor: Actor = Attribute("The same, and from where and by what request, as the audit log has it.")
    workers: IWorkers = Attribute("The pool for whatever blocks.")
    gone: bool = Attribute("Whether nobody waits for the answer any more: long work may end.")
    revoked: bool = Attribute("Whether who asked was cut off, and may not come in any more: nothing may come of it.")

    def welcome() -> bool:
        """Whether who asked may still come in: `revoked`, looked up now. Blocks; raises `SetupError`."""

    def read_file(rel_endpoint: str, limit: int) -> Awaitable[bytes]:
        """All of a file of the share, where it is small enough to be held in memory.

        Raises `BadEndpoint` (41), `NotFound` (40), `WrongKind` (43),
        `FiletypeNotAllowed` (42), `TooLarge` (22) for more than `limit` bytes,
        and `Changed` (44) when it was changed meanwhile.
        """


class IResolution(Interface):
    """Where a dispatcher's answer goes: once, in the order of the requests, at the client's pace."""

    resolved: bool = Attribute("Whether there is an answer.")

    def send(body: dict[str, Any], message: str = "", payload: IPayload | bytes | None = None) -> Awaitable[None]:
        """One interim answer, marked `more`, with its payload if any.

        Returns when the next may be sent: wait for it, or memory fills.
        Raises `ConnectionLost` when the client went away.
        """

    def resolve(
        status: int, message: str, body: dict[str, Any] | None = None, payload: IPayload | bytes | None = None
    ) -> None:
        """The answer. A second one is a bug and raises RuntimeError."""


class IDispatcher(Interface):
    """Answers one request type."""

    request_type: str = Attribute("The request_type it answers, such as 'GET': capital letters, digits and _.")
    body_type: type = Attribute("The attrs class that the request's body is decoded into.")

    def dispatch(request: IRequest, resolution: IResolution) -> Awaitable[None] | None:
        """Answer `request` through `resolution`.

        May be a plain method, return a Deferred or be `async`. A raised
        refusal is the answer; any other exception is logged and answered
        INTERNAL (50). Ending without an answer is answered INTERNAL too.
        """


class IPathLocking(Interface):
    """What a dispatcher may offer besides, so that its requests overlap others of the same connection.

    Without it a request waits for those before it and holds up those behind.
    """

    def claims(body: Any) -> PathLock:
        """What a request with this body reads or changes. Must not block; may raise `BadEndpoint`."""


__all__ = [
    "IAccount",
    "IConnection",
    "IConnections",
    "IDispatcher",
    "IDraft",
    "IFrontEnd",
    "ILogin",
    "ILoginService",
    "IOpenFile",
    "IPathLocking",
    "IPayload",
    "IRequest",
    "IResolution",
    "IServerContext",
    "IStore",
    "IStoreFactory",
    "IUpload",
    "IWholePayload",
    "IWorkers",
    "ListingPage",
    "PathLock",
    "ResumePoint",
    "StoreOptions",
    "UnrecordedChanges",
    "Version",
    "WriteRequest",
]
