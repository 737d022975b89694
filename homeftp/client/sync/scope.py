"""The scope of a sync: some names of a pair with all beneath them, or the whole. No input and no output."""

from __future__ import annotations

from typing import Collection, Iterable, Mapping

import attrs

from homeftp.client.selection import IGNORE_FILE
from homeftp.client.sync.model import Act, Side, SyncAction, SyncPlan

MOST_PARTS = 256
"""Parts of a scope, each of which costs a request: with more of them the folders around them are compared."""


@attrs.frozen
class Scope:
    """Some parts of a pair, each a name relative to the folder with all beneath it; `WHOLE` is all of it."""

    parts: frozenset[str] = frozenset()
    """None of them is beneath another. The name "" is the whole folder."""

    @classmethod
    def of(cls, names: Iterable[str]) -> Scope:
        """The scope in which all these names are, no larger than it has to be.

        An ignore file decides about what is anywhere beneath it, so it stands for the folder that it is in. Many names
        stand for the folders that they are in.
        """
        parts = _topmost({_above(name) if name.rpartition("/")[2] == IGNORE_FILE else name for name in names})
        while len(parts) > MOST_PARTS:
            parts = _topmost(set(map(_above, parts)))
        return cls(parts)

    @property
    def is_whole(self) -> bool:
        """Whether all names are in it."""
        return "" in self.parts

    def __bool__(self) -> bool:
        """Whether any name is in it."""
        return bool(self.parts)

    def __or__(self, other: Scope) -> Scope:
        """The scope of the names that are in either."""
        return Scope.of(self.parts | other.parts)

    def __contains__(self, name: str) -> bool:
        """Whether a name is one of the parts, or beneath one."""
        return _is_covered(name, self.parts)


WHOLE = Scope(frozenset({""}))
"""All of a pair."""


def _above(name: str) -> str:
    return name.rpartition("/")[0]


def _is_covered(name: str, parts: Collection[str]) -> bool:
    while name:
        if name in parts:
            return True
        name = _above(name)
    return "" in parts


def _topmost(names: set[str]) -> frozenset[str]:
    """The names without those beneath others."""
    if "" in names:
        return WHOLE.parts
    return frozenset(name for name in names if not _is_covered(_above(name), names))


def needs_whole(plan: SyncPlan, agreed: Collection[str]) -> bool:
    """Whether a plan for a part of a pair is better made of the whole; `agreed` are the names with an agreement.

    A copy of a conflict needs a name that no other copy has. And what is to come back to a side that deleted it may
    have been renamed on that side, to a name that is not in the part.
    """
    return any(
        action.act is Act.KEEP_BOTH
        or (action.act is Act.COPY and action.name in agreed and action.node(action.target) is None)
        for action in plan.actions
    )


class RefusedCopies:
    """The files that the server has refused in a watch: sent again with a look at everything, not with each event.

    It is sent sooner where it has changed on either side, and where a name beside it has gone: it may have been in the
    way.
    """

    def __init__(self) -> None:
        self._reasons: dict[SyncAction, str] = {}
        """By the step without the hash here, which is not known before the file was read."""

    def record(self, action: SyncAction, reason: str) -> None:
        """The server has refused this step, for this reason."""
        if action.act is Act.COPY and action.target is Side.THERE:
            self._reasons[_without_hash(action)] = reason

    def begin(self, scope: Scope) -> None:
        """A sync of this scope begins: one of all tries everything again."""
        if scope.is_whole:
            self._reasons.clear()

    def end(self, plan: SyncPlan) -> None:
        """A sync ends in which this plan was carried out: names that went may have been in the way."""
        beside = {_above(action.name) for action in plan.actions if action.act in (Act.MOVE, Act.DELETE)}
        if beside:
            self._reasons = {each: why for each, why in self._reasons.items() if _above(each.name) not in beside}

    def known(self, plan: SyncPlan) -> Mapping[SyncAction, str]:
        """The steps of a plan that would be refused again, with the reason."""
        if not self._reasons:
            return {}
        found = ((action, self._reasons.get(_without_hash(action))) for action in plan.actions)
        return {action: reason for action, reason in found if reason is not None}


def _without_hash(action: SyncAction) -> SyncAction:
    return action if action.here is None else action._replace(here=action.here._replace(hash=None))
