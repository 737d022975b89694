"""One sync of a pair: read both sides, plan, ask, carry the plan out, and remember what is agreed."""

from __future__ import annotations

import os
import time
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Awaitable, Callable, Mapping

import attrs

from homeftp.client.api import Client
from homeftp.client.askeddigests import AskedDigests
from homeftp.client.files.model import LocalTree
from homeftp.client.plan.local import scan_if_exists
from homeftp.client.plan.paths import parse_remote_path
from homeftp.client.plan.remember import is_worthwhile, remember_folder
from homeftp.client.selection import DEFAULT_SELECTION, Selection
from homeftp.client.sync.archive import SyncArchive, SyncPair
from homeftp.client.sync.guards import (
    DeletionGuard,
    forgetful,
    hidden_names,
    suspicion,
    unmounted_names,
    without_folder,
)
from homeftp.client.sync.local.marker import FolderLock, read_marker
from homeftp.client.sync.local.versions import LocalVersions, prune_versions
from homeftp.client.sync.model import Act, Direction, SyncAction, SyncOptions, SyncPlan, Unsynced, step_list
from homeftp.client.sync.naming.renames import Rename
from homeftp.client.sync.planner import Edits, make_plan
from homeftp.client.sync.scope import WHOLE, RefusedCopies, Scope, needs_whole
from homeftp.client.sync.steps import (
    AllowedSteps,
    FailedRenames,
    changes_nothing,
    count_sources,
    split_deletions,
    without_unnamed,
)
from homeftp.client.sync.trees import BothSides, read_both, record_same
from homeftp.client.tables.nametable import PLAIN_ROWS
from homeftp.client.transfer.model import FileResult, Outcome, TransferContext
from homeftp.client.transfer.observer import ResultFilter, TransferObserver
from homeftp.client.transfer.retry import with_reconnects
from homeftp.errors import NotFound, OperatorError
from homeftp.hashing.foldertable import FolderTable

if TYPE_CHECKING:
    from homeftp.client.sync.carryout import CarryOut

_NAMES = (Act.MOVE, Act.KEEP_BOTH)
_CONTENTS = (Act.COPY, Act.METADATA)

_ANOTHER_SHARE = (
    "the server was restored, or has another folder in the place of the one that was synced. Files on either side "
    "are kept"
)


class SyncDeclined(OperatorError):
    """The user does not want the plan to be carried out: nothing was changed."""


@attrs.frozen
class SyncRequest:
    """The user's request for a sync."""

    local: str
    """The local folder; it is made where it does not exist."""
    remote: str
    """The path of the directory on the server."""
    server: str = ""
    """The server's name on this machine, for a plan that is printed."""
    options: SyncOptions = SyncOptions()
    selection: Selection = DEFAULT_SELECTION
    dry_run: bool = False
    """Plan, and change nothing."""
    max_delete: int | None = None
    """The most files that may be deleted on both sides together; None: half of those of a side."""
    start_over: bool = False
    """Forget what was agreed: what exists on either side is kept."""
    confirm: Callable[[SyncPlan], Awaitable[bool]] | None = None
    """Asked whether a plan is right that changes something; None: no question."""
    expected: SyncPlan | None = None
    """Carry out exactly this plan, which was made earlier, or nothing; None: the plan that is made now."""
    scope: Scope = WHOLE
    """The part that is compared: in a watch, the names of events."""
    guard: DeletionGuard = attrs.field(factory=DeletionGuard, eq=False)
    """The guard that stops a plan that deletes too much: in a watch one for all its syncs."""
    refused: RefusedCopies = attrs.field(factory=RefusedCopies, eq=False)
    """The copies that earlier syncs of a watch have sent in vain."""
    lock: FolderLock | None = attrs.field(default=None, eq=False)
    """The lock of the local folder, if it has been taken already. The sync releases it."""
    asked: AskedDigests | None = attrs.field(default=None, eq=False)
    """The digests of the server's directory, if they have been asked for since `lock` was taken."""


@attrs.frozen
class SyncResult:
    """The result of a sync."""

    plan: SyncPlan
    """The plan as it was made first."""
    files: int
    """How many files were compared."""
    seconds: float
    left: Scope = Scope()
    """The names that were left, or wait for a person: they are compared again with the next change."""


