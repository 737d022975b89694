"""`get`: which files of the server go to which local paths."""

from __future__ import annotations

import os
from functools import partial
from typing import MutableMapping, Sequence

from homeftp.client.api import Client
from homeftp.client.files.model import LocalTree
from homeftp.client.files.names import folding_disks
from homeftp.client.files.scan import scan_names
from homeftp.client.files.write import DownloadTarget
from homeftp.client.mirror.local import delete_local
from homeftp.client.mirror.plan import ConfirmedDeletions, check_apart, may_delete, plan_deletion, report_deleted
from homeftp.client.plan.globs import expand_pattern
from homeftp.client.plan.listing import RemoteListing, select, stat_remote
from homeftp.client.plan.local import path_inside, report_plan, require_recursive, scan_if_exists, scanner
from homeftp.client.plan.past import learn_hashes, list_past, no_pattern
from homeftp.client.plan.paths import LocalPath, RemotePath, parse_local_path, parse_remote_path
from homeftp.client.plan.remember import is_worthwhile, remember_folder
from homeftp.client.plan.reread import reread_remote, without_memory
from homeftp.client.plan.spelling import leave_out_unstorable, spell
from homeftp.client.plan.survey import Survey, survey
from homeftp.client.transfer.get import GetTransfer
from homeftp.client.transfer.model import DeletionPlan, EndpointOf, TransferContext, TransferOptions, endpoints_below
from homeftp.client.transfer.observer import TransferObserver
from homeftp.client.transfer.retry import with_reconnects
from homeftp.endpoint import Endpoint
from homeftp.errors import OperatorError, WrongKind, not_found
from homeftp.model import Entry


async def get(
    client: Client,
    context: TransferContext,
    sources: Sequence[str],
    target: str,
    options: TransferOptions,
    observer: TransferObserver,
) -> None:
    """Fetch files of the server, and directories where `options.recursive`, to the local path `target`.

    The outcome of each file is reported to `observer`; a file that fails does
    not stop the others, unless the disk is full. Raises `NotFound` (40) for a
    missing source, `WrongKind` (43), `Forbidden` (33) and `OperatorError`, all
    before anything is fetched. Raises `ConnectionFailed` where the connection
    is lost and `context` cannot reconnect.
    """
    if options.reread:
        context = without_memory(context)
    planned = _Get(context, sources, target, options, observer)
    await with_reconnects(client, context, observer, planned.run)


