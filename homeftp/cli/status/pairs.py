"""The status of the pairs of folders that this machine syncs: what the last sync found, and whether a watch runs."""

from __future__ import annotations

import contextlib
import os
import shlex
from itertools import islice
from typing import Any, Collection, Iterator, Sequence

import attrs

from homeftp.cli.pairs.pairfile import PairFile
from homeftp.cli.terminal.failures import print_error
from homeftp.cli.terminal.times import format_minute
from homeftp.client import PairStatus, StatusFolder, client_folder, find_conflicts, pair_status_path
from homeftp.errors import OperatorError, counted

_MOST_CONFLICTS = 100
"""Conflicts of a folder that are looked for."""

_MOST_SHOWN = 5
"""Files of each kind that are named for people."""


def find_pairs(names: Collection[str]) -> Sequence[dict[str, Any]]:
    """The saved pairs, and others that a process keeps in step now; with `names` only those of these servers."""
    statuses = StatusFolder(pair_status_path(os.environ))
    saved: dict[str, PairStatus] = {}
    try:
        pairs = PairFile(client_folder(os.environ)).load()
    except OperatorError as wrong:
        print_error(str(wrong))
        pairs = []
    for pair in pairs:
        folder = os.path.realpath(pair.local)
        known = statuses.read(folder)
        is_same = known is not None and known.remote == pair.remote
        saved[folder] = known if known is not None and is_same else PairStatus(folder=folder, remote=pair.remote)
    found = []
    for status in (*saved.values(), *(each for each in statuses.all() if each.folder not in saved)):
        pid = statuses.watched_by(status.folder)
        is_wanted = not names or status.remote.partition(":")[0] in names
        if is_wanted and (status.folder in saved or pid is not None):
            found.append(_fields(status, pid, is_saved=status.folder in saved))
    return found


def _fields(status: PairStatus, pid: int | None, *, is_saved: bool) -> dict[str, Any]:
    conflicts: list[str] = []
    with contextlib.suppress(OperatorError):  # the folder is not there: the sync says so
        conflicts.extend(each.copy.name for each in islice(find_conflicts(status.folder), _MOST_CONFLICTS))
    doing = status.doing if pid is not None else ""
    return {**attrs.asdict(status), "doing": doing, "saved": is_saved, "pid": pid, "conflicts": conflicts}


def pair_lines(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The lines that people read, for what `find_pairs` returned."""
    if found:
        yield "Synced folders"
    for each in found:
        yield f"  {each['folder']} and {each['remote']}: {_state(each)}"
        if each["problem"]:
            yield f"    {'stopped' if each['needs_person'] else 'waiting'}: {each['problem']}"
        for file in each["waiting"][:_MOST_SHOWN]:
            yield f"    {file['outcome']}: {file['name'] or 'the folder itself'}: {file['reason']}"
        more = each["waiting_files"] - _MOST_SHOWN
        if more > 0:
            yield f"    and {counted(more, 'file')} more that the next sync lists"
        if each["conflicts"]:
            yield from _conflict_lines(each)


def _conflict_lines(each: dict[str, Any]) -> Iterator[str]:
    copies = each["conflicts"]
    yield from (f"    conflict: {name}" for name in copies[:_MOST_SHOWN])
    more = "" if len(copies) <= _MOST_SHOWN else f" (at least {len(copies)})"
    yield f"    To decide: homeftp sync --conflicts {shlex.quote(each['folder'])}{more}"


def _state(each: dict[str, Any]) -> str:
    """The state of a pair, in a few words."""
    synced = "never synced" if each["synced_us"] is None else f"last compared {format_minute(each['synced_us'])}"
    if each["pid"] is None:
        return f"no watch is running, {synced}"
    by = f"process {each['pid']}" if each["pid"] else "a process"
    if each["doing"]:
        return f"{each['doing']} ({by})"
    if each["problem"] or each["in_step_us"] is None:
        return f"not in step, {synced} ({by})"
    return f"in step since {format_minute(each['in_step_us'])}, {synced} ({by})"
