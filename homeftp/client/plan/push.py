"""`push`: which local files go to which endpoints."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import Mapping, MutableMapping, Sequence

from homeftp.client.api import Client
from homeftp.client.files.model import FileStat, LocalTree
from homeftp.client.files.scan import scan
from homeftp.client.mirror.plan import ConfirmedDeletions, check_apart
from homeftp.client.mirror.remote import RemoteMirror
from homeftp.client.plan.listing import RemoteListing, add_entries, list_directories, list_remote, stat_remote
from homeftp.client.plan.local import report_plan, require_file, require_recursive, stat_existing
from homeftp.client.plan.paths import (
    LocalPath,
    RemotePath,
    check_name,
    endpoint_inside,
    parse_local_path,
    parse_remote_path,
)
from homeftp.client.plan.remember import as_found, is_worthwhile, remember_folder
from homeftp.client.plan.reread import reread_files, reread_remote, rereads_named, without_memory
from homeftp.client.plan.spelling import leave_out_refused
from homeftp.client.plan.survey import Survey, survey
from homeftp.client.transfer.model import TransferContext, TransferOptions, endpoints_below
from homeftp.client.transfer.observer import TransferObserver
from homeftp.client.transfer.push import PushTransfer
from homeftp.client.transfer.retry import with_reconnects
from homeftp.endpoint import Endpoint
from homeftp.errors import OperatorError, WrongKind
from homeftp.hashing.foldertable import FolderTable
from homeftp.model import Entry


async def push(
    client: Client,
    context: TransferContext,
    sources: Sequence[str],
    target: str,
    options: TransferOptions,
    observer: TransferObserver,
) -> None:
    """Send local files, and folders where `options.recursive`, to the path `target` on the server.

    The outcome of each file is reported to `observer`; a file that is refused
    does not stop the others. Raises `OperatorError` for paths that make no
    sense, `WrongKind` (43) where a file is in the way of a folder, and
    `Forbidden` (33), all before anything is sent. Raises `ConnectionFailed`
    where the connection is lost and `context` cannot reconnect.
    """
    if options.reread:
        context = without_memory(context)
    planned = _Push(context, sources, target, options, observer)
    await with_reconnects(client, context, observer, planned.run)


class _Push:
    """A push, which runs again over each new connection."""

    def __init__(
        self,
        context: TransferContext,
        sources: Sequence[str],
        target: str,
        options: TransferOptions,
        observer: TransferObserver,
    ) -> None:
        self._context = context
        self._sources = sources
        self._target = target
        self._options = options
        self._observer = observer
        self._deletions = ConfirmedDeletions()

    async def run(self, client: Client) -> None:
        """Plan, and send."""
        client.require_rights("pushing", "add", "replace")
        if self._options.delete:
            client.require_rights("deleting", "delete")
        target = parse_remote_path(self._target)
        inside = target.inside or len(self._sources) > 1
        files: list[tuple[str, FileStat]] = []
        folders: list[tuple[LocalPath, Endpoint]] = []
        strict_names = self._options.selection.strict_names
        for source in (parse_local_path(path, strict_names=strict_names) for path in self._sources):
            found = await stat_existing(self._context, source.path)
            if found.is_directory:
                require_recursive(self._options, source.path)
                endpoint = endpoint_inside(target, source) if inside and not source.inside else target.endpoint
                folders.append((source, endpoint))
            elif source.inside:
                raise OperatorError(f"{source.path} is not a folder")
            else:
                require_file(found, source.path)
                files.append((source.name, found))
        if files and self._options.delete:
            raise OperatorError(f"{files[0][1].path} is a file: --delete is for folders")
        if files:
            await self._push_files(client, files, target._replace(inside=inside))
        if self._options.delete:
            check_apart(str(endpoint) for _, endpoint in folders)
        for source, endpoint in folders:
            await self._push_folder(client, source.path, endpoint)

    async def _push_files(self, client: Client, files: Sequence[tuple[str, FileStat]], target: RemotePath) -> None:
        """Send single files inside the target, or one exactly to it."""
        remote: MutableMapping[str, Entry]
        listing = await stat_remote(client, target.endpoint)
        if target.inside or listing.kind == "directory":
            if listing.kind == "file":
                raise WrongKind(f"{target.endpoint} is a file: nothing can be put inside it")
            if listing.kind == "directory":
                await add_entries(client, target.endpoint, listing, recursive=False)
            base, remote, named = target.endpoint, listing.entries, list(files)
        else:
            name = target.endpoint.name
            base, named = target.endpoint.parent, [(name, files[0][1])]
            remote = {name: listing.entries[""]} if listing.entries else {}
        tree = LocalTree("")
        for name, file in named:
            check_name(base, name)
            if name in tree.files:
                raise OperatorError(f"two of the files are called {name}: push one of them to another target")
            tree.files[name] = file._replace(name=name)
        if rereads_named(client, self._options):
            await reread_files(client, base, remote, tree.files, self._observer)
        report_plan(tree, self._observer)
        await self._transfer(client, base, tree, remote)

    async def _push_folder(self, client: Client, path: str, endpoint: Endpoint) -> None:
        if endpoint.parts and self._options.reread:
            await reread_remote(client, str(endpoint), self._observer)
        scanned = partial(self._scan, path)
        if endpoint.parts:
            progress = self._observer.add_compared
            found = await survey(
                client, self._context, path, scanned, endpoint, extra=self._options.delete, progress=progress
            )
        else:
            found = await self._survey_top(client, await scanned(None), endpoint)
        tree, listing = found.tree, found.listing
        if listing.kind == "file":
            raise WrongKind(f"{endpoint} is a file: a folder cannot replace it")
        if tree.selector.has_names:
            names = chain(tree.files, tree.directories, (name for name, _ in tree.skipped + tree.failed))
            missing = tree.selector.missing(names)
            tree.failed.extend((name, "does not exist") for name in missing)
        if client.server_info.similar_names is False:
            await self._context.workers.run(leave_out_refused, tree, listing.entries, found.same)
        mirror = None
        if self._options.delete:
            kept = [name for name, _ in listing.skipped + listing.failed]
            mirror = RemoteMirror(client, self._context, str(endpoint), tree, listing.entries, kept, found.same_count)
            await mirror.plan(self._options, self._observer, self._deletions)
        found.plan_same(self._observer)
        rest = found.rest()
        report_plan(rest, self._observer)
        dry_run = self._options.dry_run
        if not dry_run:
            await found.list_same_directories(client)
            rest = found.rest()  # with the directories that are listed now
        await found.finish_same(client, self._context, self._observer, dry_run=dry_run)
        remote = await found.remote_for(self._context, rest, client.server_info.limits.small_file)
        await self._transfer(client, endpoint, rest, remote)
        if mirror is not None:
            await mirror.delete(self._options, self._observer)
        if not dry_run and endpoint.parts and is_worthwhile(len(rest.files), found.same_count + len(rest.files)):
            has_more = mirror is None and _has_more(listing, tree)
            as_sent = as_found(tree)
            await remember_folder(client, self._context, as_sent, endpoint, self._observer, has_more=has_more)

    async def _scan(self, path: str, folders: FolderTable | None) -> LocalTree:
        return await self._context.workers.run(scan, path, self._options.selection, ("",), folders)

    async def _survey_top(self, client: Client, tree: LocalTree, endpoint: Endpoint) -> Survey:
        """As `survey`, for a folder whose content goes to the top: what others have there is not listed."""
        names = [name for name in tree.directories if name and "/" not in name]
        if self._options.reread:
            for name in [*names, *(name for name in tree.files if "/" not in name)]:
                await reread_remote(client, str(endpoint.beneath(name)), self._observer)
        if self._options.delete:
            return Survey(tree, endpoint, await list_remote(client, endpoint, recursive=True))
        return Survey(tree, endpoint, await list_directories(client, endpoint, names))

    async def _transfer(self, client: Client, base: Endpoint, tree: LocalTree, remote: Mapping[str, Entry]) -> None:
        endpoint_of = endpoints_below(str(base))
        transfer = PushTransfer(client, self._context, endpoint_of, tree, remote, self._options, self._observer)
        await transfer.run()


def _has_more(listing: RemoteListing, tree: LocalTree) -> bool:
    """Whether the server has anything that is not in the local folder."""
    return bool(listing.failed) or any(
        name not in tree.files and name not in tree.directories for name in listing.entries
    )
