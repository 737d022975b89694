"""A known server for programs that use asyncio: the methods of `RemoteClient`, each as a coroutine of asyncio."""

from __future__ import annotations

import asyncio
import os
from types import TracebackType
from typing import AsyncGenerator, AsyncIterator, Callable, Generator, Sequence, TypeVar

from twisted.internet.defer import Deferred

from homeftp.client.aio.bridge import loop_reactor, wait_for
from homeftp.client.connection.replies import Comparison
from homeftp.client.manage.usage import FolderUsage
from homeftp.client.opening.remote import LocalPaths, RemoteClient
from homeftp.client.opening.remote import open_remote as open_with_twisted
from homeftp.client.opening.summary import TransferSummary
from homeftp.client.selection import DEFAULT_SELECTION, Selection
from homeftp.client.transfer.observer import TransferObserver
from homeftp.model import Entry, ListingPage, TreeProgress, Verification, Version
from homeftp.wire.messages import MetaData

T = TypeVar("T")


class AsyncioClient:
    """A connection to a known server, which `open_remote` makes.

    Each method does what the method of this name does in `RemoteClient` and `Client`, and raises the same. A task
    that is cancelled in one leaves each file old or new; the next transfer continues a large one.
    """

    def __init__(self, client: RemoteClient) -> None:
        self.client = client
        """The client for Twisted. `wait_for` awaits those of its methods that this class does not have."""

    async def upload(
        self,
        sources: LocalPaths,
        target: str,
        *,
        force: bool = False,
        reread: bool = False,
        ignore_existing: bool = False,
        dry_run: bool = False,
        selection: Selection = DEFAULT_SELECTION,
        delete: bool = False,
        max_delete: int | None = None,
        perms: bool = False,
        observer: TransferObserver | None = None,
    ) -> TransferSummary:
        """Send local files, and folders with everything in them, to the path `target` on the server."""
        return await wait_for(
            self.client.upload(
                sources,
                target,
                force=force,
                reread=reread,
                ignore_existing=ignore_existing,
                dry_run=dry_run,
                selection=selection,
                delete=delete,
                max_delete=max_delete,
                perms=perms,
                observer=observer,
            )
        )

    async def download(
        self,
        sources: str | Sequence[str],
        target: str | os.PathLike[str],
        *,
        force: bool = False,
        reread: bool = False,
        ignore_existing: bool = False,
        dry_run: bool = False,
        selection: Selection = DEFAULT_SELECTION,
        delete: bool = False,
        max_delete: int | None = None,
        perms: bool = False,
        observer: TransferObserver | None = None,
    ) -> TransferSummary:
        """Fetch files of the server, and folders with everything in them, to the local path `target`."""
        return await wait_for(
            self.client.download(
                sources,
                target,
                force=force,
                reread=reread,
                ignore_existing=ignore_existing,
                dry_run=dry_run,
                selection=selection,
                delete=delete,
                max_delete=max_delete,
                perms=perms,
                observer=observer,
            )
        )

    async def compare(
        self,
        local: str | os.PathLike[str],
        remote: str,
        *,
        perms: bool = False,
        reread: bool = False,
        selection: Selection = DEFAULT_SELECTION,
        observer: TransferObserver | None = None,
    ) -> TransferSummary:
        """Compare a local file or folder with the server's: `TransferSummary.same` is the answer."""
        return await wait_for(
            self.client.compare(local, remote, perms=perms, reread=reread, selection=selection, observer=observer)
        )

    async def read(self, rel_endpoint: str, *, limit: int) -> bytes:
        """The whole content of a file, verified, of at most `limit` bytes: it is held in memory.

        Raises what `Client.get` and `Download.read_all` raise: `TooLarge` (22) for a larger file, which is one for
        `download`.
        """

        async def read() -> bytes:
            download = await self.client.get(rel_endpoint)
            return await download.read_all(limit)

        return await wait_for(read())

    async def push(
        self, rel_endpoint: str, content: bytes, *, meta_data: MetaData | None = None, if_hash: str | None = None
    ) -> Entry:
        """Store a file with this content at an endpoint; it is durable when this returns."""
        return await wait_for(self.client.push(rel_endpoint, content, meta_data=meta_data, if_hash=if_hash))

    async def cmp(
        self,
        rel_endpoint: str,
        *,
        hash: str | None = None,
        meta_data: MetaData | None = None,
        content_digest: str | None = None,
        full_digest: str | None = None,
        progress: Callable[[TreeProgress], object] | None = None,
    ) -> Comparison:
        """Compare what exists at an endpoint with what is given: `hash`, `meta_data`, or the digests of a directory."""
        comparing = self.client.cmp(
            rel_endpoint,
            hash=hash,
            meta_data=meta_data,
            content_digest=content_digest,
            full_digest=full_digest,
            progress=progress,
        )
        return await wait_for(comparing)

    async def set_metadata(self, rel_endpoint: str, meta_data: MetaData, *, if_hash: str | None = None) -> Entry:
        """Set `mtime_us` or `mode`, or both, of a file or directory; its content stays."""
        return await wait_for(self.client.set_metadata(rel_endpoint, meta_data, if_hash=if_hash))

    async def make_directory(
        self, rel_endpoint: str, *, meta_data: MetaData | None = None, if_hash: str | None = None
    ) -> Entry:
        """Make a directory and its parents, and set its metadata, also where it exists."""
        return await wait_for(self.client.make_directory(rel_endpoint, meta_data=meta_data, if_hash=if_hash))

    async def remove(self, rel_endpoint: str, *, if_hash: str | None = None, recursive: bool = False) -> int:
        """Remove a file or directory; returns the number of files and directories that were removed."""
        return await wait_for(self.client.remove(rel_endpoint, if_hash=if_hash, recursive=recursive))

    async def move(self, rel_endpoint: str, to: str, *, if_hash: str | None = None, if_to: str | None = None) -> Entry:
        """Give a file, or a directory with everything in it, another endpoint; nothing is sent again."""
        return await wait_for(self.client.move(rel_endpoint, to, if_hash=if_hash, if_to=if_to))

    async def restore(self, rel_endpoint: str, *, at: int | None = None, if_hash: str | None = None) -> Entry:
        """Restore the version that was replaced at the time `at` (microseconds since 1970 UTC), or the newest."""
        return await wait_for(self.client.restore(rel_endpoint, at=at, if_hash=if_hash))

    def list(self, rel_endpoint: str = "", *, recursive: bool = False) -> AsyncIterator[ListingPage]:
        """The entries in a directory, page by page; with `recursive` all below it."""
        return _each(self.client.list(rel_endpoint, recursive=recursive))

    def usage(self, rel_endpoint: str = "") -> AsyncIterator[FolderUsage]:
        """What each directory at and beneath an endpoint holds; one follows those in it, the endpoint is last."""
        return _each(self.client.usage(rel_endpoint))

    def versions(self, rel_endpoint: str = "") -> AsyncIterator[Sequence[Version]]:
        """The versions kept for an endpoint and everything below it, page by page."""
        return _each(self.client.versions(rel_endpoint))

    def verify(self, rel_endpoint: str = "") -> AsyncIterator[Verification]:
        """Have the server read everything at an endpoint and beneath it again; what each of its steps has found."""
        return _each(self.client.verify(rel_endpoint))

    async def close(self) -> None:
        """Cancel transfers that still run, and close the connection. May be called twice."""
        await wait_for(self.client.close())

    async def __aenter__(self) -> AsyncioClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


