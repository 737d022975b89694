"""Metadata of local files against that of the server: what is sent, and what differs."""

from __future__ import annotations

import os
from itertools import chain
from typing import Mapping

from homeftp.client.files.disks import learn_disks
from homeftp.client.files.model import HAS_MODES, PERMISSIONS, FileStat, LocalTree
from homeftp.client.transfer.model import TransferContext
from homeftp.metadata.kept import same_mtime
from homeftp.metadata.modes import MODE_BITS, kept_mode, same_mode
from homeftp.model import SECOND_US, Entry, Kind
from homeftp.syscalls.disks import Disks, is_common
from homeftp.wire.messages import MetaData

_FILE_MODE = 0o666
"""The mode with which programs create files, before the umask."""

_US_NS = 1000
"""Nanoseconds of a microsecond."""

_ROUNDED_US = 2 * SECOND_US
"""No file system rounds a time by more: FAT has every other second."""


async def learn_local(context: TransferContext, tree: LocalTree, remote: Mapping[str, Entry], *, sends: bool) -> None:
    """Learn what the disks of local files keep, where a copy differs; with `sends` also where there is none."""
    unknown: dict[tuple[int, bool], FileStat] = {}
    for file in chain(tree.files.values(), tree.directories.values()):
        key = file.stat.st_dev, is_common(file.mtime_us)
        if key in unknown:
            continue
        entry = remote.get(file.name)
        if sends if entry is None else differing(file, entry, context.disks):
            unknown[key] = file
    if unknown:
        await context.workers.run(learn_disks, context.disks, list(unknown.values()))


def wire_metadata(file: FileStat, disks: Disks, *, mode: bool = True) -> MetaData:
    """`mtime_us`, and, if `mode` is wanted, `mode` where the file's disk keeps permission bits."""
    meta_data: MetaData = [("mtime_us", file.mtime_us)]
    if mode and HAS_MODES and disks.of(file.stat.st_dev).modes:
        meta_data.append(("mode", file.stat.st_mode & MODE_BITS))
    return meta_data


def differing(local: FileStat, remote: Entry, disks: Disks) -> tuple[str, ...]:
    """Which of size, mtime_us and mode differ; what one of the disks does not keep does not differ."""
    stat = local.stat
    kept = disks.of(stat.st_dev)
    differs = [] if stat.st_size == remote.size else ["size"]
    mtime_us = local.mtime_us
    if remote.mtime_us is not None and not same_mtime(
        remote.mtime_us, remote.mtime_span, mtime_us, kept.span(mtime_us)
    ):
        differs.append("mtime_us")
    if HAS_MODES and kept.modes and not _same_mode(remote.kind, stat.st_mode & MODE_BITS, remote.mode):
        differs.append("mode")
    return tuple(differs)


def _same_mode(kind: Kind, local: int, remote: int | None) -> bool:
    """Whether one of the sides has the mode of the other, or what is kept where it is asked for."""
    return same_mode(kind, local, remote) or (remote is not None and same_mode(kind, remote, local))


def local_mode(entry: Entry) -> int | None:
    """The mode of a local copy: the server's, with what the user needs; None where one of the sides keeps none."""
    return None if entry.mode is None or not HAS_MODES else kept_mode(entry.kind, entry.mode)


def file_mode(entry: Entry, replaced: FileStat | None, umask: int) -> int | None:
    """The mode of a local file that is written: where the server keeps none, the replaced file's, or a new file's."""
    mode = local_mode(entry)
    if mode is not None or not HAS_MODES:
        return mode
    return _FILE_MODE & ~umask if replaced is None else replaced.stat.st_mode & PERMISSIONS


def is_exact(local: os.stat_result, remote: Entry) -> bool:
    """Whether a local copy has the server's time and mode, to the microsecond."""
    return local.st_mode & MODE_BITS == remote.mode and local.st_mtime_ns // _US_NS == remote.mtime_us


def is_unapplied(local: FileStat, remote: Entry, disks: Disks) -> bool:
    """Whether one side could not take the other's mode or time, by more than a disk rounds times."""
    if "mode" in differing(local, remote, disks):
        return True
    return remote.mtime_us is not None and abs(remote.mtime_us - local.mtime_us) >= _ROUNDED_US


def is_suspicious(differs: tuple[str, ...], remote: Entry) -> bool:
    """Whether the content differs although size and time are the same: one of the copies may be damaged."""
    return "hash" in differs and remote.mtime_us is not None and not {"size", "mtime_us"} & set(differs)
