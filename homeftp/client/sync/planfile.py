"""A plan as lines of JSON, which `homeftp sync --json` prints and `--plan` reads: a head, and one line for each step.

The head says which pair the plan is for, and how it was made; each step what is on both sides. So the same plan can be
made again where nothing has changed, and a plan that is read is carried out only if it is the same as that.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Iterable, Iterator, Literal

import attrs
import msgspec

from homeftp.client.selection import Selection
from homeftp.client.sync.model import Act, Direction, Preference, Side, SyncAction, SyncNode, SyncOptions, SyncPlan
from homeftp.errors import OperatorError

_VERSION: Literal[1] = 1

_RESULTS = frozenset({"outcome", "summary"})
"""The other objects that `--json` prints when a plan is carried out."""

MOST_BYTES = 1024 * 1024 * 1024
"""Bytes of a plan that is read: a plan of a million steps has half of it."""


class PlanHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of a plan."""

    plan: Literal[1]
    local: str
    """The local folder's real path."""
    remote: str
    """The server's name on this machine."""
    endpoint: str
    direction: str
    prefer: str | None
    machine: str
    day: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}\Z")]
    """It becomes a part of names."""
    patterns: tuple[str, ...] = ()
    ignore_files: bool = True
    strict_names: bool = False
    merge: bool = False
    follow_links: bool = False


class _Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    kind: Literal["file", "directory"]
    hash: str | None = None
    size: int = 0
    mtime_us: int | None = None
    mode: int | None = None


class _Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    act: str
    target: str
    name: str
    to: str = ""
    here: _Node | None = None
    there: _Node | None = None


@attrs.frozen
class PlanFile:
    """A plan that was read."""

    head: PlanHead
    options: SyncOptions
    selection: Selection
    plan: SyncPlan


def plan_lines(
    plan: SyncPlan, options: SyncOptions, selection: Selection, *, local: str, remote: str, endpoint: str
) -> Iterator[dict[str, Any]]:
    """The lines of a plan, as objects of JSON."""
    prefer = None if options.preference is None else options.preference.value
    head = PlanHead(
        _VERSION,
        local,
        remote,
        endpoint,
        options.direction.value,
        prefer,
        options.machine,
        options.day,
        selection.patterns,
        selection.ignore_files,
        selection.strict_names,
        options.merge,
        selection.follow_links,
    )
    yield msgspec.to_builtins(head)
    for action in plan.actions:
        here, there = (None if node is None else _Node(*node) for node in (action.here, action.there))
        step = _Action(action.act.value, action.target.value, action.name, action.to, here, there)
        yield msgspec.to_builtins(step)


def read_plan(lines: Iterable[str], path: str) -> PlanFile:
    """The plan of a file, whose `path` is for messages. Raises `OperatorError` for anything else."""
    size, head, actions = 0, None, []
    try:
        for line in lines:
            size += len(line)
            if size > MOST_BYTES:
                raise OperatorError(f"{path} is too large for a plan")
            if not line.strip():
                continue
            fields = json.loads(line)
            if head is None:
                head = msgspec.convert(fields, PlanHead)
                options = _options(head)
            elif not _RESULTS & set(fields):
                actions.append(_action(msgspec.convert(fields, _Action)))
    except (ValueError, TypeError, UnicodeDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise OperatorError(f"{path} is not a plan that `homeftp sync --json` printed: {error}") from None
    if head is None:
        raise OperatorError(f"{path} is empty: write the plan again with `homeftp sync --json -n`")
    selection = Selection(
        head.patterns,
        None,
        ignore_files=head.ignore_files,
        strict_names=head.strict_names,
        follow_links=head.follow_links,
    )
    return PlanFile(head, options, selection, SyncPlan(actions))


def _options(head: PlanHead) -> SyncOptions:
    prefer = None if head.prefer is None else Preference(head.prefer)
    return SyncOptions(Direction(head.direction), prefer, head.machine, head.day, head.merge)


def _action(step: _Action) -> SyncAction:
    here, there = (
        None if node is None else SyncNode(node.kind, node.hash, node.size, node.mtime_us, node.mode)
        for node in (step.here, step.there)
    )
    return SyncAction(Act(step.act), Side(step.target), step.name, here, there, step.to)
