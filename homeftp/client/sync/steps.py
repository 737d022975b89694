"""The steps of a plan: what they do together, and which of a new plan were in the one that was confirmed."""

from __future__ import annotations

from typing import AbstractSet, Iterable

import attrs

from homeftp.client.sync.model import Act, Side, SyncAction, SyncPlan, is_within
from homeftp.client.sync.naming.renames import Rename
from homeftp.client.tables.nameset import NameSet, upwards
from homeftp.client.tables.packedlist import PackedList
from homeftp.endpoint import folded


def changes_nothing(plan: SyncPlan) -> bool:
    """Whether a plan has nothing to carry out; something may wait for a person."""
    return all(action.act is Act.SUSPICIOUS for action in plan.actions)


def count_sources(actions: Iterable[SyncAction]) -> tuple[int, int]:
    """How many files the sources of some steps are, and how many bytes these have."""
    files = size = 0
    for action in actions:
        source = action.source
        if source is not None and source.kind == "file":
            files, size = files + 1, size + source.size
    return files, size


class InTheWay:
    """The deletions that make way for a copy: of what has its name, and of what is beneath that.

    A similar name counts as the same: some disks and servers cannot have two of them beside each other.
    """

    def __init__(self, deletions: Iterable[SyncAction], contents: Iterable[SyncAction]) -> None:
        deleted = NameSet()
        deleted.update(folded(action.name) for action in deletions)
        above = {each for name in deleted for each in upwards(name.rpartition("/")[0])}
        given = ((action.target, folded(action.name)) for action in (contents if deleted else ()))
        self._given = {(target, name) for target, name in given if name in above or name in deleted}

    def __contains__(self, action: SyncAction) -> bool:
        return any((action.target, name) in self._given for name in upwards(folded(action.name)))


@attrs.frozen
class NotCopied:
    """The deletions that must wait, because the file or folder was not copied to its new name."""

    renames: dict[Rename, str] = attrs.field(factory=dict)
    """The renames in whose place they are, with the reasons why these were not possible."""
    _names: set[tuple[Side, str]] = attrs.field(factory=set)

    def add(self, action: SyncAction) -> None:
        """Something stays, and with it the directories around it."""
        self._names.update((action.target, name) for name in upwards(action.name))

    def __contains__(self, action: SyncAction) -> bool:
        return (action.target, action.name) in self._names


