"""Carrying out a plan: names first, then contents, deletions last, each only where both sides are as the plan saw them.

What was done is recorded in the archive on the way. What was not is left to the next sync, which finds it again.
"""

from __future__ import annotations

import errno
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence

from twisted.internet.defer import Deferred, gatherResults

from homeftp.client.api import Client
from homeftp.client.batches import answer_or_refusal
from homeftp.client.files.folders import OpenFolders
from homeftp.client.files.model import FileStat, LocalTree
from homeftp.client.files.names import unescaped_name
from homeftp.client.files.remove import remove_local
from homeftp.client.files.write import DownloadTarget
from homeftp.client.mirror.remote import RemoteDeletion
from homeftp.client.seen.lastseen import LastSeen
from homeftp.client.sync.archive import SyncArchive, SyncPair
from homeftp.client.sync.local.rename import rename_local
from homeftp.client.sync.local.versions import LocalVersions
from homeftp.client.sync.model import Act, Side, SyncAction, SyncNode, SyncPlan, is_within, node_of
from homeftp.client.sync.naming.renames import Rename
from homeftp.client.sync.planner import Edits
from homeftp.client.sync.steps import FailedRenames
from homeftp.client.sync.trees import BothSides
from homeftp.client.tables.nameset import NameSet
from homeftp.client.tables.packedlist import PackedList
from homeftp.client.transfer.model import (
    DeletionPlan,
    FileResult,
    Outcome,
    TransferContext,
    TransferOptions,
    endpoints_below,
)
from homeftp.client.transfer.observer import ResultFilter, TransferObserver, record_nothing
from homeftp.client.transfer.push import PushTransfer
from homeftp.errors import Changed, Forbidden, Refusal
from homeftp.model import ABSENT, Entry

if TYPE_CHECKING:
    from homeftp.client.sync.merge.files import EditedFile

_NO_NODES: Mapping[str, SyncNode] = MappingProxyType({})

_NOT_EMPTY = (errno.ENOTEMPTY, errno.EEXIST)

RECORDED_TOGETHER = 16_384
"""Files that are recorded in one transaction."""

DELETED_TOGETHER = 4096
"""Files that are deleted in one step."""


class ResultRecorder:
    """Records what both sides have, as far as results say: a part at a time, by `record`, in the order of the calls."""

    def __init__(
        self,
        sources: Mapping[str, SyncNode],
        record: Callable[[Mapping[str, SyncNode], Sequence[str]], Deferred[None]],
        add_copy: Callable[[str], None] = lambda name: None,
        *,
        together: int = RECORDED_TOGETHER,
    ) -> None:
        """`sources` is what the targets are given; so many files are recorded `together`.

        `add_copy` is called with the names of which both sides have the same now.
        """
        self._add_copy = add_copy
        self._together = together
        self._sources = sources
        self._record = record
        self._unfinished: set[str] = set()
        self._agreed: dict[str, SyncNode] = {}
        self._gone: list[str] = []
        self._recording: list[Deferred[None]] = []

    def add(self, result: FileResult) -> None:
        """A step has ended."""
        if result.outcome is Outcome.DELETED:
            self._gone.append(result.name)
            self._flush_if_many()
        elif not result.outcome.done:
            self._unfinished.add(result.name)
        elif result.hash is not None:
            source = self._sources.get(result.name)
            if source is not None and source.kind == "file":
                self._agree(result.name, source._replace(hash=result.hash, size=result.size))

    def _agree(self, name: str, node: SyncNode) -> None:
        self._agreed[name] = node
        self._add_copy(name)
        self._flush_if_many()

    def _flush_if_many(self) -> None:
        if len(self._agreed) + len(self._gone) >= self._together:
            self._flush()

    def _flush(self) -> None:
        self._recording.append(self._record(self._agreed, self._gone))
        self._agreed, self._gone = {}, []

    async def close(self, actions: Iterable[SyncAction]) -> None:
        """Record the rest. `actions` are the completed steps: no result tells of the directories among them."""
        for action in actions:
            source = action.source
            if source is not None and source.kind == "directory" and action.name not in self._unfinished:
                self._agree(action.name, source)
        self._flush()
        await gatherResults(self._recording)


