"""The steps of a plan: what they do together, and which of a new plan were in the one that was confirmed."""

from __future__ import annotations

from typing import Container, Iterable

import attrs

from homeftp.client.sync.model import Act, Side, SyncAction, SyncPlan, upwards
from homeftp.endpoint import folded


def changes_nothing(plan: SyncPlan) -> bool:
    """Whether a plan has nothing to carry out; something may wait for a person."""
    return all(action.act is Act.SUSPICIOUS for action in plan.actions)


def cleared_first(deletions: Iterable[SyncAction], contents: Iterable[SyncAction]) -> list[SyncAction]:
    """The deletions of what has, or is within what has, the name of something that is copied there.

    A similar name counts as the same: some disks and servers cannot have two of them beside each other.
    """
    deletions = list(deletions)
    given = {(action.target, folded(action.name)) for action in contents} if deletions else set()
    return [
        action for action in deletions if any((action.target, name) in given for name in upwards(folded(action.name)))
    ]


def identity_of(action: SyncAction) -> tuple[object, ...]:
    """The fields that are equal where a step of a new plan is one of the old plan."""
    return action.act, action.target, action.name, action.to


def as_allowed(action: SyncAction, allowed: Container[tuple[object, ...]]) -> SyncAction | None:
    """A step of a new plan as it was confirmed; None where it was not.

    A folder that was to be copied exists already where something was renamed into it. Then only its mode is missing.
    """
    if identity_of(action) in allowed:
        return action
    if action.act is Act.METADATA:
        for side in Side:
            if identity_of(action._replace(act=Act.COPY, target=side)) in allowed:
                return action._replace(target=side)
    return None


def without_unnamed(plan: SyncPlan) -> SyncPlan:
    """A plan without the files that were to get another name and have not got it, and what is to be in their places."""
    names = {each for action in plan.actions if action.act is Act.KEEP_BOTH for each in (action.name, action.to)}
    if not names:
        return plan
    return attrs.evolve(plan, actions=plan.actions.where(lambda action: names.isdisjoint(upwards(action.name))))
