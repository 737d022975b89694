"""A known server for programs that use asyncio: the methods of `RemoteClient`, each as a coroutine of asyncio."""

from __future__ import annotations

import asyncio
from functools import wraps
from types import TracebackType
from typing import (
    Any,
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Concatenate,
    Coroutine,
    Generator,
    ParamSpec,
    TypeVar,
)

from twisted.internet.defer import Deferred

from homeftp.client.aio.bridge import loop_reactor, wait_for
from homeftp.client.opening.remote import RemoteClient
from homeftp.client.opening.remote import open_remote as open_with_twisted
from homeftp.model import Entry
from homeftp.wire.messages import MetaData

P = ParamSpec("P")
T = TypeVar("T")


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


def _awaited(
    method: Callable[Concatenate[RemoteClient, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[AsyncioClient, P], Coroutine[Any, Any, T]]:
    """A method of `RemoteClient` as a coroutine of asyncio, with the same parameters and docstring."""

    @wraps(method)
    async def awaited(self: AsyncioClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await wait_for(method(self.client, *args, **kwargs))

    return awaited


def _iterated(
    method: Callable[Concatenate[RemoteClient, P], AsyncIterator[T]],
) -> Callable[Concatenate[AsyncioClient, P], AsyncIterator[T]]:
    """A method of `RemoteClient` that gives parts, as an iterator of asyncio; otherwise as `_awaited`."""

    @wraps(method)
    def iterated(self: AsyncioClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return _each(method(self.client, *args, **kwargs))

    return iterated


class AsyncioClient:
    """A connection to a known server, which `open_remote` makes.

    Each method does what the method of this name does in `RemoteClient` and `Client`, and raises the same. A task
    that is cancelled in one leaves each file old or new; the next transfer continues a large one.
    """

    def __init__(self, client: RemoteClient) -> None:
        self.client = client
        """The client for Twisted. `wait_for` awaits those of its methods that this class does not have."""

    upload = _awaited(RemoteClient.upload)
    sync = _awaited(RemoteClient.sync)
    download = _awaited(RemoteClient.download)
    compare = _awaited(RemoteClient.compare)

    cmp = _awaited(RemoteClient.cmp)
    set_metadata = _awaited(RemoteClient.set_metadata)
    make_directory = _awaited(RemoteClient.make_directory)
    remove = _awaited(RemoteClient.remove)
    move = _awaited(RemoteClient.move)
    restore = _awaited(RemoteClient.restore)

    list = _iterated(RemoteClient.list)
    usage = _iterated(RemoteClient.usage)
    versions = _iterated(RemoteClient.versions)
    restore_tree = _iterated(RemoteClient.restore_tree)
    prune = _iterated(RemoteClient.prune)
    verify = _iterated(RemoteClient.verify)
    watch = _iterated(RemoteClient.watch)

    close = _awaited(RemoteClient.close)

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

    async def __aenter__(self) -> AsyncioClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class AsyncioOpening:
    """The result of `open_remote`: to be awaited, or a context manager that closes the client at its end."""

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
