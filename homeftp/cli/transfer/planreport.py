"""The report of a sync's plan: a line for each step, a summary, and the question."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Iterator

from homeftp.cli.terminal.text import format_count, format_size, printable
from homeftp.client import Act, Side

if TYPE_CHECKING:
    from homeftp.client import SyncAction, SyncPlan

MOST_SHOWN = 20
"""Steps of a plan that are printed before the question; --dry-run prints all of them."""

_PLACES = {Side.HERE: "here", Side.THERE: "server"}
_ARROWS = {Side.HERE: "here <- server", Side.THERE: "here -> server"}


def describe_action(action: SyncAction) -> str:
    """One line for a step."""
    name, to, place = printable(action.name), printable(action.to), _PLACES[action.target]
    if action.act is Act.MOVE:
        return _line(place, "rename", f"{name} -> {to}")
    if action.act is Act.KEEP_BOTH:
        return _line(place, "conflict", f"{name}: the copy {_at(action.target)} becomes {to}")
    if action.act is Act.MERGE:
        return _line("both", "merge", f"{name}: both changes")
    if action.act is Act.SUSPICIOUS:
        return _line(place, "empty", f"{name}: left as it is, see --prefer")
    if action.act is Act.DELETE:
        return _line(place, "delete", _named(action))
    what = "time/mode" if action.act is Act.METADATA else "new" if action.node(action.target) is None else "changed"
    return _line(_ARROWS[action.target], what, _named(action))


def _line(place: str, what: str, rest: str) -> str:
    return f"{place:14}  {what:9}  {rest}"


def _at(side: Side) -> str:
    return "here" if side is Side.HERE else "on the server"


def _named(action: SyncAction) -> str:
    """The name of what a step is about, and its size where content is transferred."""
    node = action.node(action.target) if action.act is Act.DELETE else action.source
    if node is None or node.kind == "directory":
        return f"{printable(action.name)}/"
    return f"{printable(action.name)} ({format_size(node.size)})" if action.act is Act.COPY else printable(action.name)


def describe_plan(plan: SyncPlan, most: int | None = None) -> Iterator[str]:
    """The lines of a plan: at most so many steps, and what they are in all."""
    shown = plan.actions if most is None or len(plan.actions) <= most + 1 else plan.actions.first(most)
    for action in shown:
        yield f"  {describe_action(action)}"
    if len(shown) < len(plan.actions):
        yield f"  and {len(plan.actions) - len(shown):,} more: -n lists them all"
    yield summarize_plan(plan)


def summarize_plan(plan: SyncPlan) -> str:
    """The plan in one sentence."""
    counts: Counter[tuple[Act, Side, str]] = Counter()
    sizes = dict.fromkeys(Side, 0)
    for action in plan.actions:
        node = action.node(action.target) if action.act is Act.DELETE else action.source
        counts[action.act, action.target, "file" if node is None else node.kind] += 1
        if action.act is Act.COPY and node is not None:
            sizes[action.target] += node.size

    def count(act: Act, side: Side) -> str:
        return format_count(counts[act, side, "file"], counts[act, side, "directory"])

    parts = []
    for side, words in ((Side.THERE, "to the server"), (Side.HERE, "to this machine")):
        if copied := count(Act.COPY, side):
            parts.append(f"{copied} {words} ({format_size(sizes[side])})")
    for act, words in ((Act.MOVE, "renamed"), (Act.METADATA, "only time or mode"), (Act.DELETE, "deleted")):
        done = [(count(act, side), side) for side in (Side.THERE, Side.HERE)]
        parts.extend(f"{number} {words} {_at(side)}" for number, side in done if number)
    if merged := counts[Act.MERGE, Side.HERE, "file"]:
        parts.append(f"{format_count(merged, 0)} merged")
    conflicts = sum(number for (act, _, _), number in counts.items() if act is Act.KEEP_BOTH)
    if conflicts:
        parts.append(f"{conflicts:,} conflict{'s' if conflicts > 1 else ''}, of which both copies are kept")
    suspicious = sum(number for (act, _, _), number in counts.items() if act is Act.SUSPICIOUS)
    if suspicious:
        parts.append(f"{suspicious:,} left for you to decide")
    return f"{'; '.join(parts) or 'nothing to do'}."
