"""Deleting on the server what only the server has; the server keeps the files as versions."""

from __future__ import annotations

from typing import Awaitable, Mapping, MutableMapping, Sequence

from msgspec import structs

from homeftp.client.api import Client
from homeftp.client.batches import answer_or_refusal, in_batches
from homeftp.client.files.model import LocalTree
from homeftp.client.mirror.plan import ConfirmedDeletions, may_delete, plan_deletion, report_deleted
from homeftp.client.remotehash import hash_there
from homeftp.client.seen.lastseen import LastSeen
from homeftp.client.transfer.directories import RemoteDirectories
from homeftp.client.transfer.model import (
    DeletionPlan,
    EndpointOf,
    FileResult,
    Outcome,
    TransferContext,
    TransferOptions,
    endpoints_below,
)
from homeftp.client.transfer.observer import TransferObserver
from homeftp.errors import Changed, NotFound, Refusal
from homeftp.model import Entry, Kind

_UNSEEN = (
    "not deleted, because this machine has not seen it: someone else may have added it. Get it or compare it, or use "
    "--force to delete it unseen."
)
"""The reason of results of files that nothing but a person may decide about."""


class RemoteMirror:
    """Makes the folder `endpoint` of a server, listed as `entries`, equal to `tree` after a push.

    Names that are `kept` are on the server too, but not among the entries; neither are `others`, a number of files
    that the tree has, too.
    """

    def __init__(
        self,
        client: Client,
        context: TransferContext,
        endpoint: str,
        tree: LocalTree,
        entries: MutableMapping[str, Entry],
        kept: Sequence[str],
        others: int = 0,
    ) -> None:
        self._client = client
        self._context = context
        self._endpoint = endpoint
        self._endpoint_of = endpoints_below(endpoint)
        self._tree = tree
        self._entries = entries
        self._kept = kept
        self._others = others
        self._plan = DeletionPlan((), (), 0, 0)

    async def plan(self, options: TransferOptions, observer: TransferObserver, confirmed: ConfirmedDeletions) -> None:
        """Plan, and have the plan confirmed. Raises `OperatorError` where it may not be carried out.

        A file that this machine has not seen there is deleted only if a person is asked about the plan, or `force`.
        """
        self._plan = self._planned(frozenset())
        if options.confirm_deletion is None and not options.force:
            unseen = await self._unseen(self._plan.files)
            for name in unseen:
                observer.add_result(FileResult(Outcome.CONFLICT, name, self._entries[name].size, _UNSEEN))
            self._plan = self._planned(frozenset(unseen))
        await confirmed.confirm(self._plan, options, self._endpoint or "the shared folder", observer)

    def _planned(self, unseen: frozenset[str]) -> DeletionPlan:
        """The files that only the server has, but for those that this machine has not seen there."""
        tree = self._tree
        others = unseen.union(name for name, _ in tree.skipped + tree.failed)
        sizes = ((name, entry.size) for name, entry in self._entries.items() if entry.kind == "file")
        directories = (name for name, entry in self._entries.items() if entry.kind == "directory")

        def is_wanted(name: str) -> bool:
            return name in tree.files or name in tree.directories or name in others

        return plan_deletion(sizes, directories, is_wanted, tree.selector, self._kept, self._others)

    async def _unseen(self, names: Sequence[str]) -> Sequence[str]:
        """The names of files of which this machine has seen no content on the server, or another one."""
        seen = LastSeen(self._context.seen, self._context.workers, self._client)
        endpoints = [self._endpoint_of(name) for name in names]
        last = await self._context.workers.run(seen.look_up, endpoints)

        async def is_unseen(name: str) -> bool:
            entry, endpoint = self._entries[name], self._endpoint_of(name)
            if endpoint not in last:
                return True
            if entry.hash is None and entry.damaged is None:
                entry = structs.replace(entry, hash=await hash_there(self._client, endpoint) or None)
                self._entries[name] = entry
            return last[endpoint] != (entry.hash or entry.damaged)

        unseen = await in_batches(is_unseen, names)
        return [name for name, result in zip(names, unseen, strict=True) if result]

    async def delete(self, options: TransferOptions, observer: TransferObserver) -> None:
        """Carry the plan out, if everything was transferred; a dry run reports it. Raises `ConnectionFailed`."""
        plan = self._plan
        if options.dry_run:
            report_deleted(plan, observer)
        elif may_delete(observer):
            await RemoteDeletion(self._client, self._endpoint_of, self._entries, observer).run(plan)
            # The times of the directories that are left have changed.
            changed = {name.rpartition("/")[0] for name in (*plan.files, *plan.directories)}
            left = [directory for name, directory in self._tree.directories.items() if name in changed]
            disks = self._context.disks
            directories = RemoteDirectories(
                self._client, self._endpoint_of, self._entries, observer, disks, perms=False
            )
            await directories.update(left, {directory.name for directory in left})


class RemoteDeletion:
    """Deletes what a plan names from a server that was listed as `remote`; `endpoint_of` gives the endpoints."""

    def __init__(
        self, client: Client, endpoint_of: EndpointOf, remote: Mapping[str, Entry], observer: TransferObserver
    ) -> None:
        self._client = client
        self._endpoint_of = endpoint_of
        self._remote = remote
        self._observer = observer

    async def run(self, plan: DeletionPlan) -> None:
        """Delete files, then directories, deepest first; what has changed stays.

        Raises `ConnectionFailed` and `ShuttingDown` (54).
        """
        await in_batches(self._delete_file, plan.files)
        depths: dict[int, list[str]] = {}
        for name in plan.directories:
            depths.setdefault(name.count("/"), []).append(name)
        for depth in sorted(depths, reverse=True):
            await in_batches(self._delete_directory, depths[depth])

    async def _delete_file(self, name: str) -> None:
        await self._report(name, "file", self._remove_listed(name))

    async def _delete_directory(self, name: str) -> None:
        await self._report(name, "directory", self._client.remove(self._endpoint_of(name)))

    async def _remove_listed(self, name: str) -> None:
        """Remove a file, if it has the content that was listed, or at least the size and time."""
        endpoint, listed = self._endpoint_of(name), self._remote[name]
        if_hash = listed.hash or listed.damaged or None
        if if_hash is None:
            if_hash = await hash_there(self._client, endpoint) or None
            found = (await self._client.cmp(endpoint)).remote
            if found is None or (found.size, found.mtime_us) != (listed.size, listed.mtime_us):
                raise Changed("it has changed since it was listed")
        await self._client.remove(endpoint, if_hash=if_hash)

    async def _report(self, name: str, kind: Kind, removing: Awaitable[object]) -> None:
        """Report what becomes of a file or directory; one that somebody else has removed meanwhile is deleted."""
        result = FileResult(Outcome.DELETED, name, kind=kind)
        removed = await answer_or_refusal(removing)
        if isinstance(removed, Refusal) and not isinstance(removed, NotFound):
            result = FileResult(Outcome.REFUSED, name, 0, f"not deleted: {removed.message}", kind=kind)
        self._observer.add_result(result)