class _Get:
    """A get, which runs again over each new connection."""

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
        """Plan, and fetch."""
        client.require_rights("getting files", "read")
        target = parse_local_path(self._target)
        expand = expand_pattern if self._options.as_of is None else no_pattern
        sources = [path for source in self._sources for path in await expand(client, source)]
        inside = target.inside or len(sources) > 1
        found: list[tuple[RemotePath, RemoteListing]] = []
        for source in map(parse_remote_path, sources):
            listing = await self._look_up(client, source.endpoint)
            if listing.kind is None:
                raise not_found(str(source.endpoint))
            if listing.kind == "directory":
                require_recursive(self._options, str(source.endpoint) or "the shared folder")
            elif source.inside:
                raise WrongKind(f"{source.endpoint} is a file, not a directory")
            found.append((source, listing))
        _check_names([source.endpoint for source, listing in found if listing.kind == "file"])
        folders = [
            (source.endpoint, await self._target_of(source, target, inside=inside))
            for source, listing in found
            if listing.kind == "directory"
        ]
        if self._options.delete:
            if len(folders) < len(found):
                raise OperatorError("--delete is for folders: name the files in a command of their own")
            check_apart(_comparable(path) for _, path in folders)
        for source, listing in found:
            if listing.kind == "file":
                await self._get_file(client, source, listing.entries[""], target._replace(inside=inside))
        for endpoint, path in folders:
            if self._options.as_of is None:
                if await self._get_folder(client, endpoint, path):  # whose tables are freed by now
                    scanned = scanner(self._context, path, self._options.selection)
                    await remember_folder(client, self._context, scanned, endpoint, self._observer)
            else:
                listed = next(listing for source, listing in found if source.endpoint == endpoint)
                await self._get_past_folder(client, endpoint, path, listed)

    async def _look_up(self, client: Client, endpoint: Endpoint) -> RemoteListing:
        """The entries at an endpoint, now or at a time, with all that is in it."""
        if self._options.as_of is not None:
            return await list_past(client, endpoint, self._options.as_of, recursive=self._options.recursive)
        if self._options.reread:
            await reread_remote(client, str(endpoint), self._observer)
        return await stat_remote(client, endpoint)

    async def _target_of(self, source: RemotePath, target: LocalPath, *, inside: bool) -> str:
        """The local path of a folder."""
        if not inside or source.inside:
            return target.path
        strict_names = self._options.selection.strict_names
        return await path_inside(self._context, target.path, source.endpoint.name, strict_names=strict_names)

    async def _get_file(self, client: Client, source: RemotePath, entry: Entry, target: LocalPath) -> None:
        run = self._context.workers.run
        if target.inside or await run(os.path.isdir, target.path):
            folder, name = target.path, source.endpoint.name
            strict_names = self._options.selection.strict_names
        else:
            folder, name = os.path.split(target.path)
            strict_names = True  # the name is a local one
        folder = folder or "."
        tree = await run(partial(scan_names, folder, [name], strict_names=strict_names))
        endpoint = str(source.endpoint)
        self._observer.on_plan(1, entry.size)
        context = without_memory(self._context) if self._options.force else self._context
        await self._transfer(client, context, lambda _: endpoint, {name: entry}, tree, folder)

    async def _get_folder(self, client: Client, endpoint: Endpoint, path: str) -> bool:
        """Fetch a directory; whether it is to be remembered then."""
        scanned = scanner(self._context, path, self._options.selection)
        progress = self._observer.add_compared
        found = await survey(client, self._context, path, scanned, endpoint, extra=True, progress=progress)
        tree, listing = found.tree, found.listing
        if not endpoint.parts:
            del listing.entries[""]
        select(listing, tree.selector, found.same_names())
        spell(listing, tree)
        mounts = {name: tree.directories[name].path for name in tree.mount_points}
        folding = await self._context.workers.run(folding_disks, path, mounts)
        if folding:
            await self._context.workers.run(leave_out_unstorable, listing, tree, folding)
        found.plan_same(self._observer)
        report_plan(listing, self._observer)
        plan = await self._plan_deletion(found, path) if self._options.delete else None
        dry_run = self._options.dry_run
        if not dry_run:
            await found.list_same_directories(client)
        await found.finish_same(client, self._context, self._observer, dry_run=dry_run)
        await self._transfer(client, self._context, endpoints_below(str(endpoint)), listing.entries, found.rest(), path)
        if plan is not None and self._options.dry_run:
            report_deleted(plan, self._observer)
        elif plan is not None and may_delete(self._observer):
            await delete_local(self._context, tree, listing.entries, plan, self._observer)
        fetched = sum(entry.kind == "file" for entry in listing.entries.values())
        return not dry_run and is_worthwhile(fetched, found.same_count + fetched)

    async def _get_past_folder(self, client: Client, endpoint: Endpoint, path: str, listing: RemoteListing) -> None:
        tree = await scan_if_exists(self._context, path, self._options.selection)
        if not endpoint.parts:
            del listing.entries[""]
        select(listing, tree.selector)
        spell(listing, tree)
        report_plan(listing, self._observer)
        await self._transfer(client, self._context, endpoints_below(str(endpoint)), listing.entries, tree, path)

    async def _plan_deletion(self, found: Survey, path: str) -> DeletionPlan:
        tree, listing = found.tree, found.listing
        sizes = ((name, file.size) for name, file in found.rest().files.items())
        others = {name for name, _ in listing.skipped + listing.failed}
        kept = [*tree.partials, *(name for name, _ in tree.skipped + tree.failed)]

        def is_wanted(name: str) -> bool:
            return name in listing.entries or name in others or name in found.same

        plan = plan_deletion(sizes, tree.directories, is_wanted, tree.selector, kept, found.same_count)
        await self._deletions.confirm(plan, self._options, path, self._observer)
        return plan

    async def _transfer(
        self,
        client: Client,
        context: TransferContext,
        endpoint_of: EndpointOf,
        remote: MutableMapping[str, Entry],
        tree: LocalTree,
        path: str,
    ) -> None:
        if self._options.as_of is not None:
            await learn_hashes(client, context, endpoint_of, remote, tree, self._options.as_of)
        folder = DownloadTarget(path, context.system, context.hash_cache, tree.local_names)
        transfer = GetTransfer(client, context, endpoint_of, remote, tree, folder, self._options, self._observer)
        await transfer.run()


def _comparable(path: str) -> str:
    """An absolute local path with `/` between its parts."""
    return os.path.abspath(path).replace(os.sep, "/")


def _check_names(files: Sequence[Endpoint]) -> None:
    """Raise `OperatorError` for two files of the same name: the second would replace the first."""
    named: dict[str, Endpoint] = {}
    for endpoint in files:
        other = named.setdefault(endpoint.name, endpoint)
        if other != endpoint:
            raise OperatorError(f"{other} and {endpoint} would both become {endpoint.name}: get one to another target")