class CarryOut:
    """Carries out steps of one plan, made of `both`; each method takes the steps of its kind.

    What is deleted or replaced here is kept in `versions`. Raises `ConnectionFailed` and `ShuttingDown` (54).
    """

    def __init__(
        self,
        client: Client,
        context: TransferContext,
        archive: SyncArchive,
        pair: SyncPair,
        both: BothSides,
        versions: LocalVersions,
        observer: TransferObserver,
        results: ResultFilter,
    ) -> None:
        self._client = client
        self._context = context
        self._archive = archive
        self._pair = pair
        self._both = both
        self._versions = versions
        self._observer = observer
        self._results = results
        self._run = context.workers.run_unbounded
        self._endpoint_of = endpoints_below(pair.endpoint)
        self._seen = LastSeen(context.seen, context.workers, client)
        self._renamed: list[tuple[str, str]] = []
        """The old and the new names of files that were renamed here, in order."""
        self._not_deleted: list[str] = []
        """The names of all that could not be deleted here."""
        self._names = dict(both.local.local_names)
        """The local spelling of names, also of new ones."""

    async def rename(self, actions: Iterable[SyncAction], failed: FailedRenames) -> None:
        """Carry out MOVE and KEEP_BOTH, one after the other; adds those that are not possible to `failed`."""
        for action in actions:
            rename = Rename(action.target, action.name, action.to)
            if failed.copies(action.target, action.name):
                failed.add(rename, "a folder around it was not renamed", copied=True)
                continue
            make = self._rename_here if action.target is Side.HERE else self._rename_there
            problem = await make(action)
            if problem is not None:
                copied = action.act is Act.MOVE and isinstance(problem, (OSError, Forbidden))
                why = problem.strerror if isinstance(problem, OSError) else problem
                reason = f"not renamed to {action.to}: {why}"
                failed.add(rename, reason, copied=copied)
                if not copied:
                    self._observer.add_result(FileResult(Outcome.FAILED, action.name, 0, reason))
                continue
            self._observer.add_result(_renamed(action))
            if action.act is Act.MOVE:
                await self._run(self._archive.move, self._pair, action.name, action.to)

    async def _rename_here(self, action: SyncAction) -> Exception | None:
        return await self._run(self._rename_local, action)

    def _rename_local(self, action: SyncAction) -> Exception | None:
        tree, name, to = self._both.local, action.name, action.to
        found = self._found_here(name)
        if found is None:
            return Changed("the folder that it is in was not renamed")
        last = to.rpartition("/")[2]
        spelled = unescaped_name(last, strict=tree.selector.strict_names)
        if spelled != last:
            self._names.setdefault(to, spelled)
        with OpenFolders(self._pair.local, self._context.system, self._names) as folders:
            problem = rename_local(folders, found, to)
        if problem is None:
            self._renamed.append((name, to))
            beneath = {each: local for each, local in self._names.items() if each.startswith(f"{name}/")}
            self._names.update((to + each[len(name) :], local) for each, local in beneath.items())
        return problem

    def _found_here(self, name: str) -> FileStat | None:
        """The file that was found here and has this name now; None for none."""
        old = name
        for before, now in reversed(self._renamed):
            if is_within(old, now):
                old = before + old[len(now) :]
        found = self._both.local.files.get(old) or self._both.local.directories.get(old)
        return None if found is None else found._replace(name=name)

    async def _rename_there(self, action: SyncAction) -> Exception | None:
        old, new = self._endpoint_of(action.name), self._endpoint_of(action.to)
        if_hash = action.there.hash if action.there is not None else None
        moved = await answer_or_refusal(self._client.move(old, new, if_hash=if_hash, if_to=ABSENT))
        if isinstance(moved, Refusal):
            return moved
        await self._seen.moved(old, new)
        return None

    async def delete(self, actions: Iterable[SyncAction]) -> None:
        """Carry out DELETE: files first, then directories, deepest first: the order of a plan."""
        for side, delete in ((Side.THERE, self._delete_there), (Side.HERE, self._delete_here)):
            wanted = (action for action in actions if action.target is side)
            await self._recorded(self._delete(delete, wanted))

    async def delete_copied(self, actions: PackedList[SyncAction], failed: FailedRenames, plan: SyncPlan) -> None:
        """As `delete`, but what a rename of the confirmed `plan` has left without its new name stays; that is said."""
        stays = failed.not_copied(actions, plan)
        await self.delete(actions.where(lambda action: action not in stays))
        for rename, reason in stays.renames.items():
            self._observer.add_result(FileResult(Outcome.FAILED, rename.old, 0, reason))

    async def _delete(
        self, delete: Callable[[Sequence[str], Sequence[str]], Awaitable[None]], actions: Iterator[SyncAction]
    ) -> None:
        """Delete some at a time."""
        while some := list(islice(actions, DELETED_TOGETHER)):
            files = [action.name for action in some if _kind(action) == "file"]
            await delete(files, [action.name for action in some if _kind(action) == "directory"])

    async def _delete_there(self, files: Sequence[str], directories: Sequence[str]) -> None:
        deletion = RemoteDeletion(self._client, self._endpoint_of, self._both.entries, self._observer)
        await deletion.run(DeletionPlan(tuple(files), tuple(directories), 0, 0))

    async def _delete_here(self, files: Sequence[str], directories: Sequence[str]) -> None:
        observer, local = self._observer, self._both.local
        found = [local.files[name] for name in files]
        remove, system = self._versions.remove, self._context.system
        for name, failure in await self._run(
            remove_local, local.path, system, local.local_names, found, directories, remove
        ):
            kind = "directory" if name in local.directories else "file"
            if failure is None or isinstance(failure, FileNotFoundError):
                observer.add_result(FileResult(Outcome.DELETED, name, kind=kind))
            elif isinstance(failure, OSError) and failure.errno in _NOT_EMPTY:
                if not any(is_within(each, name) for each in self._not_deleted):  # else it was said of what is in it
                    reason = "not deleted: it holds something that is not synced"
                    observer.add_result(FileResult(Outcome.SKIPPED, name, 0, reason, kind=kind))
            else:
                self._not_deleted.append(name)
                why = failure.strerror if isinstance(failure, OSError) else failure
                observer.add_result(FileResult(Outcome.FAILED, name, 0, f"not deleted: {why}", kind=kind))

    async def transfer(self, actions: PackedList[SyncAction], failed: FailedRenames) -> None:
        """Carry out COPY and METADATA: what goes to the server first; tells `failed` what is copied."""
        there = actions.where(lambda action: action.target is Side.THERE)
        here = actions.where(lambda action: action.target is Side.HERE)
        if there or "" not in self._both.entries:
            await self._recorded(self._push(there), there, self._both.here.nodes, failed.add_copy)
        if here:
            await self._recorded(self._get(here), here, self._both.there.nodes, failed.add_copy)

    async def _push(self, actions: PackedList[SyncAction]) -> None:
        replaced = [(action.name, action.there.hash) for action in actions if action.there is not None]
        for name, hash in replaced:
            self._seen.record(self._endpoint_of(name), hash)  # the plan has shown it
        await self._seen.close(self._observer.on_notice)
        tree = self._part(action.name for action in actions)
        if "" not in self._both.entries:
            tree.directories[""] = self._both.local.directories[""]
        options = TransferOptions(perms=True, ask=_unless_changed)
        remote = self._both.entries.copy()
        for action in actions:
            if action.there is None:
                remote.pop(action.name, None)
        await PushTransfer(self._client, self._context, self._endpoint_of, tree, remote, options, self._observer).run()

    async def _get(self, actions: PackedList[SyncAction]) -> None:
        from homeftp.client.transfer.get import GetTransfer  # many syncs only send

        tree = self._part(action.name for action in actions if action.here is not None)
        wanted = NameSet()
        wanted.update(action.name for action in actions)
        remote = self._both.entries.copy()
        remote.keep(lambda name, _: name in wanted)
        folder = self._target()
        options = TransferOptions(perms=True, ask=_unless_changed)
        await GetTransfer(
            self._client, self._context, self._endpoint_of, remote, tree, folder, options, self._observer
        ).run()

    def _target(self) -> DownloadTarget:
        """The local folder, which keeps what is replaced in it."""
        names, cache = self._both.local.local_names, self._context.hash_cache
        return DownloadTarget(self._pair.local, self._context.system, cache, names, self._versions.keep)

    async def find_mergeable(self, actions: Iterable[SyncAction]) -> Mapping[str, Edits]:
        """Which of the files that both sides have changed, and are to be kept twice, can be merged instead."""
        from homeftp.client.sync.merge.files import FileMerger  # most syncs merge nothing

        merger, found = FileMerger(self._client, self._context), {}
        for action in actions:
            edited = self._edited(action) if action.act is Act.KEEP_BOTH else None
            if edited is not None and await merger.merge(edited) is not None:
                found[action.name] = action.here, action.there
        return found

    async def merge(self, actions: Sequence[SyncAction]) -> None:
        """Carry out MERGE."""
        if not actions:
            return
        from homeftp.client.sync.merge.files import FileMerger

        merger, target = FileMerger(self._client, self._context), self._target()
        for action in actions:
            edited = self._edited(action)
            data = None if edited is None else await merger.merge(edited)
            if edited is None or data is None:
                problem: Exception | Entry = Changed("it has changed meanwhile: it is left for the next sync")
            else:
                problem = await merger.replace(edited, data, target)
            if isinstance(problem, Exception):
                reason = problem.strerror if isinstance(problem, OSError) else str(problem)
                self._observer.add_result(FileResult(Outcome.FAILED, action.name, 0, f"not merged: {reason}"))
                continue
            self._observer.add_result(FileResult(Outcome.MERGED, action.name, problem.size, hash=problem.hash))
            self._seen.record(self._endpoint_of(action.name), problem.hash)
            await self._run(self._archive.record, self._pair, {action.name: node_of(problem)})
        await self._seen.close(self._observer.on_notice)

    def _edited(self, action: SyncAction) -> EditedFile | None:
        """The file that a step is about; None for what is no file on both sides, or was not agreed on as one."""
        base, here, there = self._both.agreed.nodes.get(action.name), action.here, action.there
        file = self._found_here(action.name)
        if base is None or here is None or there is None or file is None:
            return None
        if None in (base.hash, here.hash, there.hash):
            return None
        from homeftp.client.sync.merge.files import EditedFile

        mode = there.mode if here.mode == base.mode else here.mode
        endpoint = self._endpoint_of(action.name)
        return EditedFile(endpoint, file, str(base.hash), base.size, str(here.hash), str(there.hash), mode)

    def _part(self, names: Iterable[str]) -> LocalTree:
        """The local files and directories of these names."""
        local = self._both.local
        part = LocalTree(local.path, selector=local.selector, local_names=local.local_names)
        for name in names:
            if name in local.files:
                part.files[name] = local.files[name]
            elif name in local.directories:
                part.directories[name] = local.directories[name]
        return part

    async def _recorded(
        self,
        work: Awaitable[None],
        actions: Iterable[SyncAction] = (),
        sources: Mapping[str, SyncNode] = _NO_NODES,
        add_copy: Callable[[str], None] = lambda name: None,
    ) -> None:
        """Do some work, and record what it and the actions say of both sides, also where it ends early."""
        record = partial(self._archive.record, self._pair, inodes=self._both.here.inodes)
        recorder = ResultRecorder(sources, partial(self._run, record), add_copy)
        self._results.record = recorder.add
        ended: Iterable[SyncAction] = ()
        try:
            await work
            ended = actions
        finally:
            self._results.record = record_nothing
            await recorder.close(ended)


def _renamed(action: SyncAction) -> FileResult:
    """The report of a rename; a conflict is worth a word."""
    reason = ""
    if action.act is Act.KEEP_BOTH:
        where = "here" if action.target is Side.HERE else "on the server"
        reason = f"both sides had changed it; what was {where} is {action.to.rpartition('/')[2]} now"
    kind = _kind(action)
    return FileResult(Outcome.RENAMED, action.name if reason else action.to, reason=reason, kind=kind)


def _kind(action: SyncAction) -> str:
    """The kind of the entry that is deleted or renamed."""
    node = action.node(action.target)
    return "file" if node is None else node.kind


async def _unless_changed(name: str, result: FileResult) -> bool:
    """Whether a file is replaced: the plan has decided so, unless it is not what the plan saw."""
    return result.outcome is not Outcome.CONFLICT
