"""Finding names that one side cannot have beside each other, because it takes them for one.

Most servers refuse a new name that differs from one beside it only in case or in the form of its letters, and many
disks hold only one of the two. None of them can be known to be right: what would be created is left out, and reported.
"""

from __future__ import annotations

from itertools import chain
from typing import AbstractSet, Callable, Container, Iterable, Iterator, Mapping, Sequence

from homeftp.client.plan.spelling import clash_reason
from homeftp.client.sync.model import Act, Side, SyncAction, SyncNode, Unsynced, is_within
from homeftp.client.tables.nameset import NameSet
from homeftp.client.tables.nametable import NameTable
from homeftp.endpoint import folded

Tables = Mapping[Side, NameTable[SyncNode]]
"""Both sides, as they are when a plan's renames are carried out."""


def find_clashes(
    base: Container[str],
    tables: Tables,
    unchanged: NameSet,
    actions: Iterable[SyncAction],
    folds: Mapping[Side, Callable[[str], bool]],
) -> Mapping[str, Unsynced]:
    """The names that a plan must leave out, because a side takes several of them for one.

    `folds` says of each side in which directories it does so. `base` has the names that are agreed on. It and the
    `tables` lack the files that are `unchanged` on both sides. What a side has already stays as it is.
    """
    moves = [action for action in actions if action.act is Act.MOVE]
    groups = list(_groups(tables, unchanged, {action.to for action in moves}))
    if not groups:
        return {}
    grouped = frozenset(chain.from_iterable(groups))
    steps: dict[str, list[SyncAction]] = {}
    for action in actions:
        name = action.to if action.act is Act.MOVE else action.name
        if name in grouped:
            steps.setdefault(name, []).append(action)
    clashes: dict[str, Unsynced] = {}
    for group in groups:
        folding = [side for side, is_folding in folds.items() if is_folding(group[0].rpartition("/")[0])]
        for side in folding:
            clashes.update(_clashes_on(side, group, tables, unchanged, steps))
        if Side.HERE in folding and _is_half_held(group, base, tables[Side.HERE], unchanged, steps):
            clashes.update(_left_out(group, group, Side.HERE))
    return {before: reason for name, reason in clashes.items() for before in _before(name, moves)}


def _before(name: str, moves: Sequence[SyncAction]) -> Iterator[str]:
    """A name, and what it is called on each side, and in what is agreed, before the renames of a plan."""
    yield name
    for sides in (*((side,) for side in Side), tuple(Side)):
        each = name
        for move in reversed(moves):
            if move.target in sides and is_within(each, move.to):
                each = move.name + each[len(move.to) :]
        yield each


def _groups(tables: Tables, unchanged: NameSet, moved: AbstractSet[str]) -> Iterator[Sequence[str]]:
    """The names in one folder that are equal when they are folded, and that a side may get; two or more of each."""
    here, there = tables[Side.HERE], tables[Side.THERE]
    renamed: dict[str, set[str]] = {}
    for name in moved:
        renamed.setdefault(name.rpartition("/")[0], set()).add(name)
    for folder in here.folders() | there.folders():
        sides = [{name for name, _ in table.inside(folder)} for table in (here, there)]
        new = (sides[0] ^ sides[1]) | renamed.get(folder, set())
        if not new:
            continue
        start = len(folder) + 1 if folder else 0
        names: dict[str, list[str]] = {}
        for name in new:
            names.setdefault(folded(name[start:]), []).append(name)
        for name in chain((sides[0] & sides[1]) - new, unchanged.names_in(folder)):
            alike = names.get(folded(name[start:]))
            if alike is not None:
                alike.append(name)
        yield from (sorted(alike) for alike in names.values() if len(alike) > 1)


def _clashes_on(
    side: Side, group: Sequence[str], tables: Tables, unchanged: NameSet, steps: Mapping[str, Sequence[SyncAction]]
) -> Mapping[str, Unsynced]:
    """The names of a group that a side cannot get."""
    stays, new = [], []
    for name in group:
        acts = {action.act for action in steps.get(name, ()) if action.target is side}
        exists = Act.MOVE not in acts and (name in tables[side] or name in unchanged)
        if exists and Act.DELETE not in acts:
            stays.append(name)
        elif acts & {Act.COPY, Act.MOVE}:
            new.append(name)
    return _left_out(new, [*stays, *new], side) if len(stays) + len(new) > 1 else {}


def _is_half_held(
    group: Sequence[str],
    base: Container[str],
    here: Container[str],
    unchanged: NameSet,
    steps: Mapping[str, Sequence[SyncAction]],
) -> bool:
    """Whether a disk has only one of several names that were agreed on, as after a copy to such a disk.

    No person has decided what became of the others.
    """
    known = [name for name in group if name in base or name in unchanged]
    gone = [name for name in known if any(_is_deletion_there(action) for action in steps.get(name, ()))]
    return bool(gone) and any(name in here or name in unchanged for name in known)


def _is_deletion_there(action: SyncAction) -> bool:
    return action.act is Act.DELETE and action.target is Side.THERE


def _left_out(names: Iterable[str], group: Sequence[str], side: Side) -> Mapping[str, Unsynced]:
    """Why these names of a group are left out."""
    clashes = {}
    for name in names:
        other = next(each for each in group if each != name)
        clashes[name] = Unsynced(clash_reason(other, here=side is Side.HERE), failed=True)
    return clashes
