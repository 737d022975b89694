"""The contract between the files of an account and everything that serves them: dispatchers and other front ends.

Nothing here blocks and nothing here knows a protocol. Methods are called on the reactor's thread and raise the refusals
of `homeftp.errors`; where a docstring names none, they are those of the `IStore` method of the same name.

Cancelling a call, or the coroutine that waits for one, ends only the wait. A job that a worker has been given still
runs: a change may be made, and a file, a draft or an upload that the job opens is closed.
"""

from __future__ import annotations

from typing import AsyncGenerator, AsyncIterator, Awaitable, Callable, NamedTuple, Protocol, Sequence, TypeVar

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from homeftp.endpoint import Endpoint
from homeftp.errors import Refusal
from homeftp.history.changes import PruneStep, RestoreStep
from homeftp.interfaces.usage import SpaceReport
from homeftp.model import (
    Capabilities,
    Entry,
    ListingPage,
    ResumePoint,
    TreeDigest,
    TreeProgress,
    Verification,
    Version,
    WriteRequest,
)


class IPayload(Interface):
    """Bytes on their way: those that follow a request, or those that follow a response. Readable once."""

    size: int = Attribute("How many bytes there are in all.")

    def read() -> Awaitable[bytes]:
        """The next piece, of at most `config.STREAM_PIECE` bytes; b"" after the last. Called again when it is there.

        Raises what ended the stream early: `TimedOut` (53) when the peer
        stalled, `twisted.internet.error.ConnectionLost` when it disconnected.
        """

    def read_all(limit: int) -> Awaitable[bytes]:
        """The whole payload; raises `TooLarge` (22), naming the limit, when `size` is over `limit`."""


class IWholePayload(IPayload):
    """A payload that has arrived already, as small ones have."""

    content: bytes = Attribute("What has not been read yet.")


class IIncomingPayload(IPayload):
    """A payload that a front end receives: it delivers what arrives, and `IFiles.upload` reads.

    What is held of it is part of the memory that all streams of the server share. `IServerContext.payload` makes one.
    An upload ends it, whatever comes of it. Call `discard` for one that is given to none: its memory is free then.
    """

    missing: int = Attribute("Bytes that have not arrived yet.")
    full: bool = Attribute("Whether to read nothing from the client: it holds as much as it may.")

    def deliver(data: bytes) -> None:
        """Take the next bytes; never more than are missing."""

    def fail(reason: Exception) -> None:
        """No more will come: the reader gets `reason` behind what has arrived, such as `ConnectionLost`."""

    def discard() -> None:
        """Forget what was not read, and what still arrives. May be called twice, and after the end."""


class IFileStream(Interface):
    """A file that is open for reading. Close it in a `finally`.

    Its calls may be made without waiting for earlier ones: they are carried out
    one after another. `close_verified` and `close` end it, behind what was asked for
    before; after them only `close` may be called. A hash that is being read
    step by step is ended by `close`. Reading raises `Forbidden` (33) once
    access is known to be revoked.
    """

    entry: Entry = Attribute("The file when it was opened; with its hash once that is known.")

    def hash(cancelled: Callable[[], bool] = ...) -> Awaitable[str]:
        """The hash of the file: known, or read step by step.

        Raises `Changed` (44) when the file changes meanwhile, and
        `twisted.internet.error.ConnectionLost` once `cancelled()` is true.
        """

    def read(offset: int, length: int) -> Awaitable[bytes]:
        """Up to `length` bytes at `offset`, fewer only at the end.

        Raises `Changed` (44) when the file got shorter, and `TooLarge` (22)
        where `length` is over `config.STREAM_PIECE`.
        """

    def payload(offset: int, length: int) -> IPayload | bytes:
        """The `length` bytes at `offset`, to be sent; they must not pass the end. One payload at a time."""

    def close_verified(cancelled: Callable[[], bool] = ...) -> Awaitable[Entry]:
        """End the reading; the entry, with the hash where it is known or all was read as one payload.

        Raises `Changed` (44) when the file is no longer what was opened.
        """

    def close() -> Awaitable[None]:
        """Close the file. May be called twice, and after `close_verified`."""


class IFileDraft(Interface):
    """A file's content that can be read and written at any offset before it is committed; as `IDraft`.

    Calls are carried out in the order in which they are made, one after
    another; a caller need not wait for one before it makes the next. Where a
    change fails, whatever the reason, all later changes and `commit` fail with
    the same exception: a draft that lacks a change is never committed. End it
    with `commit` or `abort`. No call takes or gives more than
    `config.STREAM_PIECE` bytes: more raises `TooLarge` (22).
    """

    size: int = Attribute("Bytes of the draft now.")

    def read(offset: int, length: int) -> Awaitable[bytes]:
        """Up to `length` bytes of the draft at `offset`, fewer only at its end."""

    def write(offset: int, data: bytes) -> Awaitable[None]:
        """Replace or append bytes at `offset`; a gap behind the end reads as zeros."""

    def truncate(size: int) -> Awaitable[None]:
        """Cut the draft to `size` bytes, or extend it with zeros."""

    def commit(*, mtime_us: int | None = ..., mode: int | None = ...) -> Awaitable[Entry]:
        """Put the draft in place, durably, with this mtime and mode. Where it fails the draft is aborted."""

    def abort() -> Awaitable[None]:
        """Discard the draft. May be called twice, and does nothing after `commit`."""


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class BatchWrite(NamedTuple):
    """One of many small files to write, or directories to make, together."""

    request: WriteRequest
    content: bytes | None
    """None: a directory."""


