"""Where the rooms meet: every interface of homeftp.

Authors of dispatchers need `IDispatcher`, `IRequest`, `IPayload`,
`IResolution` and, for files, `IAccount.share`. The other interfaces join the
server's rooms. Methods raise the refusals of `homeftp.errors`; each says
which. "Blocking" methods are called in the worker pool, never on the
reactor's thread.
"""

from __future__ import annotations

from typing import Any, Awaitable, Callable, Generator, Iterator, Sequence, TypeVar

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from homeftp.endpoint import Endpoint
from homeftp.model import SERVER, Actor, Entry, ListingPage, PathLock, ResumePoint, Version, WriteRequest

T = TypeVar("T")


class IWorkers(Interface):
    """The fixed pool that does everything that blocks."""

    size: int = Attribute("How many threads there are; it never changes.")

    def run(job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` in the pool.

        The Deferred fires with its result or its exception; it fails with
        `Busy` (51) at once when the queue is full. A job that was begun is
        never cancelled.
        """

    def finish(job: Callable[..., T], *args: Any) -> Deferred[T]:
        """`run` for what ends something that was begun, such as closing a file: it is never refused."""


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


class IAccount(Interface):
    """Who is logged in: the avatar of the portal."""

    name: str = Attribute("The account's name, for people and logs.")
    rights: frozenset[str] = Attribute("What it may do at all: some of read, add, replace and delete.")
    share: IStore = Attribute("What the account sees of the files.")


class IStore(Interface):
    """The files of the share. Every method blocks; endpoints are relative to the share's root.

    All raise `FiletypeNotAllowed` (42) for a file whose type is not shared,
    and those that change something `Forbidden` (33) where the share is `read_only`.
    `actor`, and `WriteRequest.actor`, is for the audit log: the share of `IRequest.account` fills it in.
    """

    read_only: str | None = Attribute("Why nothing can be changed, where it is so.")

    def stat(endpoint: Endpoint) -> Entry | None:
        """What stands there, with its hash where the index knows it; None when nothing does."""

    def open(endpoint: Endpoint) -> IOpenFile:
        """A file, to read. Raises `NotFound` (40), `WrongKind` (43)."""

    def open_many(endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
        """`open` for several at once; the `content` of those of at most `inline` bytes is read already."""

    def list(endpoint: Endpoint, recursive: bool) -> Iterator[ListingPage]:
        """A directory's entries, sorted by the bytes of their names, page by page; each step blocks.

        Names are relative to `endpoint`. With `recursive` a directory is
        followed by what it holds. Raises `NotFound` (40), `WrongKind` (43).
        """

    def upload(put: WriteRequest) -> IUpload:
        """Room for a large file, to be written piece by piece, on from `put.offset`.

        Raises `Changed` (44), also where less than `put.offset` bytes of it have
        arrived, `WrongKind` (43), `NoSpace` (52), `TooLarge` (22).
        """

    def resume_point(
        endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None
    ) -> ResumePoint | None:
        """How much of a content for that endpoint has arrived, and may be gone on with; None where nothing may.

        It is told by `hash` where that was declared when it was sent, and
        otherwise by `size` in bytes and `mtime_us` in microseconds.
        """

    def write_many(puts: Sequence[tuple[WriteRequest, bytes]]) -> Sequence[Entry | Exception]:
        """Write small files and make them durable together; one result for each, in order.

        When it returns, each `Entry` survives a power cut.
        """

    def make_directory(put: WriteRequest) -> Entry:
        """Make a directory, and its parents; one that is there gets the metadata. Durable on return."""

    def versions(endpoint: Endpoint) -> Iterator[Sequence[Version]]:
        """What stood there, and at all beneath it, until it was replaced or removed, page by page; each step blocks.

        Those of one file are sorted, the newest first. Names are relative to
        `endpoint`. Raises `Forbidden` (33) for a share that is read-only.
        """

    def restore(endpoint: Endpoint, at_us: int | None, if_hash: str | None, actor: Actor = SERVER) -> Entry:
        """Put the version from `at_us` (microseconds since 1970) in its place, or the newest. Durable on return.

        What stands there becomes a version. Raises `NotFound` (40) where there
        is no such version, `Changed` (44), `WrongKind` (43).
        """

    def remove(
        endpoint: Endpoint, if_hash: str | None, recursive: bool, actor: Actor = SERVER
    ) -> Generator[int, None, None]:
        """Remove a file, or a directory, durably in the end; after each step, which blocks, how many it removed.

        To end it early, close it, which blocks too.

        Every file becomes a version. Raises `NotFound` (40), `Changed` (44), and
        `WrongKind` (43) for a directory that is not empty, unless `recursive`,
        or that holds what is not shared.
        """

    def move(endpoint: Endpoint, to: Endpoint, if_hash: str | None, if_to: str | None, actor: Actor = SERVER) -> Entry:
        """Give a file or a directory another name; a file that has it becomes a version. Durable on return.

        Raises `NotFound` (40), `Changed` (44), `WrongKind` (43), and `Forbidden`
        (33) for what would have to go to another disk.
        """


class IOpenFile(Interface):
    """A file that is being read. Every method blocks."""

    entry: Entry = Attribute("What it was when it was opened; `hash` where the index knows it.")
    content: bytes | None = Attribute("All of it, where it was small enough to be read on opening.")

    def read(offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`. Raises `Changed` (44) at an end that came too early."""

    def digest() -> Iterator[str | None]:
        """Hash it in slices: None after each, and at last its hash, which the index keeps.

        Raises `Changed` (44) when the file changed meanwhile.
        """

    def touched() -> bool:
        """Whether something was done to it since it was opened that need not show in its size and mtime.

        It may only have another name, or somebody has set its mtime back: to hash it again will tell.
        """

    def settle(digest: str | None) -> Entry:
        """Close it and give its entry; `digest`, a hash of all that was read, goes to the index.

        Raises `Changed` (44) when the file is no longer what was opened.
        """

    def close() -> None:
        """Close it, whatever happened. May be called twice."""


class IUpload(Interface):
    """A file on its way in. Every method blocks; nothing appears at its endpoint before `commit`."""

    def check() -> Iterator[int]:
        """Hash what had arrived earlier, in slices: after each, how many bytes were. All of it, before any `write`.

        Raises `Changed` (44) where the disk has not kept it.
        """

    def write(data: bytes) -> None:
        """The next bytes. Raises `ContentMismatch` (45) past the declared size, `NoSpace` (52)."""

    def commit(trailer: str | None = None) -> Entry:
        """Check size and hash, make it durable, and put it in its place.

        `trailer` is the hash that came behind the content, where none was declared before it.

        Raises `ContentMismatch` (45), `Changed` (44), `WrongKind` (43), `NoSpace` (52). When it
        returns, the file survives a power cut; when it raises, the old
        content stands.
        """

    def suspend() -> None:
        """Nothing more comes: what has arrived is kept for a day, where it is worth that; else as `abort`."""

    def abort() -> None:
        """Leave no trace. May be called twice, and after `commit` does nothing."""


__all__ = [
    "IAccount",
    "IDispatcher",
    "IOpenFile",
    "IPathLocking",
    "IPayload",
    "IRequest",
    "IResolution",
    "IStore",
    "IUpload",
    "IWholePayload",
    "IWorkers",
    "ListingPage",
    "PathLock",
    "ResumePoint",
    "Version",
    "WriteRequest",
]
