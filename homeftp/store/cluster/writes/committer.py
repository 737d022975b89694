"""The rules of all changes of the tree, and of the versions that they leave, over a `Workspace`.

Each method first checks everything that can refuse it, and then changes: what is refused has changed nothing, so that
many requests can share a transaction.
"""

from __future__ import annotations

from functools import partial
from typing import Callable, Sequence

import attrs
from msgspec import structs

from homeftp.endpoint import Endpoint
from homeftp.errors import BadEndpoint, Busy, NoSpace
from homeftp.metadata.modes import kept_mode
from homeftp.model import SECOND_US, Actor, Change, Entry, WriteRequest
from homeftp.store.cluster.base.rows import FileRow, Names, NodeRow, path_names
from homeftp.store.cluster.tables import names as names_table
from homeftp.store.cluster.tables import shares, uploads, usage, versions
from homeftp.store.cluster.tables.uploads import UploadRow
from homeftp.store.cluster.writes.workspace import Workspace
from homeftp.store.policy import limits, similarnames, wording
from homeftp.store.policy.disclosure import declarable
from homeftp.store.policy.preconditions import check, check_directory, check_replaceable, check_source

_EVICTED_AT_ONCE = 100
"""Versions that are looked for at once, to be removed for new files."""


@attrs.frozen
class _Need:
    """A quota that counts something that needs space."""

    top: Names
    quota: int
    left: int
    """Bytes that it leaves; below 0 where more is used."""
    refused: Callable[[], NoSpace]
    any_age: bool
    """Whether protected versions may go for it."""
    own: bool = True
    """Whether it is that of the account, and not that of the store."""