class FileContent(NamedTuple):
    """A small file that was read as one of many."""

    entry: Entry
    """With its hash."""
    content: bytes


class ChangedNames(NamedTuple):
    """The changes at an endpoint that is watched, and beneath it."""

    names: Sequence[str]
    """Relative to the endpoint; "" is that itself. Of a directory everything beneath it may have changed."""
    anything: bool = False
    """Whether anything else may have changed too: there was more than is kept."""


class AsyncPages(Protocol[T_co]):
    """Pages, for `async for`. Who may not read them to the end calls `aclose` in a `finally`."""

    def __aiter__(self) -> AsyncIterator[T_co]:
        """Itself."""

    def __anext__(self) -> Awaitable[T_co]:
        """The next page."""

    async def aclose(self) -> None:
        """Release what the store holds for the pages that were not read. May be called twice, and after the last."""


class IFiles(Interface):
    """The files of one account, as one login sees and changes them.

    - Small calls of many requests, from any connection, reach the store together.
    - Every change is refused with `Forbidden` (33) once access was revoked, also one that was asked for before.
    - So is reading, once the server has noticed that (`ILogin.revoked`).
    - Every change is recorded as made by the login's `Actor`, whatever `WriteRequest.actor` says;
      one that is refused is recorded before that is raised (`ILogin.files`), within a limit.
    - `Busy` (51) is raised when the pool's queue is full.
    """

    capabilities: Capabilities = Attribute("What the store can do.")
    read_only: str | None = Attribute("Why nothing can be changed; None where it can be.")

    def stat(endpoint: Endpoint, hashed: bool = True) -> Awaitable[Entry | None]:
        """The entry at an endpoint, with its hash where that is known without reading; None where nothing exists.

        If `hashed` is False the entry may lack a known hash, and the mark of a damaged file: that costs less.
        """

    def is_new(endpoint: Endpoint) -> bool:
        """Whether it is known at once that nothing has this name, nor a name that is too similar for a new file.

        For a change that follows, which checks it again. Raises `Forbidden` (33).
        """

    def stat_with_resume(
        endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None
    ) -> Awaitable[tuple[Entry | None, ResumePoint | None]]:
        """`stat`, and how much of the content described arrived there earlier (`IStore.resume_point`)."""

    def hash(endpoint: Endpoint, cancelled: Callable[[], bool] = ...) -> Awaitable[Entry]:
        """The entry of a file, with its hash, which is read where it is not known; as `IFileStream.hash`."""

    def open(endpoint: Endpoint, as_of_us: int | None = None, hashed: bool = True) -> Awaitable[IFileStream]:
        """Open a file for reading; with a time (microseconds since 1970 UTC) what was at the endpoint then.

        For a time it raises `WrongKind` (43) also where nothing was there: `list` tells whether a directory was.
        `Forbidden` (33) where the store keeps no versions.
        """

    def read(endpoint: Endpoint, limit: int) -> Awaitable[bytes]:
        """All of a file that is small enough to be held in memory.

        Raises `NotFound` (40), `WrongKind` (43), `FiletypeNotAllowed` (42),
        `TooLarge` (22) for more than `limit` bytes, which is at most
        `config.STREAM_PIECE`, and `Changed` (44) when the file was changed
        meanwhile.
        """

    def list(endpoint: Endpoint, recursive: bool = False, as_of_us: int | None = None) -> AsyncPages[ListingPage]:
        """The entries of a directory, page by page; with a time (microseconds since 1970 UTC) those that it had then.

        Raises `NotFound` (40) for a time at which nothing was there. The earlier entries of a directory that does not
        exist any more have no time and no mode.
        """

    def tree_digest(
        endpoint: Endpoint, cancelled: Callable[[], bool] = ...
    ) -> AsyncGenerator[TreeProgress | TreeDigest, None]:
        """The digests of a directory and of everything beneath it that the account sees, for `async for`.

        Gives a `TreeProgress` from time to time, and the `TreeDigest` last. Files whose hash is not known are read.
        What changes meanwhile may or may not show. Raises `NotFound` (40), `WrongKind` (43), `Changed` (44) for a file
        that keeps changing, and `twisted.internet.error.ConnectionLost` once `cancelled()` is true.
        """

    def versions(endpoint: Endpoint) -> AsyncPages[Sequence[Version]]:
        """The versions of what was at an endpoint and beneath it, page by page."""

    def verify(endpoint: Endpoint) -> AsyncPages[Verification]:
        """Read everything at an endpoint and beneath it again, step by step, as `IStore.verify`."""

    def watch(endpoint: Endpoint) -> AsyncPages[ChangedNames]:
        """The changes at an endpoint and beneath it from now on, by any program, until it is closed.

        The endpoint need not exist. Names that the account may not see are left out. Some changes may not be noticed:
        who has to know all compares from time to time. Raises `Busy` (51) where the account, or the server, has too
        many watches. To wait for the next raises `Forbidden` (33) once access was revoked, and `ShuttingDown` (54).
        """

    def space() -> Awaitable[SpaceReport]:
        """The space that is left, and the space in use."""

    def write(request: WriteRequest, content: bytes) -> Deferred[Entry]:
        """Write a file of at most `config.SMALL_FILE` bytes; durable together with others (`IStore.write_many`).

        Raises `TooLarge` (22) for more.
        """

    def write_batch(decode: Callable[[int], Sequence[BatchWrite | Refusal]]) -> Deferred[Sequence[Entry | Exception]]:
        """Write small files, and make directories, in the order of what `decode` returns; a result for each.

        `decode` is called in the pool, with the most that it may return, and what it raises is raised. A `Refusal` in
        it stays one. Each file is atomic, and durable together with the others, as with `write`. Like a part of an
        upload, this is never refused as busy.
        """

    def read_batch(
        endpoints: Sequence[Endpoint], encode: Callable[[Sequence[FileContent | Exception]], T]
    ) -> AsyncPages[T]:
        """Read small files, as many at a time as memory allows.

        Gives what `encode` returns, which is called in the pool with a result for each of the next files, in order. A
        file of more than `config.SMALL_FILE` bytes is a `TooLarge` (22).
        """

    def upload(
        request: WriteRequest,
        payload: IPayload,
        progress: Callable[[int], Awaitable[None]] | None = None,
        trailing_hash: Callable[[], str | None] | None = None,
    ) -> Awaitable[Entry]:
        """Write a file of any size as it arrives, no faster than the store takes it.

        A front end makes the payload with `IServerContext.payload`, which bounds what is held of it; what is not read
        of such a payload is discarded.
        `progress` is called, while what arrived earlier is verified
        (`request.offset`), how many bytes of it have been. `trailing_hash`
        gives, once all was read, the hash that followed the content. An upload
        that ends early (`ConnectionLost`, `TimedOut`, `Busy`) can be resumed;
        of one that is cancelled nothing is kept.
        """

    def edit(request: WriteRequest) -> Awaitable[IFileDraft]:
        """Begin to change a file's content at any offset; with `request.empty` without what it has now."""

    def make_directory(request: WriteRequest) -> Awaitable[Entry]:
        """Make a directory and its parents; where it exists, give it the request's mtime and mode."""

    def set_metadata(
        endpoint: Endpoint, *, mtime_us: int | None, mode: int | None, precondition: str | None = None
    ) -> Awaitable[Entry]:
        """Change mtime (microseconds since 1970 UTC) and mode of a file or a directory; None leaves the value."""

    def copy(
        source: Endpoint,
        target: Endpoint,
        *,
        source_precondition: str | None = None,
        target_precondition: str | None = None,
    ) -> Awaitable[Entry]:
        """Copy a file's content, mtime and mode."""

    def move(
        source: Endpoint,
        target: Endpoint,
        *,
        source_precondition: str | None = None,
        target_precondition: str | None = None,
    ) -> Awaitable[Entry]:
        """Give a file or a directory another name."""

    def remove(endpoint: Endpoint, precondition: str | None = None, recursive: bool = False) -> Awaitable[int]:
        """Remove a file or a directory, step by step; how many entries were removed."""

    def restore(endpoint: Endpoint, at_us: int | None, precondition: str | None = None) -> Awaitable[Entry]:
        """Put a version back: that of `at_us` (`Version.at_us`), or the newest."""

    def restore_tree(endpoint: Endpoint, as_of_us: int | None, *, dry_run: bool = False) -> AsyncPages[RestoreStep]:
        """Put what was at an endpoint and beneath it back as it was at a time, step by step.

        Without a time (microseconds since 1970 UTC) that is the one right before its last change. What was not there
        then becomes a version. A file that is refused is in the step, and the others are put back. With `dry_run` the
        steps tell what would be done. Raises `NotFound` (40) where nothing was there then, and `Forbidden` (33) where
        the store keeps no versions. Who stops early leaves the rest as it is.
        """

    def prune(
        endpoint: Endpoint, *, before_us: int | None = None, keep: int = 0, dry_run: bool = False
    ) -> AsyncPages[PruneStep]:
        """Remove versions of what is at an endpoint and beneath it for good, step by step; no current file.

        With `before_us` (microseconds since 1970 UTC) only versions that were replaced or removed earlier, and not the
        newest `keep` of each file. With `dry_run` the steps tell what would be removed. Raises `Forbidden` (33) where
        the store keeps no versions.
        """


__all__ = [
    "IFileDraft",
    "IFileStream",
    "IFiles",
    "IIncomingPayload",
    "IPayload",
    "IWholePayload",
]
