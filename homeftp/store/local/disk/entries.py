"""From a stat to an `Entry`: the only place where POSIX values become domain values."""

from __future__ import annotations

import os
import stat

from homeftp.endpoint import RESERVED, RESERVED_PREFIX, Endpoint
from homeftp.errors import WrongKind
from homeftp.hashing.filehash import signature
from homeftp.hashing.hashcache import KnownHash
from homeftp.metadata.kept import in_range
from homeftp.metadata.modes import MODE_BITS
from homeftp.model import Entry, Kind
from homeftp.store.policy.wording import display_path
from homeftp.syscalls.disks import Disks


def kind_problem(found: os.stat_result) -> str | None:
    """Why an object is neither a regular file nor a directory, in words that follow its name; None if it is one."""
    if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
        return None
    if stat.S_ISLNK(found.st_mode):
        return "is a symbolic link: links are not followed"
    return "is neither a file nor a directory"


def kind_of(endpoint: Endpoint, found: os.stat_result) -> Kind:
    """The kind of what has this stat; raises `WrongKind` (43) for what is neither a regular file nor a directory."""
    problem = kind_problem(found)
    if problem is not None:
        raise WrongKind(f"{display_path(endpoint)} {problem}")
    return "directory" if stat.S_ISDIR(found.st_mode) else "file"


def is_reserved(name: str) -> bool:
    """Whether a name belongs to the server or the client itself; no listing shows such names."""
    return name == RESERVED or name.startswith(RESERVED_PREFIX)


def entry_of(
    found: os.stat_result,
    disks: Disks,
    content_hash: str | None = None,
    *,
    name: str = "",
    damaged: str | None = None,
) -> Entry:
    """The entry of a regular file or a directory, with what its disk keeps of time and mode."""
    kept = disks.of(found.st_dev)
    mtime_us = in_range(found.st_mtime_ns // 1000)
    mode = found.st_mode & MODE_BITS if kept.modes else None
    span = kept.span(mtime_us)
    if stat.S_ISDIR(found.st_mode):
        return Entry(name, "directory", 0, mtime_us, mode, tag=tag_of(found), mtime_span=span)
    return Entry(name, "file", found.st_size, mtime_us, mode, content_hash, tag_of(found), damaged, span)


def known_entry(found: os.stat_result, disks: Disks, known: KnownHash | None, *, name: str = "") -> Entry:
    """The entry of what has this stat, with what the hash cache knows of it."""
    if known is None:
        return entry_of(found, disks, name=name)
    if known.damage:
        return entry_of(found, disks, name=name, damaged=known.hash)
    return entry_of(found, disks, known.hash, name=name)


def tag_of(found: os.stat_result) -> str:
    """The tag of what has this stat: no two contents of this computer have the same."""
    return f"{found.st_dev:x}.{signature(found)}"