class ClusterCommitter:
    """Changes a workspace by the rules."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._context = workspace.context

    def existing(self, endpoint: Endpoint) -> NodeRow:
        """The row at an endpoint; raises `NotFound` (40), and `FiletypeNotAllowed` (42)."""
        node = self.workspace.get(endpoint)
        if node is None:
            self._context.limits.filetypes.check_absent(endpoint)
            raise wording.not_found(endpoint)
        if not node.directory:
            self._context.limits.filetypes.check(endpoint)
        return node

    def source(self, endpoint: Endpoint, precondition: str | None) -> NodeRow:
        """The row to copy, move, remove or give metadata, if it meets the precondition."""
        node = self.existing(endpoint)
        check_source(endpoint, node.kind, precondition)
        check(endpoint, node.entry(), precondition)
        return node

    def entry(self, endpoint: Endpoint) -> Entry | None:
        """The entry at an endpoint, for preconditions."""
        node = self.workspace.get(endpoint)
        return None if node is None else node.entry()

    # -- files ---------------------------------------------------------------------

    def put(self, request: WriteRequest, size: int, hash: str, content: Callable[[], int | None]) -> NodeRow:
        """Put a new file in place; `content` gives the number of its content as soon as nothing refuses it."""
        actor, old = request.actor, self.workspace.get(request.endpoint)
        if request.mode is None and old is not None:
            request = structs.replace(request, mode=old.mode)
        node = self.workspace.new("file", request, size, hash)
        return self.place(request.endpoint, node, content, request.precondition, actor, keeps_empty=request.keeps_empty)

    def place(
        self,
        endpoint: Endpoint,
        file: NodeRow,
        content: Callable[[], int | None],
        precondition: str | None,
        actor: Actor,
        *,
        reserve: bool = True,
        keeps_empty: bool = True,
    ) -> NodeRow:
        """Put a file in place; the file that it replaces becomes a version, unless it is empty and not to be kept."""
        existing = self.workspace.get(endpoint)
        check_replaceable(endpoint, self.entry(endpoint), precondition)
        missing = self.workspace.missing(endpoint.parent)
        self._check_names(endpoint, missing, new=existing is None)
        if reserve:
            self.reserve(endpoint, usage.cost(file.size) + len(missing) * usage.cost(0), actor)
        self._add_directories(missing, actor)
        file = structs.replace(file, content=content())
        change = Change("add", "file", endpoint, actor, None, file.size, file.hash)
        if existing is None:
            placed = self.workspace.insert(endpoint, file)
        else:
            placed = self._replace(endpoint, existing, file, keeps=keeps_empty or existing.size > 0)
            change = structs.replace(change, what="replace", old_size=existing.size, old_hash=existing.hash)
        self.workspace.changes.append(change)
        return placed

    def move_file(self, source: Endpoint, target: Endpoint, precondition: str | None, actor: Actor) -> NodeRow:
        """Give a file, which exists, another name; the file that it replaces becomes a version."""
        node, existing = self.workspace.get(source), self.workspace.get(target)
        assert node is not None
        self._context.limits.filetypes.check(target)
        check_replaceable(target, self.entry(target), precondition)
        missing = self.workspace.missing(target.parent)
        self._check_names(target, missing, new=existing is None, moved_from=source)
        self._reserve_directories(target, missing, actor)
        self._add_directories(missing, actor)
        change = Change("move", "file", source, actor, target, node.size, node.hash)
        if existing is None:
            placed = self.workspace.move(source, target)
        else:
            self.workspace.delete(source)
            placed = self._replace(target, existing, structs.replace(node, tag=self.workspace.number()))
            change = structs.replace(change, old_size=existing.size, old_hash=existing.hash)
        self.workspace.changes.append(change)
        return placed

    def _replace(self, endpoint: Endpoint, existing: NodeRow, file: NodeRow, *, keeps: bool = True) -> NodeRow:
        """Give a file that exists what another one has: its row stays, so that who waits for it finds it."""
        # what was found in place of the content that comes back is a content of its own
        mends = bool(existing.found) and existing.hash == file.hash
        if keeps:
            old = structs.replace(existing, hash=existing.found, found=None) if mends else existing
            self.workspace.keep(endpoint, old)
        placed = structs.replace(file, id=existing.id, parent=existing.parent, name=existing.name, alike=existing.alike)
        self.workspace.change(endpoint, placed)
        return placed

    def remove(self, endpoint: Endpoint, actor: Actor, at_us: int | None = None) -> None:
        """Remove a file, which becomes a version, or a directory that is empty."""
        node = self.workspace.get(endpoint)
        assert node is not None
        change = Change("delete", node.kind, endpoint, actor)
        self.workspace.delete(endpoint)
        if not node.directory:
            self.workspace.keep(endpoint, node, at_us)
            change = structs.replace(change, old_size=node.size, old_hash=node.hash)
        self.workspace.changes.append(change)

    # -- directories and metadata --------------------------------------------------

    def make_directory(self, request: WriteRequest) -> NodeRow:
        """Make a directory and its missing parents; one that exists gets the metadata."""
        endpoint, actor = request.endpoint, request.actor
        existing = self.workspace.get(endpoint)
        check_directory(endpoint, None if existing is None else existing.kind, request.precondition)
        missing = self.workspace.missing(endpoint)
        self._check_names(endpoint, missing)
        self._reserve_directories(endpoint, missing, actor)
        self._add_directories(missing, actor)
        if request.mtime_us is not None or request.mode is not None:
            return self.set_metadata(endpoint, request.mtime_us, request.mode, actor)
        node = self.workspace.get(endpoint)
        assert node is not None
        return node

    def add_parents(self, endpoint: Endpoint, actor: Actor, *, moved_from: Endpoint) -> None:
        """Make what is missing on the way to a name that is about to be given, if that may be."""
        missing = self.workspace.missing(endpoint.parent)
        self._check_names(endpoint, missing, new=True, moved_from=moved_from)
        self._reserve_directories(endpoint, missing, actor)
        self._add_directories(missing, actor)

    def set_metadata(self, endpoint: Endpoint, mtime_us: int | None, mode: int | None, actor: Actor) -> NodeRow:
        """Change mtime and mode of what exists, where they are given."""
        node = self.workspace.get(endpoint)
        assert node is not None
        changed = structs.replace(
            node,
            tag=self.workspace.number(),
            mtime_us=node.mtime_us if mtime_us is None else mtime_us,
            mode=node.mode if mode is None else kept_mode(node.kind, mode),
        )
        self.workspace.change(endpoint, changed)
        self.workspace.changes.append(Change("metadata", node.kind, endpoint, actor))
        return changed

    def _check_names(
        self, endpoint: Endpoint, missing: list[Endpoint], *, new: bool = False, moved_from: Endpoint | None = None
    ) -> None:
        """Raise `BadEndpoint` (41) for a new name that is too similar to a sibling's, or makes too long a path."""
        if new or missing:
            limits.check_path(endpoint, most=self._context.limits.path_bytes)
        if not self._context.options.similar_names:
            for each in [*missing, *([endpoint] if new else [])]:
                similarnames.check(each.name, self.workspace.similar_names(each, moved_from))

    def _reserve_directories(self, endpoint: Endpoint, missing: list[Endpoint], actor: Actor) -> None:
        if missing:
            self.reserve(endpoint, len(missing) * usage.cost(0), actor)

    def _add_directories(self, missing: list[Endpoint], actor: Actor) -> None:
        for each in missing:
            self.workspace.insert(each, self.workspace.new("directory", WriteRequest(endpoint=each)))
            self.workspace.changes.append(Change("add", "directory", each, actor))

    # -- space ---------------------------------------------------------------------

    def cost(self, endpoint: Endpoint, size: int) -> int:
        """The bytes that a file of `size` counts for, and the directories that are missing on the way to it."""
        return usage.cost(size) + usage.cost(0) * len(self.workspace.missing(endpoint.parent))

    def reserve(self, endpoint: Endpoint, size: int, actor: Actor, *, arrived: bool = True) -> None:
        """Free space for `size` bytes of an actor, within its quota and that of the store.

        The oldest versions go, as far as they are not protected, and then partial uploads of the same account; nothing
        goes where that is not enough, or for what has not arrived. Raises `NoSpace` (52).
        """
        allotment, quota = actor.allotment, self._context.options.quota
        needs: list[_Need] = []
        if allotment is not None and allotment.quota is not None:
            left = allotment.quota - self._used(allotment.home.parts)
            refused = partial(wording.over_quota, endpoint, allotment.quota, size, left if actor.sees_home else None)
            needs.append(_Need(allotment.home.parts, allotment.quota, left, refused, allotment.may_discard))
        if quota is not None:
            left = quota - self._used(())
            refused = partial(wording.over_store_quota, endpoint, size, left if actor.sees_all else None)
            needs.append(_Need((), quota, left, refused, False, own=False))
        partials: list[UploadRow] = []
        if any(size > need.left for need in needs):
            partials = uploads.of_owner(self.workspace.transaction, self._context.share.id, actor.owner)
        of_partials = sum(usage.cost(each.arrived) for each in partials)
        self._expect_enough(needs, size, of_partials, None if arrived else actor)
        for need in needs:
            if arrived:
                short = self._used(need.top) + size - need.quota  # what went for the one before counts here, too
                short = self._evict_versions(short, need.top, actor, None if need.any_age else self._before_us)
                short = self._evict_partials(short, partials, actor)
            self.workspace.limits[need.top] = need.quota

    def _used(self, top: Names) -> int:
        used = self.workspace.used(top)
        if used is None:
            raise Busy("the folder that your quota counts was just moved: try again; nothing was changed")
        return used

    @property
    def _before_us(self) -> int:
        """Versions that were replaced or removed later are protected."""
        return self.workspace.now_us - int(self._context.options.retention.protected_seconds * SECOND_US)

    def _expect_enough(self, needs: Sequence[_Need], size: int, of_partials: int, declaring: Actor | None) -> None:
        """Raise what refuses `size` bytes, before anything goes: it may be an item of many, and the others stay.

        `declaring`: who declares them, where they have not arrived.
        """
        transaction, share = self.workspace.transaction, self._context.share.id
        reached = protected = 0  # for a size above `reached` the need before removes so many bytes that are protected
        for need in needs:
            if size <= need.left:
                continue
            unprotected = usage.evictable(transaction, share, need.top, self._before_us)
            removable = usage.evictable(transaction, share, need.top, None) if need.any_age else unprotected
            most = need.left + removable + of_partials
            most += protected if most >= reached else 0
            if size > (most if declaring is None else declarable(most, declaring, own=need.own)):
                raise need.refused()
            reached, protected = need.left + unprotected, removable - unprotected

    def _evict_partials(self, short: int, partials: list[UploadRow], actor: Actor) -> int:
        while short > 0 and partials:
            each = partials.pop(0)
            short -= usage.cost(each.arrived)
            self._evict(each.names, "upload", each.arrived, each.content, actor, each.owner)
            uploads.delete(self.workspace.transaction, [each.id])
        return short

    def _evict_versions(self, short: int, home: Names, actor: Actor, before_us: int | None) -> int:
        transaction, share = self.workspace.transaction, self._context.share.id
        until = None if before_us is None else before_us + 1
        while short > 0:
            found = versions.oldest(transaction, share, home, until, _EVICTED_AT_ONCE)
            for each in found:
                if short > 0 and versions.delete(transaction, share, each):
                    short -= usage.cost(each.size)
                    self._evict(path_names(each.path), "version", each.size, each.content, actor)
            if not found:
                break
        return short

    def _evict(
        self, names: Names, kind: str, size: int, content: int | None, actor: Actor, owner: str | None = None
    ) -> None:
        if content is not None:
            self.workspace.drop(content)
        self.workspace.charge(names, -usage.cost(size))
        self.workspace.changes.append(Change("evict", kind, Endpoint(names), actor, old_size=size, owner=owner))


