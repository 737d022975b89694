"""Making a plan of three trees: what is here, what is there, and what both agreed on last. A pure function.

Each name is decided about by itself (`decision`). Then the decisions are made to fit together: a directory stays as
long as something in it does, and a file that is in the way of a directory that stays gets another name.
"""

from __future__ import annotations

import enum
import heapq
from itertools import chain
from types import MappingProxyType
from typing import Collection, Container, Iterable, Mapping

import attrs

from homeftp.client.sync.decision import Decision, decide, decide_metadata
from homeftp.client.sync.model import (
    Act,
    Direction,
    Side,
    SyncAction,
    SyncNode,
    SyncOptions,
    SyncPlan,
    SyncTree,
    Unsynced,
    copy_nodes,
    node_table,
    same_content,
    step_list,
)
from homeftp.client.sync.naming.copynames import copy_name, is_copy_of, original_endpoint
from homeftp.client.sync.naming.renames import Rename, follow_renames, rename_node
from homeftp.client.tables.allnames import AllNames, name_order
from homeftp.client.tables.nameset import NameSet, is_beneath, upwards
from homeftp.client.tables.nametable import NameTable
from homeftp.client.tables.packedlist import PackedList
from homeftp.endpoint import folded

_DIRECTORY = SyncNode("directory")

Edits = tuple[SyncNode | None, SyncNode | None]
"""The entries here and there of a file that both sides have changed."""

_NOTHING: Mapping[str, Edits] = MappingProxyType({})


_LINK = Unsynced(
    "it was changed on the server, and is a link here, or reached by one: what a link leads to is not changed. Change "
    "it here yourself, or remove the link",
    failed=True,
)


class _Step(enum.IntEnum):
    """The order of a plan: names are given before they are used, contents come before deletions."""

    MOVE = 0
    KEEP_BOTH = 1
    CLEAR_FILE = 2
    """Delete a file where a directory is to be."""
    CLEAR_DIRECTORY = 3
    COPY_DIRECTORY = 4
    COPY_FILE = 5
    METADATA = 6
    DELETE_FILE = 7
    DELETE_DIRECTORY = 8
    MERGE = 9
    SUSPICIOUS = 10


def make_plan(
    base: Mapping[str, SyncNode],
    inodes: Mapping[str, int],
    here: SyncTree,
    there: SyncTree,
    options: SyncOptions,
    permitted: Container[Rename] | None = None,
    unchanged_files: int = 0,
    mergeable: Mapping[str, Edits] = _NOTHING,
    unchanged: NameSet | None = None,
) -> SyncPlan:
    """Plan how `here` and `there` agree again, which agreed on `base` last, with these `inodes` here.

    In one direction what the target has is taken as agreed: so all that differs goes there. Only the renames that are
    `permitted` are made; None: all that are found. What is opaque on one side, and what is beneath it, is left out; so
    are names that one of the sides cannot have beside each other. Both sides also have `unchanged_files` more files
    than the trees, the `unchanged` ones among them. A file that both sides have is merged where both have the
    `mergeable` edits of that name.
    """
    folds = {Side.HERE: here.folds, Side.THERE: there.folds}
    opaque: Mapping[str, Unsynced] = {**there.opaque, **here.opaque}
    while True:
        plan, builder = _plan_without(opaque, base, inodes, here, there, options, permitted, unchanged_files, mergeable)
        if not plan.actions:
            return plan
        left_out: Mapping[str, Unsynced] = {}
        if here.folding or there.folding:
            from homeftp.client.sync.naming.clashes import find_clashes

            sides = {Side.HERE: builder.here, Side.THERE: builder.there}
            left_out = find_clashes(builder.base, sides, unchanged or NameSet(), plan.actions, folds)
        if opaque and any(action.act is Act.DELETE for action in plan.actions):
            from homeftp.client.sync.naming.leftnames import moved_to_opaque

            left_out = {**left_out, **moved_to_opaque(base, inodes, here, there, opaque)}
        if left_out.keys() <= opaque.keys():  # none, or what the side has to refuse: it would be the same plan again
            return plan
        opaque = {**opaque, **left_out}


