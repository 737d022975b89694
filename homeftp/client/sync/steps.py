"""The steps of a plan: what they do together, and which of a new plan were in the one that was confirmed."""

from __future__ import annotations

from typing import AbstractSet, Iterable

import attrs

from homeftp.client.sync.model import Act, Side, SyncAction, SyncPlan, is_within
from homeftp.client.sync.naming.renames import Rename
from homeftp.client.tables.nameset import NameSet
from homeftp.client.tables.nametable import upwards
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


class FailedRenames:
    """The renames of a plan that were not possible.

    One that leads to another disk, or that the server does not permit, is `copied`: what it is about is copied to the
    new name and deleted under the old one, as far as that is possible. All others are left for the next sync.
    """

    def __init__(self) -> None:
        self._copied: set[Rename] = set()
        self._left: set[Rename] = set()

    @property
    def all(self) -> AbstractSet[Rename]:
        """All of them."""
        return self._copied | self._left

    def add(self, rename: Rename, *, copied: bool) -> None:
        """A rename was not possible."""
        (self._copied if copied else self._left).add(rename)

    def copies(self, side: Side, name: str) -> bool:
        """Whether a name is one that a side gets by a copy, and has not been given yet."""
        return any(each.target is side and is_within(name, each.new) for each in self._copied)

    def replaces(self, action: SyncAction) -> bool:
        """Whether a step is part of what is done in the place of a rename."""
        if action.act is Act.COPY:
            return self.copies(action.target, action.name)
        deletes = action.act is Act.DELETE
        return deletes and any(
            each.target is action.target and is_within(action.name, each.old) for each in self._copied
        )

    def leaves(self, name: str) -> bool:
        """Whether it was said of a name that it was not renamed, or of a folder around it."""
        return any(is_within(name, each.old) or is_within(name, each.new) for each in self._left)


class AllowedSteps:
    """The steps that were confirmed, and what is done in the place of those renames among them that have `failed`."""

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


def without_unnamed(plan: SyncPlan) -> SyncPlan:
    """A plan without the files that were to get another name and have not got it, and what is to be in their places."""
    names = {each for action in plan.actions if action.act is Act.KEEP_BOTH for each in (action.name, action.to)}
    if not names:
        return plan
    return attrs.evolve(plan, actions=plan.actions.where(lambda action: names.isdisjoint(upwards(action.name))))