async def run_sync(
    client: Client, context: TransferContext, archive: SyncArchive, request: SyncRequest, observer: TransferObserver
) -> SyncResult:
    """Make a local folder and a directory of the server agree; what became of each file is reported to `observer`.

    Raises `OperatorError` where the plan may not be carried out, `SyncDeclined` where the user says no, `NotFound` (40)
    where the folder that a first sync begins with does not exist, `WrongKind` (43), `Forbidden` (33), and
    `ConnectionFailed` where the connection is lost and `context` cannot reconnect.
    """
    run = context.workers.run_unbounded
    started = time.monotonic()
    syncing = _Sync(context, archive, request, observer)
    try:
        await with_reconnects(client, context, observer, syncing.run)
    finally:
        if syncing.lock is not None:
            await run(syncing.lock.release)
    return SyncResult(syncing.plan, syncing.compared, time.monotonic() - started, Scope.of(syncing.results.unfinished))


class _Sync:
    """A sync, which runs again over each new connection."""

    def __init__(
        self,
        context: TransferContext,
        archive: SyncArchive,
        request: SyncRequest,
        observer: TransferObserver,
    ) -> None:
        self._context = context
        self._archive = archive
        self._request = request
        self._observer = observer
        self._run = context.workers.run_unbounded
        self.results = ResultFilter(observer)
        self._versions = LocalVersions(time.time())
        self._is_confirmed = False
        """Whether the steps of `plan` may be carried out."""
        self._renames: set[Rename] | None = None
        """The renames among them that have not failed."""
        self._failed = FailedRenames()
        self._mergeable: Mapping[str, Edits] = {}
        """The files that both sides have changed, and that can be merged."""
        self._starts_over = request.start_over
        """Whether what was agreed does not count."""
        self._refused: Mapping[SyncAction, str] = {}
        """The actions that the newest plan leaves out, because the server has refused them in an earlier sync."""
        self._is_begun = False
        self._is_view_new = False
        """Whether the account may read other folders of the server than at the last sync, as far as that is known."""
        self._mounts: frozenset[str] = frozenset()
        """The folders within the local one on which a disk is known to have been mounted."""
        self._scope = request.scope
        self.lock = request.lock
        """The lock of the local folder, unless nothing is changed; to be released."""
        self.plan = SyncPlan()
        self.compared = 0

    async def run(self, client: Client) -> None:
        """Plan, ask, and carry out."""
        endpoint = parse_remote_path(self._request.remote).endpoint
        local = await self._run(os.path.realpath, self._request.local)
        pair = SyncPair(client.fingerprint, client.server_info.account or "", str(endpoint), local)
        facts = await self._run(self._archive.facts, pair)
        view, share = client.server_info.view, client.server_info.share
        self._is_view_new = view is not None and facts.get("view", view) != view
        is_other_share = share is not None and facts.get("share", share) != share
        if is_other_share:
            self._starts_over, self._is_begun = True, False
        await self._begin(client, pair)
        facts = {} if self._starts_over else facts  # what was known is forgotten
        self._mounts = frozenset(filter(None, facts.get("mounts", "").split("\n")))
        if is_other_share:
            self._observer.on_notice(_ANOTHER_SHARE)
        if share is not None and share != facts.get("share") and not self._request.dry_run:
            await self._run(self._archive.record_fact, pair, "share", share)
        if not self._is_confirmed:
            self._request.refused.begin(self._request.scope)
        both, plan = await self._read_and_plan(client, pair)
        if not both.scope.is_whole and (needs_whole(plan, both.agreed.nodes) or self._unmounted(both)):
            self._scope = WHOLE
            both, plan = await self._read_and_plan(client, pair)
        self._scope = both.scope
        if not self._is_confirmed:
            await self._confirm(pair, both, plan)
            self.plan = plan
            self.compared = max(plan.files.values())
            self._report_unsynced(plan)
            for action, reason in self._refused.items():
                self._observer.add_result(FileResult(Outcome.REFUSED, action.name, 0, reason))
        if self._request.dry_run:
            return
        await self._record_mounts(pair, self._mounts.union(both.here.mounts))  # a sync may end early, or be of parts
        plan = self._permitted(plan)
        names = [action for action in plan.actions if action.act in _NAMES]
        if names and self._renames is not None:
            await self._carry_out(client, pair, both).rename(names, self._failed)
            self._renames.difference_update(self._failed.all)
            del both, plan  # they may be large
            both = await self._read(client, pair)
            plan = without_unnamed(self._permitted(self._make_plan(both)))
        await self._finish(client, pair, both, plan)
        if view is not None and view != facts.get("view") and not self._hidden(both):
            await self._run(self._archive.record_fact, pair, "view", view)
        if both.scope.is_whole:
            await self._record_mounts(pair, self._mounts.intersection(both.here.opaque).union(both.here.mounts))
        transferred, _ = count_sources(each for each in plan.actions if each.act is Act.COPY)
        del both, plan  # what follows reads the folder again
        if self._scope.is_whole and is_worthwhile(transferred, self.compared):
            await remember_folder(client, self._context, partial(self._scan_again, pair), endpoint, self._observer)
            await self._run(self._archive.remember_folders, pair)

    async def _record_mounts(self, pair: SyncPair, mounts: frozenset[str]) -> None:
        """Record on which folders disks are, or were, mounted."""
        if mounts != self._mounts:
            await self._run(self._archive.record_fact, pair, "mounts", "\n".join(sorted(mounts)))
            self._mounts = mounts

    async def _scan_again(self, pair: SyncPair, folders: FolderTable | None) -> LocalTree:
        """Read the local folder, each file of it, after files were transferred, and record its inodes."""
        if self.compared > PLAIN_ROWS:  # as in `_finish`
            await self._run(self._context.system.release_memory)
        tree = await scan_if_exists(self._context, pair.local, self._request.selection)
        found = chain(tree.directories.items(), tree.files.items())
        await self._run(self._archive.record_inodes, pair, ((name, each.inode) for name, each in found if name))
        return tree

    async def _begin(self, client: Client, pair: SyncPair) -> None:
        """Check that the local folder is the one that was synced, and note that it is synced again."""
        if self._is_begun:
            return
        before = await self._run(self._archive.marker, pair)
        marker = await self._run(read_marker, pair.local)
        if before not in (None, marker) and not self._request.start_over:
            raise OperatorError(
                f"{self._request.local} was synced before, but is a different folder now: is its disk mounted? Nothing "
                "was changed; a watch continues when it is back. If the new folder is right, or is meant to be empty, "
                "use --start-over: files on either side are kept"
            )
        if before is None:
            await self._check_exists(client, pair)
        if not self._request.dry_run:  # only now: the lock makes the folder where it is missing
            if self.lock is None or not self.lock.is_held:
                self.lock = await self._run(FolderLock, self._request.local)
            if self._starts_over:
                await self._run(self._archive.forget, pair)
            marker = await self._run(self.lock.mark)
            if self._request.scope.is_whole and not await self._run(self._archive.database.is_writable):
                self._observer.on_notice(forgetful(self._archive.database.path))
            if self._starts_over or marker != before:  # else it is recorded, and to write it again takes an fsync
                await self._run(self._archive.begin, pair, marker)
        self._is_begun = True

    async def _check_exists(self, client: Client, pair: SyncPair) -> None:
        """Raise where what a first sync would begin with does not exist: a name may be mistyped."""
        direction = self._request.options.direction
        is_here = await self._run(os.path.isdir, pair.local)
        if direction is Direction.PUSH and not is_here:
            raise OperatorError(f"{self._request.local} does not exist, or is not a folder: check the path")
        if (direction is Direction.PULL or not is_here) and (await client.cmp(pair.endpoint)).remote is None:
            other = "" if direction is Direction.PULL else f", and neither does {self._request.local} here"
            raise NotFound(f"{pair.endpoint} does not exist on the server{other}")

    async def _read_and_plan(self, client: Client, pair: SyncPair) -> tuple[BothSides, SyncPlan]:
        both = await self._read(client, pair)
        if not self._is_confirmed:
            await self._find_mergeable(client, pair, both)
        return both, self._make_plan(both)

    async def _read(self, client: Client, pair: SyncPair) -> BothSides:
        selection, progress = self._request.selection, self._observer.add_compared
        scope = WHOLE if self._is_view_new or self._starts_over else self._scope
        asked = self._request.asked
        both = await read_both(client, self._context, self._archive, pair, selection, progress, scope, asked)
        here = attrs.evolve(both.here, opaque={**both.here.opaque, **self._unmounted(both)})
        there = attrs.evolve(both.there, opaque={**both.there.opaque, **self._hidden(both)})
        return attrs.evolve(both, here=here, there=there)

    def _hidden(self, both: BothSides) -> Mapping[str, Unsynced]:
        """The names that may be hidden on the server, unless the user allows that many deletions, or starts over."""
        if not self._is_view_new or self._request.max_delete is not None or self._starts_over:
            return {}
        return hidden_names(both.agreed.nodes, both.here.nodes, both.there.nodes)

    def _unmounted(self, both: BothSides) -> Mapping[str, Unsynced]:
        """The folders whose disks may be away, unless the user allows that many deletions, or fills them again."""
        is_asked_for = self._request.options.direction is Direction.PULL or self._request.max_delete is not None
        return {} if is_asked_for or self._starts_over else unmounted_names(both, self._mounts)

    def _make_plan(self, both: BothSides, *, undecided: bool = False) -> SyncPlan:
        """The plan; with `undecided` without the user's preference in conflicts."""
        nodes = {} if self._starts_over else both.agreed.nodes
        options = attrs.evolve(self._request.options, preference=None) if undecided else self._request.options
        plan = make_plan(
            nodes,
            both.agreed.inodes,
            both.here,
            both.there,
            options,
            self._renames,
            both.same_files,
            self._mergeable,
            both.unchanged,
        )
        self._refused = self._request.refused.known(plan)
        if not self._refused:
            return plan
        return attrs.evolve(plan, actions=plan.actions.where(lambda action: action not in self._refused))

    async def _find_mergeable(self, client: Client, pair: SyncPair, both: BothSides) -> None:
        if self._request.options.merge and not self._starts_over:
            conflicts = self._make_plan(both, undecided=True).actions
            self._mergeable = await self._carry_out(client, pair, both).find_mergeable(conflicts)

    async def _confirm(self, pair: SyncPair, both: BothSides, plan: SyncPlan) -> None:
        """Check a plan, and ask about it; what is confirmed may be carried out."""
        problem = self._request.guard.objection(plan, self._request.max_delete)
        if plan.agreed_files and "" not in both.entries:
            problem = without_folder(pair.endpoint, is_view_new=self._is_view_new)
        if problem is not None and not self._request.dry_run:
            raise OperatorError(problem)
        if problem is not None:
            self._observer.on_notice(problem)
        expected = self._request.expected
        if expected is not None and expected.actions != plan.actions:
            raise OperatorError("something has changed on either side since the plan was made: make it again")
        asked = self._request.confirm
        if asked is not None and not self._request.dry_run and not changes_nothing(plan) and not await asked(plan):
            raise SyncDeclined("Nothing was changed.")
        self._is_confirmed = True
        self._renames = {Rename(each.target, each.name, each.to) for each in plan.actions if each.act is Act.MOVE}

    def _permitted(self, plan: SyncPlan) -> SyncPlan:
        """A plan without the steps that were not confirmed: something has changed meanwhile."""
        if plan is self.plan:
            return plan
        allowed = AllowedSteps(self.plan.actions, self._failed)
        actions = step_list()
        for action in plan.actions:
            if (permitted := allowed.permitted(action)) is not None:
                actions.append(permitted)
            elif action.act is not Act.SUSPICIOUS and not self._failed.leaves(action.name):
                reason = "it has changed meanwhile: it is left for the next sync"
                self._observer.add_result(FileResult(Outcome.FAILED, action.name, 0, reason))
        return attrs.evolve(plan, actions=actions)

    def _carry_out(self, client: Client, pair: SyncPair, both: BothSides) -> CarryOut:
        from homeftp.client.sync.carryout import CarryOut  # most syncs have nothing to carry out

        return CarryOut(client, self._context, self._archive, pair, both, self._versions, self._observer, self.results)

    async def _finish(self, client: Client, pair: SyncPair, both: BothSides, plan: SyncPlan) -> None:
        """Carry out all but the names, and remember what is agreed."""
        await self._run(record_same, self._archive, pair, both, self._context.hash_cache)
        await self._run(self._archive.record, pair, plan.agreed, plan.gone, both.here.inodes)
        if len(plan.actions) > PLAIN_ROWS:  # else it is not worth the time
            await self._run(self._context.system.release_memory)
        try:
            if plan.actions:
                await self._change_contents(self._carry_out(client, pair, both), plan)
        finally:
            self._request.refused.end(self.plan)  # the names that it moved are moved, whatever became of the contents
        await self._run(prune_versions, pair.local)

    async def _change_contents(self, carry: CarryOut, plan: SyncPlan) -> None:
        """Copy, merge and delete, in an order in which nothing is in the way of what comes next."""
        contents = plan.actions.where(lambda action: action.act in _CONTENTS)
        first, last = split_deletions(plan.actions, contents, self._failed)
        merges = [action for action in plan.actions if action.act is Act.MERGE]
        self._observer.on_plan(*count_sources(chain(contents, merges)))
        await carry.delete(first)
        await carry.transfer(contents, self._failed)
        refused = self.results.refused
        for action in contents if refused else ():
            if action.name in refused:
                self._request.refused.record(action, refused[action.name])
        await carry.merge(merges)
        await carry.delete_copied(last, self._failed, self.plan)
        for action in plan.actions.where(lambda action: action.act is Act.SUSPICIOUS):
            self._observer.add_result(FileResult(Outcome.SUSPICIOUS, action.name, 0, suspicion(action)))

    def _report_unsynced(self, plan: SyncPlan) -> None:
        for name, unsynced in plan.reported.items():
            outcome = Outcome.FAILED if unsynced.failed else Outcome.SKIPPED
            self._observer.add_result(FileResult(outcome, name, 0, unsynced.reason, kind="other"))
