"""Changes that a person has to confirm: they look like a missing disk, a lost right or a crash, and not an intent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, AbstractSet, Callable, Collection, Container, Iterable, Mapping

from homeftp.client.sync.model import Act, Side, SyncAction, SyncPlan, SyncTree, Unsynced, is_within

if TYPE_CHECKING:
    from homeftp.client.sync.archive import Agreement
    from homeftp.client.sync.trees import BothSides

_MINUTES = 60
"""For so long the deletions of several syncs count together."""

_WHERE = {Side.HERE: "on this machine", Side.THERE: "on the server"}


def count_deletions(plan: SyncPlan) -> Mapping[Side, int]:
    """How many files a plan deletes on each side; where something else gets the name, the file is only replaced."""
    counts = dict.fromkeys(Side, 0)
    for action in plan.actions:
        node = action.node(action.target)
        is_lost = action.act is Act.DELETE and action.source is None
        if is_lost and node is not None and node.kind == "file":
            counts[action.target] += 1
    return counts


def objection(plan: SyncPlan, max_delete: int | None = None, most: Mapping[Side, int] | None = None) -> str | None:
    """Why a plan must not be carried out unasked, and how to have it carried out; None where nothing is against it.

    More than half of the files of a side may not be deleted, or more than `max_delete` of both. `most` is how many
    files each side has had at most, where that counts and not only what it has now.
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
        before = max(total, (most or {}).get(side, 0))
        if not count or (total - count) * 2 >= before:
            continue
        reason = "" if plan.files.get(side.other) else f", because there is none {_WHERE[side.other]}"
        if before > total:
            reason += f"; there were {before:,} within the last hour"
        return (
            f"{count:,} of the {total:,} files {_WHERE[side]} would be deleted{reason}. Nothing was changed: check "
            "that both folders are the right ones and that all disks are there. If they are, use --max-delete "
            f"{sum(counts.values())}"
        )
    return None