class FailedRenames:
    """The renames of a plan that were not possible.

    If a rename leads to another disk, or the server does not permit it, it is `copied`: the file or folder is copied to
    the new name, and deleted under the old one if that copy succeeded. All others are left for the next sync.
    """

    def __init__(self) -> None:
        self._copied: dict[tuple[Side, str], tuple[int, Rename, str]] = {}
        """The copied ones by target and old name, each with its place in the order and the reason."""
        self._new: set[tuple[Side, str]] = set()
        """The targets and new names of the copied ones."""
        self._there = NameSet()
        """The names at and beneath the new ones under which both sides have the same content."""
        self._left: set[Rename] = set()

    @property
    def all(self) -> AbstractSet[Rename]:
        """All renames that were not possible."""
        return self._left.union(rename for _, rename, _ in self._copied.values())

    def add(self, rename: Rename, reason: str, *, copied: bool) -> None:
        """Add a rename that was not possible."""
        if copied:
            self._copied.setdefault((rename.target, rename.old), (len(self._copied), rename, reason))
            self._new.add((rename.target, rename.new))
        else:
            self._left.add(rename)

    def copies(self, side: Side, name: str) -> bool:
        """Whether a name is, or is beneath, the new name of a copied rename on a side."""
        return bool(self._new) and any((side, each) in self._new for each in upwards(name))

    def add_copy(self, name: str) -> None:
        """Note that both sides have the same content under a name now."""
        if any(self.copies(side, name) for side in Side):
            self._there.add(name)

    def replaces(self, action: SyncAction) -> bool:
        """Whether a step is part of a copy and deletion in place of a rename."""
        if action.act is Act.COPY:
            return self.copies(action.target, action.name)
        return action.act is Act.DELETE and self._first(action.target, action.name) is not None

    def _first(self, side: Side, name: str, behind: int = -1) -> tuple[int, Rename, str] | None:
        """The first copied rename of a name, or of a folder around it, after the place `behind` in the order."""
        if not self._copied:
            return None
        found = [self._copied[side, each] for each in upwards(name) if (side, each) in self._copied]
        return min((each for each in found if each[0] > behind), default=None)

    def new_name(self, side: Side, name: str) -> str:
        """The name that a file or folder would have if all copied renames had been possible."""
        place = -1
        while (found := self._first(side, name, place)) is not None:
            place, rename, _ = found
            name = rename.new + name[len(rename.old) :]
        return name

    def not_copied(self, deletions: Iterable[SyncAction], plan: SyncPlan) -> NotCopied:
        """Find the deletions that must wait, because no copy is there under the new name.

        What the confirmed `plan` deletes under the new name need not be there. In `deletions` files come before
        directories, and the deepest directories first.
        """
        found = NotCopied()
        if not self._copied:
            return found
        confirmed = {(each.target, each.name) for each in plan.actions if each.act is Act.DELETE}
        for action in deletions:
            first = self._first(action.target, action.name)
            new = self.new_name(action.target, action.name)
            if action in found or first is None or new in self._there or (action.target, new) in confirmed:
                continue
            found.add(action)
            found.renames[first[1]] = first[2]
        return found

    def leaves(self, name: str) -> bool:
        """Whether a name is in a rename that was left for the next sync, which was reported."""
        return any(is_within(name, each.old) or is_within(name, each.new) for each in self._left)


class AllowedSteps:
    """The steps that were confirmed, and the steps that take the place of confirmed renames that `failed`."""

    def __init__(self, actions: Iterable[SyncAction], failed: FailedRenames) -> None:
        self._failed = failed
        self._names: dict[tuple[Act, Side], NameSet] = {}
        self._renames: set[tuple[Act, Side, str, str]] = set()
        for action in actions:
            if action.to:
                self._renames.add((action.act, action.target, action.name, action.to))
            else:
                self._names.setdefault((action.act, action.target), NameSet()).add(action.name)

    def permitted(self, action: SyncAction) -> SyncAction | None:
        """A step of a new plan as it was confirmed; None where it was not.

        A folder that was to be copied exists already where something was renamed into it. Then only its mode is
        missing.
        """
        if action.to:
            return action if (action.act, action.target, action.name, action.to) in self._renames else None
        if self._has(action.act, action.target, action.name) or self._failed.replaces(action):
            return action
        if action.act is Act.METADATA:
            for side in Side:
                if self._has(Act.COPY, side, action.name):
                    return action._replace(target=side)
        return None

    def _has(self, act: Act, side: Side, name: str) -> bool:
        names = self._names.get((act, side))
        return names is not None and name in names


def split_deletions(
    actions: PackedList[SyncAction], contents: Iterable[SyncAction], failed: FailedRenames
) -> tuple[PackedList[SyncAction], PackedList[SyncAction]]:
    """The deletions that come before `contents` are copied, since they make way for these, and those that come last.

    What is deleted in the place of a rename has to be copied first.
    """
    deletions = actions.where(lambda action: action.act is Act.DELETE)
    in_the_way = InTheWay(deletions, contents)

    def is_first(action: SyncAction) -> bool:
        return action in in_the_way and not failed.replaces(action)

    return deletions.where(is_first), deletions.where(lambda action: not is_first(action))


def without_unnamed(plan: SyncPlan) -> SyncPlan:
    """A plan without the files that were to get another name and have not got it, and what is to be in their places."""
    names = {each for action in plan.actions if action.act is Act.KEEP_BOTH for each in (action.name, action.to)}
    if not names:
        return plan
    return attrs.evolve(plan, actions=plan.actions.where(lambda action: names.isdisjoint(upwards(action.name))))
