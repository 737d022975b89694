"""Which local files there are: walking a tree, and the names of the wire for the names here.

Everything here blocks and is called in a worker. A symbolic link that the
person named is followed; one that is found inside a tree is skipped, and so is
whatever is neither file nor directory. A file or directory that cannot be
read, or has a name that cannot cross the wire, is left out: the copies will
not be the same.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
import unicodedata
from typing import Sequence

from homeftp.client.files.read import FileStat, LocalTree
from homeftp.endpoint import RESERVED_PREFIX, name_problem

_DRAFT = re.compile(re.escape(RESERVED_PREFIX) + "[0-9a-f]{32}")
"""What draft.py calls a file that has no name yet."""


def composed(name: str) -> str:
    """A name in the form that the wire wants (NFC); macOS has kept names in the other one (NFD)."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def spelled_in(folder: str, name: str) -> str:
    """The name by which a folder holds what is called `name` on the wire; `name` where it holds nothing like it."""
    if name.isascii() or os.path.lexists(os.path.join(folder, name)):
        return name
    try:
        return next((each for each in sorted(os.listdir(folder)) if composed(each) == name), name)
    except OSError:
        return name


def look(path: str) -> FileStat | None:
    """What is at a path that a person named, links followed; None when nothing is.

    Raises OSError, also for a file that cannot be read: what was named cannot
    be done without it, and that is said before anything else is done.
    """
    try:
        found = FileStat("", os.path.realpath(path), os.stat(path))
        if found.is_file:
            os.close(os.open(path, os.O_RDONLY))
    except FileNotFoundError:
        return None
    return found


def scan(path: str) -> LocalTree:
    """Walk the directory `path`. Raises OSError when it cannot be read; one below it is left out then."""
    found = LocalTree(path)
    found.directories[""] = FileStat("", path, os.stat(path))
    todo = [("", path)]
    while todo:
        prefix, directory = todo.pop()
        try:
            entries = sorted(os.scandir(directory), key=_order)
        except OSError as error:
            if not prefix:
                raise
            del found.directories[prefix[:-1]]
            found.left_out.append((prefix[:-1], f"cannot be read: {error.strerror}"))
            continue
        below = []
        for entry in entries:
            kind = _sort(found, prefix, entry)
            if kind is not None:
                below.append((f"{kind}/", entry.path))
        todo += reversed(below)
    return found


def _order(entry: os.DirEntry[str]) -> tuple[bytes, bool]:
    """By the names on the wire; of two that are the same there, the one that is spelled so first."""
    name = composed(entry.name)
    return os.fsencode(name), name != entry.name


def _sort(found: LocalTree, prefix: str, entry: os.DirEntry[str]) -> str | None:
    """Put an entry where it belongs; the name of a directory that is to be walked."""
    wire_name = composed(entry.name)
    name = prefix + wire_name
    try:
        status = os.lstat(entry.path) if sys.platform == "win32" else entry.stat(follow_symlinks=False)
    except OSError as error:
        found.left_out.append((name, f"cannot be read: {error.strerror}"))
        return None
    mode = status.st_mode
    if stat.S_ISLNK(mode):
        found.skipped.append((name, "is a symbolic link"))
        return None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        found.skipped.append((name, "is neither a file nor a directory"))
        return None
    if _DRAFT.fullmatch(wire_name):
        found.drafts.append(name)
        return None
    problem = name_problem(wire_name)
    if problem is not None:
        found.left_out.append((name, f"its name {problem}"))
        return None
    if name in found.files or name in found.directories:
        reason = f"its name differs from that of '{wire_name}' beside it in its Unicode form only: rename one of them"
        found.left_out.append((prefix + entry.name, reason))
        return None
    if wire_name != entry.name:
        found.spelled[name] = entry.name
    if stat.S_ISREG(mode):
        found.files[name] = FileStat(name, entry.path, status)
        return None
    found.directories[name] = FileStat(name, entry.path, status)
    return name


def glimpse(folder: str, names: Sequence[str]) -> LocalTree:
    """What `names` are in a folder, as `scan` would have it, without looking further."""
    found = LocalTree(folder)
    with contextlib.suppress(OSError):
        found.drafts.extend(filter(_DRAFT.fullmatch, os.listdir(folder)))
    for name in names:
        local_name = spelled_in(folder, name)
        if local_name != name:
            found.spelled[name] = local_name
        path = os.path.join(folder, local_name)
        try:
            status = os.lstat(path)
        except OSError:
            continue
        kind = found.files if stat.S_ISREG(status.st_mode) else found.directories
        if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
            kind[name] = FileStat(name, path, status)
        else:
            found.skipped.append((name, "is neither a file nor a folder"))
    return found