def check_reach(workspace: Workspace, source: Endpoint, target: Endpoint, node: NodeRow) -> None:
    """Raise `BadEndpoint` (41) where something in a directory would have too long a path at its new name.

    The row of the store has the longest path that it ever held: most moves need not look at what is in the directory.
    """
    transaction, share = workspace.transaction, workspace.context.share.id
    check = partial(limits.check_path, target, most=workspace.context.limits.path_bytes)
    longest, deepest = shares.reach(transaction, share)
    old, new = len(source.whole.encode()), len(target.whole.encode())
    longest, deepest = max(0, longest - old), max(0, deepest - len(source.parts))
    grown = new > old or len(target.parts) > len(source.parts)
    if grown:
        try:
            check(longest, deepest)
        except BadEndpoint:  # perhaps: now that is found out exactly
            longest, deepest = names_table.reach(transaction, node.id)
            check(longest, deepest)
        shares.reached(transaction, share, new + longest, len(target.parts) + deepest)


def as_file(row: FileRow, node: NodeRow) -> NodeRow:
    """A new node with the content and the metadata of a version, or of another file."""
    return structs.replace(
        node,
        mtime_us=row.mtime_us,
        mode=row.mode,
        size=row.size,
        hash=row.hash,
        content=row.content,
        made_us=row.made_us,
        found=row.found,
        checked_us=row.checked_us,
    )
