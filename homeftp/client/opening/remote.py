"""Opening a server that this machine knows, for programs: requests, and transfers of files and folders.

The command line shares `TransferResources` with it, and transfers over the one
connection that a command has; here each transfer has a connection of its own.
"""

from __future__ import annotations

import functools
import os
import time
from types import TracebackType
from typing import Any, AsyncIterator, Awaitable, Callable, Coroutine, Sequence, TypeVar, cast

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from homeftp.client.api import Client
from homeftp.client.errors import ConnectionFailed
from homeftp.client.known.dialing import IClientReactor, connect_remote
from homeftp.client.known.remotes import FOLDER_VARIABLE, Remotes, client_folder, hash_cache_path, seen_path, sync_path
from homeftp.client.manage.usage import FolderUsage, folder_usage
from homeftp.client.opening.resources import TransferResources
from homeftp.client.opening.summary import SummaryObserver, SyncSummary, TransferIncomplete, TransferSummary
from homeftp.client.reconnector import Reconnector
from homeftp.client.selection import DEFAULT_SELECTION, Selection
from homeftp.client.sync.archive import SyncArchive
from homeftp.client.sync.model import Direction, Preference, SyncOptions, SyncPlan
from homeftp.client.transfer.model import TransferContext, TransferOptions
from homeftp.client.transfer.observer import TransferObserver
from homeftp.host import own_name

