"""Metadata of local files against that of the server: what is sent, and what differs."""

from __future__ import annotations

import os

from homeftp.client.files.model import HAS_MODES, FileStat
from homeftp.model import MODE_BITS, Entry, same_mode
from homeftp.wire.messages import MetaData


def wire_metadata(stat: os.stat_result, *, mode: bool = True) -> MetaData:
    """`mtime_us`, and, if `mode` is wanted, `mode` on systems with permission bits."""
    if not HAS_MODES or not mode:
        return [("mtime_us", stat.st_mtime_ns // 1000)]
    return [("mtime_us", stat.st_mtime_ns // 1000), ("mode", stat.st_mode & MODE_BITS)]


def differing(local: FileStat, remote: Entry) -> tuple[str, ...]:
    """Which of size, mtime_us and mode differ; what the server's store does not keep does not differ."""
    stat = local.stat
    differs = [] if stat.st_size == remote.size else ["size"]
    if remote.mtime_us is not None and remote.mtime_us != stat.st_mtime_ns // 1000:
        differs.append("mtime_us")
    if HAS_MODES and not same_mode(remote.kind, stat.st_mode & MODE_BITS, remote.mode):
        differs.append("mode")
    return tuple(differs)


def is_suspicious(differs: tuple[str, ...], remote: Entry) -> bool:
    """Whether the content differs although size and time are the same: one of the copies may be damaged."""
    return "hash" in differs and remote.mtime_us is not None and not {"size", "mtime_us"} & set(differs)