async def _each(parts: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """The same parts, for asyncio."""

    async def step() -> T | None:
        return await anext(parts, None)

    try:
        while (part := await wait_for(step())) is not None:
            yield part
    finally:
        if isinstance(parts, AsyncGenerator):
            await wait_for(parts.aclose())


class AsyncioOpening:
    """What `open_remote` returns: to be awaited, or a context manager that closes the client at its end."""

    def __init__(self, name: str, folder: str | None, notify: Callable[[str], None], bandwidth: float | None) -> None:
        self._name = name
        self._bandwidth = bandwidth
        self._folder = folder
        self._notify = notify
        self._client: AsyncioClient | None = None

    async def _open(self) -> AsyncioClient:
        opening = open_with_twisted(
            self._name,
            reactor=await loop_reactor(),
            folder=self._folder,
            notify=self._notify,
            bandwidth=self._bandwidth,
        )
        try:
            return AsyncioClient(await wait_for(opening))
        except asyncio.CancelledError:
            opening.addCallback(_close)
            raise

    def __await__(self) -> Generator[object, None, AsyncioClient]:
        """The client, when it has logged in; close it at the end."""
        return self._open().__await__()

    async def __aenter__(self) -> AsyncioClient:
        """The client, when it has logged in; the end of the block closes it."""
        self._client = await self._open()
        return self._client

    async def __aexit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()


def _close(client: RemoteClient | None) -> Deferred[None] | None:
    """Close a connection that was made although the task was cancelled; None: it was not made."""
    return None if client is None else Deferred.fromCoroutine(client.close())


def open_remote(
    name: str,
    *,
    folder: str | None = None,
    notify: Callable[[str], None] = lambda message: None,
    bandwidth: float | None = None,
) -> AsyncioOpening:
    """Connect to the server that the command line knows as `name`, and log in as this device.

        async with aio.open_remote("nas") as nas:
            await nas.upload("Photos", "Photos")

    Without `async with`, await the result, and await `close` at the end. The parameters and the errors are those of
    `homeftp.client.open_remote`; besides, `WrongReactor` is raised where Twisted's reactor in this process does not run
    on this event loop.
    """
    return AsyncioOpening(name, folder, notify, bandwidth)