LocalPaths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""One local path, or several."""

Summary = TypeVar("Summary", bound=TransferSummary)

_Work = Callable[[Client, TransferContext, TransferObserver], Coroutine[Any, Any, None]]


class RemoteClient(Client):
    """A connection to a known server, which `open_remote` makes: the requests of `Client`, and transfers.

    Each transfer has a connection of its own, and reconnects as the command line does when the connection is lost.
    Several transfers may run at the same time, beside other requests; cancelling one does not affect the others.
    If some files cannot be transferred, it transfers all others and then raises `TransferIncomplete`.
    """

    def __init__(
        self,
        connected: Client,
        reconnector: Callable[[], Reconnector],
        context: Callable[[], Awaitable[TransferContext]],
        release: Callable[[], Awaitable[None]],
        archive: Callable[[], SyncArchive],
    ) -> None:
        """A transfer connects with a new `reconnector()`, and works with the `context()`. The end calls `release`.

        `archive` opens what is remembered of syncs; it blocks.
        """
        super().__init__(connected.protocol, connected.address, connected.fingerprint)
        self.server_info = connected.server_info
        self._reconnector = reconnector
        self._context = context
        self._release = release
        self._archive = archive
        self._running: dict[Deferred[None], Deferred[None]] = {}
        """The transfers that run; each with what fires when it has ended."""
        self._closed = False

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
        """Send local files, and folders with everything in them, to the path `target` on the server.

        Paths mean what they mean to `homeftp push -r`, and so do the options. Files that are the same are not sent. The
        callbacks of `observer` are called on the way.

        Raises `TransferIncomplete`; before anything is sent, `OperatorError` for paths that are not valid, `WrongKind`
        (43) and `Forbidden` (33); and `ConnectionFailed` if the server is not reached, or a lost connection is not
        restored within ten minutes.
        """
        from homeftp.client.plan.push import push

        options = TransferOptions(
            recursive=True,
            force=force,
            reread=reread,
            perms=perms,
            ignore_existing=ignore_existing,
            dry_run=dry_run,
            selection=selection,
            delete=delete,
            max_delete=max_delete,
        )
        summary = await self._transfer(
            lambda client, context, progress: push(client, context, _paths(sources), target, options, progress),
            observer,
        )
        return _complete(summary)

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
        as_of: int | None = None,
        observer: TransferObserver | None = None,
    ) -> TransferSummary:
        """Fetch files of the server, and folders with everything in them, to the local path `target`.

        With `as_of` (microseconds since 1970 UTC) it is what was there at that time. The rest is as in `upload`;
        `NotFound` (40) is raised for a source that does not exist.
        """
        from homeftp.client.plan.get import get

        options = TransferOptions(
            recursive=True,
            force=force,
            reread=reread,
            as_of=as_of,
            perms=perms,
            ignore_existing=ignore_existing,
            dry_run=dry_run,
            selection=selection,
            delete=delete,
            max_delete=max_delete,
        )
        named = [sources] if isinstance(sources, str) else sources
        summary = await self._transfer(
            lambda client, context, progress: get(client, context, named, os.fspath(target), options, progress),
            observer,
        )
        return _complete(summary)

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
        """Compare a local file or folder with the server's: `TransferSummary.same` is the answer.

        Nothing is transferred or changed. With `perms` the modes of folders count too; with `reread` both sides read
        all files again, whatever they remember. Raises `OperatorError` where nothing exists at the local path,
        `Forbidden` (33), and `ConnectionFailed` as in `upload`.
        """
        from homeftp.client.plan.cmp import cmp

        return await self._transfer(
            lambda client, context, progress: cmp(
                client, context, os.fspath(local), remote, progress, perms=perms, reread=reread, selection=selection
            ),
            observer,
        )

    async def sync(
        self,
        folder: str | os.PathLike[str],
        remote: str,
        *,
        direction: Direction = Direction.BOTH,
        prefer: Preference | None = None,
        merge: bool = False,
        dry_run: bool = False,
        selection: Selection = DEFAULT_SELECTION,
        max_delete: int | None = None,
        start_over: bool = False,
        expected: SyncPlan | None = None,
        observer: TransferObserver | None = None,
    ) -> SyncSummary:
        """Make a local folder and the server's directory `remote` agree, as `homeftp sync -y` does.

        With `dry_run` nothing is changed, and the summary has the plan. With `expected` exactly that plan is carried
        out: where something has changed since, nothing is. What was agreed on is remembered for the command line, too.

        Raises `TransferIncomplete`, also for files that wait for a person; `OperatorError` where the plan may not be
        carried out, where another sync works on the folder, and where the library for `merge` is missing; `WrongKind`
        (43), `Forbidden` (33), and `ConnectionFailed` as in `upload`.
        """
        from homeftp.client.sync.merge.texts import require_merge_library
        from homeftp.client.sync.run import SyncRequest, run_sync

        if merge:
            require_merge_library()
        request = SyncRequest(
            os.fspath(folder),
            remote,
            options=SyncOptions(direction, prefer, own_name(), time.strftime("%Y-%m-%d"), merge),
            selection=selection,
            dry_run=dry_run,
            max_delete=max_delete,
            start_over=start_over,
            expected=expected,
        )
        plans: list[SyncPlan] = []

        async def work(client: Client, context: TransferContext, progress: TransferObserver) -> None:
            archive = await context.workers.run_unbounded(self._archive)
            try:
                plans.append((await run_sync(client, context, archive, request, progress)).plan)
            finally:
                await context.workers.run_unbounded(archive.close)

        done = await self._transfer(work, observer)
        return _complete(SyncSummary(done.counts, done.bytes_moved, done.problems, plans[0]))

    def usage(self, rel_endpoint: str = "") -> AsyncIterator[FolderUsage]:
        """The usage of each directory at and beneath an endpoint; one follows those in it, the endpoint itself is last.

        Raises `NotFound` (40) and `Forbidden` (33).
        """
        return folder_usage(self, rel_endpoint)

    async def _transfer(self, work: _Work, observer: TransferObserver | None) -> TransferSummary:
        if self._closed:
            raise ConnectionFailed("this client was closed: open the remote again")
        progress = SummaryObserver(observer or TransferObserver(on_same=lambda files: None))
        running = Deferred.fromCoroutine(self._connect_and(work, progress))
        self._running[running] = Deferred()
        try:
            await running
        finally:
            self._running.pop(running).callback(None)
        return progress.summary()

    async def _connect_and(self, work: _Work, progress: TransferObserver) -> None:
        reconnector = self._reconnector()
        try:
            client = await reconnector.connect()
            context = await self._context()
            await work(client, attrs.evolve(context, reconnector=reconnector), progress)
        finally:
            await reconnector.close()

    async def close(self) -> None:
        """Cancel transfers that still run, and close the connection. May be called twice."""
        if self._closed:
            return
        self._closed = True
        running = dict(self._running)
        for transfer in running:
            transfer.cancel()
        for ended in running.values():
            await ended
        await super().close()
        await self._release()

    async def __aenter__(self) -> RemoteClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def _paths(given: LocalPaths) -> list[str]:
    return [os.fspath(each) for each in ([given] if isinstance(given, str | os.PathLike) else given)]


def _complete(summary: Summary) -> Summary:
    if summary.problems:
        raise TransferIncomplete(summary)
    return summary


class RemoteOpening(Deferred[RemoteClient]):
    """The result of `open_remote`: a Deferred of the client, and a context manager that closes it at its end."""

    def __init__(self, opening: Deferred[RemoteClient]) -> None:
        super().__init__(lambda _: opening.cancel())
        self._client: RemoteClient | None = None
        opening.addCallbacks(self._opened, self._failed)

    def _opened(self, client: RemoteClient) -> None:
        if self.called:  # it was cancelled too late
            Deferred.fromCoroutine(client.close())
        else:
            self.callback(client)

    def _failed(self, failure: Failure) -> None:
        if not self.called:
            self.errback(failure)

    async def __aenter__(self) -> RemoteClient:
        """The client, when it has logged in; the end of the block closes it."""
        self._client = await self
        return self._client

    async def __aexit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()


def open_remote(
    name: str,
    *,
    reactor: IClientReactor | None = None,
    folder: str | None = None,
    notify: Callable[[str], None] = lambda message: None,
    bandwidth: float | None = None,
) -> RemoteOpening:
    """Connect to the server that the command line knows as `name`, and log in as this device.

        async with open_remote("nas") as nas:
            await nas.upload("Photos", "Photos")

    Without `async with`, await the result, or add callbacks to it, and call `close` at the end. All addresses of the
    server are tried, as the command line does. `reactor` is Twisted's own unless it is given; `folder` is the client's
    folder, by default `$HOMEFTP_HOME` or the platform's. `notify` is called with a message for people when the
    connection is lost during a transfer, and when it is made again. Each connection sends and receives at most
    `bandwidth` bytes a second; None: as fast as it goes.

    Fails with `OperatorError` where no server has this name, `ConnectionFailed` where the server is not reached (at
    several addresses: `AllAddressesFailed`), `UntrustedServer` (at several addresses: `NoTrustedServer`) where another
    server answers, before anything is sent to it, `LoginFailed` (32) where this device is no longer paired, and `Busy`
    (51).
    """
    if reactor is None:
        from twisted.internet import reactor as installed

        reactor = cast(IClientReactor, installed)
    return RemoteOpening(Deferred.fromCoroutine(_open(reactor, name, folder, notify, bandwidth)))


async def _open(
    reactor: IClientReactor, name: str, folder: str | None, notify: Callable[[str], None], bandwidth: float | None
) -> RemoteClient:
    environ = os.environ if folder is None else {FOLDER_VARIABLE: folder}
    remotes = Remotes(client_folder(environ))
    cache, seen = hash_cache_path(environ), seen_path(environ)

    connect = functools.partial(connect_remote, reactor, remotes, name, bandwidth=bandwidth)

    def reconnector() -> Reconnector:
        return Reconnector(reactor, connect, notify=notify)

    connected = await connect()
    resources = TransferResources(reactor, cache, seen)
    archive = functools.partial(SyncArchive, sync_path(environ))
    return RemoteClient(connected, reconnector, resources.context, resources.close, archive)