class DeletionGuard:
    """Stops plans that delete too much, of one sync or of several one after the other, as in a watch.

    A watch carries out in parts what takes a while, such as `rm -r`, and each part is less than half. So in an hour no
    more is deleted than half of the most files that a side has had in it. What a person has decided begins a new hour.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._most: dict[int, Mapping[Side, int]] = {}
        """The most files of each side, by the minute."""
        self._has_objected = False

    def objection(self, plan: SyncPlan, max_delete: int | None = None) -> str | None:
        """As the function `objection`; a plan that it allows counts for the next ones."""
        minute = int(self._clock() // 60)
        if not self._has_objected:
            self._most = {at: files for at, files in self._most.items() if minute - at <= _MINUTES}
        most = {side: max((files.get(side, 0) for files in self._most.values()), default=0) for side in Side}
        problem = objection(plan, max_delete, most)
        if problem is None and self._has_objected:
            deleted = count_deletions(plan)
            self._most = {minute: {side: count - deleted[side] for side, count in plan.files.items()}}
        elif problem is None:
            before = self._most.get(minute, {})
            self._most[minute] = {side: max(count, before.get(side, 0)) for side, count in plan.files.items()}
        self._has_objected = problem is not None
        return problem


def suspicion(action: SyncAction) -> str:
    """Why a step about a file that is empty on one side waits for a person, and how to decide."""
    where = "here" if action.target is Side.HERE else "on the server"
    return (
        f"it is empty {where}, as after a crash, and not on the other side. Look at both, and sync with --prefer here "
        "or --prefer there"
    )


def without_folder(endpoint: str, *, is_view_new: bool) -> str:
    """Why nothing is synced where the server lists no folder any more; the account may be one that sees less now."""
    if is_view_new:
        return (
            f"{endpoint} is hidden from your account, or was removed: the server no longer lists it, and what your "
            "account may read has changed since the last sync. Nothing was changed: ask the server's owner"
        )
    return (
        f"the server no longer has a folder {endpoint}. Nothing was changed: check the path. If it was removed on "
        "purpose, use --start-over: it is recreated from the folder here"
    )


def forgetful(path: str | None) -> str:
    """The warning that the database at `path`, with what both sides agreed on, cannot be written."""
    return (
        f"{path} cannot be written, so this sync is not remembered: what you delete may come back, and what you "
        "edit may become a conflict. Check the owner and the permissions of the file and its folder, and whether the "
        "disk is full"
    )


_HIDDEN = (
    "the server no longer lists it, and what your account may read there has changed since the last sync: it is "
    "kept here. If it was deleted there, sync with --max-delete N"
)


def hidden_names(agreed: Mapping[str, object], here: Container[str], there: Container[str]) -> Mapping[str, Unsynced]:
    """The names that may be hidden rather than deleted, where the account may read other folders than before.

    These are the topmost names that both sides had, and that are still `here`.
    """
    lost = {name for name in agreed if name in here and name not in there}
    return {name: Unsynced(_HIDDEN, failed=True) for name in lost if _parent(name) not in lost}


_UNMOUNTED = (
    "it is empty here, and another folder than the one that was synced: is its disk mounted? What the server has in it "
    "is kept. If you have emptied it, sync with --max-delete N"
)

_AWAY = (
    "a disk was mounted here when it was synced, and is not now. What the server has in it is kept. If the disk is not "
    "to come back, sync with --max-delete N"
)

_OTHER_DISK = (
    "a disk is mounted here that has no files: is it the right one? What the server has in it is kept. If you have "
    "emptied it, sync with --max-delete N"
)


def unmounted_names(both: BothSides, mounts: Collection[str]) -> Mapping[str, Unsynced]:
    """The folders within the synced one whose disks may be away; `mounts` are those that once had a disk mounted."""
    reasons = {name: _UNMOUNTED for name in _emptied(both.agreed, both.here) if not both.holds_same(name)}
    reasons.update((name, _OTHER_DISK) for name in _without_files(both.agreed, both.here) if not both.holds_same(name))
    reasons.update((name, _AWAY) for name in _away(both, mounts))
    return {name: Unsynced(reason, failed=True) for name, reason in reasons.items()}


def _emptied(agreed: Agreement, here: SyncTree) -> AbstractSet[str]:
    """The folders that may be the empty mount points of disks that are away.

    Something was agreed on in them, and they are other folders `here` now, without anything in them. A folder that was
    renamed is not meant, where another one has its old name.
    """
    others = {
        name
        for name, inode in here.inodes.items()
        if agreed.inodes.get(name, inode) != inode and agreed.nodes[name].kind == here.nodes[name].kind == "directory"
    }
    if not others:
        return frozenset()
    present = set(here.inodes.values())
    others = {name for name in others if agreed.inodes[name] not in present}
    emptied = others.intersection(map(_parent, agreed.nodes)).difference(map(_parent, here.nodes))
    return emptied.difference(map(_parent, here.opaque))


def _without_files(agreed: Agreement, here: SyncTree) -> AbstractSet[str]:
    """The mount points of disks without any file, where files were agreed on.

    Their inodes may be those of before: the top folders of two disks often have the same inode.
    """
    found = {name for name in here.mounts if name in agreed.nodes and agreed.nodes[name].kind == "directory"}
    for nodes, wanted in ((agreed.nodes, True), (here.nodes, False)):
        if found:
            files = [name for name, node in nodes.items() if node.kind == "file"]
            found = {each for each in found if any(is_within(name, each) for name in files) == wanted}
    return found


def _away(both: BothSides, mounts: Collection[str]) -> Iterable[str]:
    """The folders on which no disk is mounted now, and which are missing, or lack something that was agreed on."""
    agreed, here = both.agreed.nodes, both.here
    away = [name for name in mounts if name in agreed and name not in here.mounts and name not in here.opaque]
    lost = agreed.keys() - here.nodes.keys() if away else ()
    for name in away:
        node = here.nodes.get(name) or both.there.nodes.get(name)
        if node is not None and node.kind == "directory" and any(is_within(each, name) for each in lost):
            yield name


def _parent(name: str) -> str:
    return name.rpartition("/")[0]
