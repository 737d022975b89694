"""What a person has to confirm before it is done: what looks like a missing disk or right, and not like an intent."""

from __future__ import annotations

from typing import Container, Mapping

from homeftp.client.sync.model import Act, Side, SyncPlan, Unsynced

_WHERE = {Side.HERE: "on this machine", Side.THERE: "on the server"}


def count_deletions(plan: SyncPlan) -> Mapping[Side, int]:
    """How many files a plan deletes on each side."""
    counts = dict.fromkeys(Side, 0)
    for action in plan.actions:
        node = action.node(action.target)
        if action.act is Act.DELETE and node is not None and node.kind == "file":
            counts[action.target] += 1
    return counts


def objection(plan: SyncPlan, max_delete: int | None = None) -> str | None:
    """Why a plan must not be carried out unasked, and how to have it carried out; None where nothing is against it.

    More than half of the files of a side may not be deleted, or more than `max_delete` of both.
    """
    counts = count_deletions(plan)
    if max_delete is not None:
        if sum(counts.values()) <= max_delete:
            return None
        return (
            f"{sum(counts.values()):,} files would be deleted, more than --max-delete {max_delete} allows. Nothing was "
            "changed"
        )
    for side, count in counts.items():
        total = plan.files.get(side, 0)
        if count * 2 <= total:
            continue
        empty = "" if plan.files.get(side.other) else f", because there is none {_WHERE[side.other]}"
        return (
            f"{count:,} of the {total:,} files {_WHERE[side]} would be deleted{empty}. Nothing was changed: check that "
            f"both folders are the right ones and that all disks are there. If they are, use --max-delete "
            f"{sum(counts.values())}"
        )
    return None


_HIDDEN = (
    "the server does not list it any more, and what your account may read there has changed since the last sync: it is "
    "kept here. If it was deleted there, sync with --max-delete N"
)


def hidden_names(agreed: Mapping[str, object], here: Container[str], there: Container[str]) -> Mapping[str, Unsynced]:
    """What may be hidden on the server rather than deleted, where the account may read other folders than before.

    These are the topmost names that both sides had, and that are still `here`.
    """
    lost = {name for name in agreed if name in here and name not in there}
    return {name: Unsynced(_HIDDEN, failed=True) for name in lost if name.rpartition("/")[0] not in lost}