def _plan_without(
    opaque: Mapping[str, Unsynced],
    base: Mapping[str, SyncNode],
    inodes: Mapping[str, int],
    here: SyncTree,
    there: SyncTree,
    options: SyncOptions,
    permitted: Container[Rename] | None,
    unchanged_files: int,
    mergeable: Mapping[str, Edits],
) -> tuple[SyncPlan, _PlanBuilder]:
    """As `make_plan`, but for what is `opaque`; names may clash."""
    here = attrs.evolve(here, nodes=_without(here.nodes, opaque))
    there = attrs.evolve(there, nodes=_without(there.nodes, opaque))
    known = _without(base, opaque)
    assumed = {Direction.BOTH: known, Direction.PUSH: there.nodes, Direction.PULL: here.nodes}[options.direction]
    trees = follow_renames(assumed, inodes, here, there, permitted)
    moves = [_move(rename, here, there) for rename in trees.renames]
    renamed = copy_nodes(known)
    for rename in trees.renames:
        if rename.old in renamed:
            rename_node(renamed, rename.old, rename.new)
    sides = trees.sides
    builder = _PlanBuilder(trees.base, sides[Side.HERE], sides[Side.THERE], options, mergeable, here.links)
    builder.decide_all(opaque, (*here.partial, *there.partial))
    actions = builder.actions(moves)
    files = {
        side: _count_files(tree.nodes) + unchanged_files for side, tree in ((Side.HERE, here), (Side.THERE, there))
    }
    plan = SyncPlan(
        actions=actions,
        agreed=builder.agreed_but(renamed),
        gone=[name for name in renamed if name not in builder.here and name not in builder.there],
        opaque={**opaque, **dict.fromkeys(builder.kept_links, _LINK)},
        files=files,
        agreed_files=_count_files(base) + unchanged_files,
    )
    return plan, builder


def _move(rename: Rename, here: SyncTree, there: SyncTree) -> SyncAction:
    nodes = {Side.HERE: here.nodes, Side.THERE: there.nodes}
    source = {rename.target.other: nodes[rename.target.other].get(rename.new, _DIRECTORY)}
    target = {rename.target: nodes[rename.target].get(rename.old, _DIRECTORY)}
    both = {**source, **target}
    return SyncAction(Act.MOVE, rename.target, rename.old, both[Side.HERE], both[Side.THERE], rename.new)


def _count_files(nodes: Mapping[str, SyncNode]) -> int:
    return sum(node.kind == "file" for node in nodes.values())


def _without(nodes: Mapping[str, SyncNode], opaque: Container[str]) -> Mapping[str, SyncNode]:
    """The nodes that are neither opaque nor beneath what is."""
    if not opaque:
        return nodes
    known = copy_nodes(nodes)
    known.keep(lambda name, _: not is_beneath(name, opaque))
    return known


def _by_name(action: SyncAction) -> str:
    return name_order(action.name)


class _SimilarNames:
    """The names to which one of these, that are added, is equal when both are folded."""

    def __init__(self, names: Iterable[str]) -> None:
        self._folded = set(map(folded, names))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and folded(name) in self._folded

    def add(self, name: str) -> None:
        self._folded.add(folded(name))


