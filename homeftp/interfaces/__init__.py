"""The interfaces between the layers of homeftp.

Authors of dispatchers need `IDispatcher`, `IRequest` and `IResolution`, and for
files and payloads `homeftp.interfaces.files`; authors of storage backends need `IStore`, `IStoreFactory` and
what a store hands out, all in `homeftp.interfaces.store`; authors of front ends
need `IFrontEnd` and what its server provides, in `homeftp.interfaces.frontend`. Methods raise the
refusals of `homeftp.errors`; each says which. "Blocking" methods are called in
the worker pool, never on the reactor's thread.
"""

from __future__ import annotations

from typing import Any, Awaitable, TypeVar

from zope.interface import Attribute, Interface

from homeftp.endpoint import Endpoint
from homeftp.history.writer import Writer
from homeftp.interfaces.files import (
    BatchWrite,
    ChangedNames,
    FileContent,
    IFileDraft,
    IFiles,
    IFileStream,
    IIncomingPayload,
    IPayload,
    IWholePayload,
)
from homeftp.interfaces.frontend import (
    IAccount,
    IConnection,
    IConnections,
    IFrontEnd,
    IFrontEndFactory,
    ILogin,
    ILoginService,
    IServerContext,
    IShownFrontEnd,
    IWebFrontEnd,
)
from homeftp.interfaces.history import IHistory
from homeftp.interfaces.links import IShareLinks
from homeftp.interfaces.store import (
    HashNeeded,
    IDraft,
    IOpenFile,
    IScopedStore,
    IStore,
    IStoreHealth,
    IUpload,
    SpaceReport,
    StoreOptions,
    UnrecordedChanges,
)
from homeftp.interfaces.storefactory import IStoreFactory
from homeftp.interfaces.workers import IWorkers, guest, is_guest
from homeftp.model import ListingPage, PathLock, ResumePoint, Version, WriteRequest

T = TypeVar("T")


class IRequest(Interface):
    """A request as its dispatcher gets it."""

    request_type: str = Attribute("The request_type, as the dispatcher claims it.")
    body: Any = Attribute("An instance of the dispatcher's `body_type`.")
    payload: IPayload = Attribute("The bytes that followed the request's line; of size 0 when there are none.")
    account: str = Attribute("The name of the account that is logged in.")
    files: IFiles = Attribute("The files of the account.")
    workers: IWorkers = Attribute("The pool for blocking work of the dispatcher's own.")
    links: IShareLinks | None = Attribute("Share links of the account; None for a login that may have none.")

    def find_writer(endpoint: Endpoint, content_hash: str) -> Awaitable[Writer | None]:
        """The writer of a file of the account, as `ILogin.find_writer`."""

    def cancelled() -> bool:
        """Whether the answer is not needed any more: long work may end."""


class IResolution(Interface):
    """Where a dispatcher's answer goes: once, in the order of the requests, at the client's pace."""

    resolved: bool = Attribute("Whether there is an answer.")

    def turn() -> Awaitable[None]:
        """The request's turn to answer: all earlier ones have been answered, and the client reads.

        Wait for it before work whose result takes much memory, or a file or a lock, until it is sent.
        Raises `ConnectionLost` when the client went away.
        """

    def wait_idle(event: Awaitable[T]) -> Awaitable[T]:
        """The result of `event`, which may never come: it is cancelled when the client goes away.

        Meanwhile the request counts as idle, and not as stuck. Raises `ConnectionLost` when the client went away.
        """

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
    body_type: type = Attribute("The class that the request's body is decoded into: of attrs, or a msgspec.Struct.")

    def dispatch(request: IRequest, resolution: IResolution) -> Awaitable[None] | None:
        """Answer `request` through `resolution`.

        May be a plain method, return a Deferred or be `async`. A raised
        refusal is the answer; any other exception is logged and answered
        INTERNAL (50). Ending without an answer is answered INTERNAL too.
        """


class IPathLocking(Interface):
    """A dispatcher that also provides this lets its requests overlap others of the same connection.

    Without it a request waits for all earlier requests, and all later ones wait for it.
    """

    def path_lock(body: Any) -> PathLock:
        """The paths that a request with this body reads or changes. Must not block; may raise a refusal."""


__all__ = [
    "BatchWrite",
    "ChangedNames",
    "FileContent",
    "HashNeeded",
    "IAccount",
    "IConnection",
    "IConnections",
    "IDispatcher",
    "IDraft",
    "IFileDraft",
    "IFileStream",
    "IFiles",
    "IFrontEnd",
    "IFrontEndFactory",
    "IHistory",
    "IIncomingPayload",
    "ILogin",
    "ILoginService",
    "IOpenFile",
    "IPathLocking",
    "IPayload",
    "IRequest",
    "IResolution",
    "IScopedStore",
    "IServerContext",
    "IShareLinks",
    "IShownFrontEnd",
    "IStore",
    "IStoreFactory",
    "IStoreHealth",
    "IUpload",
    "IWebFrontEnd",
    "IWholePayload",
    "IWorkers",
    "ListingPage",
    "PathLock",
    "ResumePoint",
    "SpaceReport",
    "StoreOptions",
    "UnrecordedChanges",
    "Version",
    "WriteRequest",
    "guest",
    "is_guest",
]
