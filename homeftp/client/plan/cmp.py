"""`cmp`: which local files are compared with which of the server."""

from __future__ import annotations

from itertools import chain

import attrs

from homeftp.client.api import Client
from homeftp.client.files.model import FileStat, LocalTree
from homeftp.client.plan.listing import list_remote, select
from homeftp.client.plan.local import (
    missing,
    path_inside,
    report_excluded,
    report_plan,
    require_file,
    scanner,
    stat_if_exists,
)
from homeftp.client.plan.paths import endpoint_inside, parse_local_path, parse_remote_path
from homeftp.client.plan.remember import as_found, is_worthwhile, remember_folder
from homeftp.client.plan.reread import reread_remote, without_memory
from homeftp.client.plan.survey import Survey, survey
from homeftp.client.selection import DEFAULT_SELECTION, Selection, Selector
from homeftp.client.transfer.cmp import CompareTransfer
from homeftp.client.transfer.model import FileResult, Outcome, TransferContext, endpoints_below
from homeftp.client.transfer.observer import TransferObserver
from homeftp.client.transfer.retry import with_reconnects
from homeftp.errors import not_found


async def cmp(
    client: Client,
    context: TransferContext,
    local: str,
    remote: str,
    observer: TransferObserver,
    *,
    local_first: bool = True,
    perms: bool = False,
    reread: bool = False,
    selection: Selection = DEFAULT_SELECTION,
) -> None:
    """Compare a local file or folder with the server's; the second path is found as a transfer would find it.

    `local_first` says that `local` is the first path; with `perms` the modes of
    folders are compared too. With `reread` both sides read all files again,
    whatever they remember of them. Of folders only what is in the `selection`
    is compared. Differences are reported to `observer`. Raises `OperatorError` where nothing exists at the first
    path, `NotFound` (40) where that is the server's, and `Forbidden` (33).
    Raises `ConnectionFailed` where the connection is lost and `context` cannot
    reconnect.
    """
    if reread:
        context = without_memory(context)
    planned = _Cmp(context, local, remote, observer, local_first, perms, reread, selection)
    await with_reconnects(client, context, observer, planned.run)


class _Cmp:
    """A comparison, which runs again over each new connection."""

    def __init__(
        self,
        context: TransferContext,
        local: str,
        remote: str,
        observer: TransferObserver,
        local_first: bool,
        perms: bool,
        reread: bool,
        selection: Selection,
    ) -> None:
        self._context = context
        self._local = local
        self._remote = remote
        self._observer = observer
        self._local_first = local_first
        self._perms = perms
        self._reread = reread
        self._selection = selection

    async def run(self, client: Client) -> None:
        """Plan, and compare."""
        client.require_rights("comparing", "read")
        strict_names = self._selection.strict_names
        local, remote = parse_local_path(self._local, strict_names=strict_names), parse_remote_path(self._remote)
        endpoint, path = remote.endpoint, local.path
        found = await stat_if_exists(self._context, path)
        if self._local_first and found is None:
            raise await missing(self._context, path)
        if self._local_first and remote.inside and not local.inside:
            endpoint = endpoint_inside(remote, local)
        elif not self._local_first and local.inside and not remote.inside:
            path = await path_inside(self._context, path, endpoint.name, strict_names=strict_names)
            found = await stat_if_exists(self._context, path)
        if self._reread:
            await reread_remote(client, str(endpoint), self._observer)
        if found is not None and found.is_directory:
            scanned = scanner(self._context, path, self._selection)
            progress = self._observer.add_compared
            surveyed = await survey(client, self._context, path, scanned, endpoint, extra=True, progress=progress)
        else:
            tree = LocalTree(path, selector=Selector(self._selection))
            surveyed = Survey(tree, endpoint, await list_remote(client, endpoint, recursive=True))
        tree, listing = surveyed.tree, surveyed.listing
        if not self._local_first and listing.kind is None:
            raise not_found(str(endpoint))
        select(listing, tree.selector, chain(tree.files, tree.directories))
        hashed = min(await self._compare(client, found, surveyed), surveyed.unknown_count)
        if is_worthwhile(hashed, surveyed.same_count + len(tree.files)):
            del listing, surveyed  # which may be large
            await remember_folder(client, self._context, as_found(tree), endpoint, self._observer)

    async def _compare(self, client: Client, found: FileStat | None, surveyed: Survey) -> int:
        """Compare; gives how many local files were compared by their hashes."""
        tree, endpoint, listing = surveyed.rest(), surveyed.endpoint, surveyed.listing
        is_folder = found is not None and found.is_directory
        if found is not None and not is_folder:
            require_file(found, tree.path)
        if found is not None and listing.kind is not None and is_folder != (listing.kind == "directory"):
            reason = "one is a file, the other a folder"
            self._observer.add_result(FileResult(Outcome.DIFFERS, "", reason=reason, differs=("kind",), kind="other"))
            return 0
        unread: set[str] = set()
        if listing.kind == "directory" or is_folder:
            if not endpoint.parts and found is not None:
                del listing.entries[""]
                tree = attrs.evolve(tree, directories={name: each for name, each in tree.directories.items() if name})
            surveyed.plan_same(self._observer)
            report_plan(listing, self._observer)
            report_excluded(tree, self._observer)
            unread = {name for name, _ in tree.failed + listing.failed}
        elif found is not None:
            tree.files[""] = found
        await surveyed.finish_same(client, self._context, self._observer)
        endpoint_of = endpoints_below(str(endpoint))
        transfer = CompareTransfer(
            client, self._context, endpoint_of, tree, listing.entries, self._observer, unread, perms=self._perms
        )
        await transfer.run()
        return transfer.hashed