class _PlanBuilder:
    """One plan on its way, after the renames."""

    def __init__(
        self,
        base: NameTable[SyncNode],
        here: NameTable[SyncNode],
        there: NameTable[SyncNode],
        options: SyncOptions,
        mergeable: Mapping[str, Edits],
        links: Collection[str],
    ) -> None:
        self._mergeable = mergeable
        self._links = links
        self.kept_links: list[str] = []
        """The names that would be changed here, and are reached by a link."""
        self.base = base
        self.here = here
        self.there = there
        self._options = options
        self._agreed = NameSet()
        """The names of which both sides have the same already."""
        self._names = AllNames(here, there, base)
        self._decisions: list[Decision] = []
        """About the names, the last name first."""
        self._kept_files: dict[str, Side] = {}
        """Files that get another name, and the side that has them."""
        self._steps = {step: step_list() for step in _Step}
        self._taken: _SimilarNames | None = None
        """All names of copies, and the new names of these, once there are any."""
        self._given_copies: list[SyncAction] = []
        """The steps that give the other side their contents."""
        self._copies: dict[str | None, list[str]] = {}
        """The copies of conflicts that both sides have, by their hash."""
        for name, node in here.items():
            if original_endpoint(name) is not None and same_content(node, there.get(name)):
                self._copies.setdefault(node.hash, []).append(name)

    def decide_all(self, opaque: Iterable[str], partial: Iterable[str]) -> None:
        """Decide about each name, and make the decisions fit together; `partial` directories stay."""
        above = (name.rpartition("/")[0] for name in opaque)
        needed = {each for name in (*above, *partial) for each in upwards(name)}
        for name in reversed(self._names):  # what is in a directory comes before it
            here, there = self.here.get(name), self.there.get(name)
            decision = decide(self.base.get(name), here, there, self._options.preference)
            if self._is_kept_link(name, here, there, decision):
                decision = Decision.LINK
            elif self._mergeable.get(name) == (here, there):
                decision = Decision.MERGE
            elif name in needed:
                decision = self._keep_directory(name, here, there, decision)
            elif decision is Decision.CONFLICT:
                decision = self._keep_both(name, here, there)
            self._decisions.append(decision)
            result = there if decision is Decision.TO_HERE else here
            if result is not None or name in self._kept_files:
                needed.update(upwards(name.rpartition("/")[0]))

    def _is_kept_link(self, name: str, here: SyncNode | None, there: SyncNode | None, decision: Decision) -> bool:
        """Whether something here would be changed that is reached by a link."""
        if not self._links or not is_beneath(name, self._links):
            return False
        if decision is Decision.AGREED and here is not None and there is not None:
            decision = decide_metadata(self.base.get(name), here, there)
        if decision not in (Decision.TO_HERE, Decision.CONFLICT):
            return False
        self.kept_links.append(name)
        return True

    def _keep_directory(self, name: str, here: SyncNode | None, there: SyncNode | None, decision: Decision) -> Decision:
        """Decide about a directory in which something stays."""
        for side, node, other in ((Side.HERE, here, there), (Side.THERE, there, here)):
            if other is None or other.kind != "directory":
                continue
            towards = Decision.TO_HERE if side is Side.HERE else Decision.TO_THERE
            if node is None:
                return towards if self._changes(side) else Decision.AGREED
            if node.kind == "file":
                if decision is not towards:  # the file was not to be replaced
                    self._kept_files[name] = side
                return towards
        return decision

    def _changes(self, side: Side) -> bool:
        """Whether a side may be changed."""
        target = {Direction.PUSH: Side.THERE, Direction.PULL: Side.HERE}.get(self._options.direction, side)
        return side is target

    def _keep_both(self, name: str, here: SyncNode | None, there: SyncNode | None) -> Decision:
        """Decide that the server's file or directory gets the name, unless a file is in the way of a directory."""
        assert here is not None and there is not None
        if here.kind == "directory":
            self._kept_files[name] = Side.THERE
            return Decision.TO_THERE
        if not any(is_copy_of(copy, name) for copy in self._copies.get(here.hash, ())):  # else one has its content
            self._kept_files[name] = Side.HERE
        return Decision.TO_HERE

    def actions(self, moves: Iterable[SyncAction]) -> PackedList[SyncAction]:
        """These steps, and those that carry the decisions out, in order."""
        for name, decision in zip(self._names, reversed(self._decisions), strict=True):
            here, there = self.here.get(name), self.there.get(name)
            if decision in (Decision.EMPTY_HERE, Decision.EMPTY_THERE):
                self._add(_Step.SUSPICIOUS, SyncAction(Act.SUSPICIOUS, decision.target, name, here, there))
            elif decision is Decision.LINK:
                continue
            elif decision is Decision.MERGE:
                self._add(_Step.MERGE, SyncAction(Act.MERGE, Side.HERE, name, here, there))
            elif decision is not Decision.AGREED:
                self._transfer(name, here, there, decision.target)
            elif here is not None and there is not None:
                self._agree(name, here, there)
        ordered = step_list(moves)
        for step in _Step:
            ordered.extend(self._in_order(step))
        return ordered

    def _in_order(self, step: _Step) -> Iterable[SyncAction]:
        steps = self._steps[step]
        if step is _Step.COPY_FILE and self._given_copies:
            return heapq.merge(steps, sorted(self._given_copies, key=_by_name), key=_by_name)
        if step in (_Step.CLEAR_DIRECTORY, _Step.DELETE_DIRECTORY):
            return sorted(steps, key=lambda action: -action.name.count("/"))
        return steps

    def agreed_but(self, known: Mapping[str, SyncNode]) -> NameTable[SyncNode]:
        """The entries that both sides have already, without those that are `known`."""
        if not self._agreed:
            return node_table()
        agreed = self.here.copy()
        agreed.keep(lambda name, node: name in self._agreed and known.get(name) != node)
        return agreed

    def _agree(self, name: str, here: SyncNode, there: SyncNode) -> None:
        """The content is the same: what about time and mode?"""
        decision = decide_metadata(self.base.get(name), here, there)
        if decision is Decision.AGREED:
            self._agreed.add(name)
        else:
            self._add(_Step.METADATA, SyncAction(Act.METADATA, decision.target, name, here, there))

    def _transfer(self, name: str, here: SyncNode | None, there: SyncNode | None, target: Side) -> None:
        """Give the target what the other side has."""
        nodes = {Side.HERE: here, Side.THERE: there}
        source, existing = nodes[target.other], nodes[target]
        if name in self._kept_files:
            self._keep_file(name, here, there)
            existing = nodes[target] = None
        is_replaced = source is not None and existing is not None and source.kind != existing.kind
        if existing is not None and (source is None or is_replaced):
            clears = is_replaced or self._is_cleared(name, target)
            steps = (_Step.CLEAR_FILE, _Step.CLEAR_DIRECTORY) if clears else (_Step.DELETE_FILE, _Step.DELETE_DIRECTORY)
            step = steps[existing.kind == "directory"]
            self._add(step, SyncAction(Act.DELETE, target, name, here, there))
            nodes[target] = None
        if source is not None:
            step = _Step.COPY_FILE if source.kind == "file" else _Step.COPY_DIRECTORY
            self._add(step, SyncAction(Act.COPY, target, name, nodes[Side.HERE], nodes[Side.THERE]))

    def _is_cleared(self, name: str, target: Side) -> bool:
        """Whether a directory around a name is to be replaced by a file on the target."""
        source = self.here if target is Side.THERE else self.there
        return any(each in source and source[each].kind == "file" for each in upwards(name))

    def _keep_file(self, name: str, here: SyncNode | None, there: SyncNode | None) -> None:
        """Give a file another name, and the other side its content under that."""
        side = self._kept_files[name]
        machine = self._options.machine if side is Side.HERE else "the server"
        if self._taken is None:
            known = (each for each in chain(self.here, self.there) if original_endpoint(each) is not None)
            self._taken = _SimilarNames(known)
        to = copy_name(name, machine, self._options.day, self._taken)
        self._taken.add(to)
        self._add(_Step.KEEP_BOTH, SyncAction(Act.KEEP_BOTH, side, name, here, there, to))
        copied = (here, None) if side is Side.HERE else (None, there)
        self._given_copies.append(SyncAction(Act.COPY, side.other, to, *copied))

    def _add(self, step: _Step, action: SyncAction) -> None:
        self._steps[step].append(action)
