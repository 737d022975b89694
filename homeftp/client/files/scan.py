"""Finding local files: the stat of a path, and the walk through a folder.

A symbolic link that the user named is followed; a link inside a folder is
skipped, and so is everything that is neither a file nor a directory. What
cannot be read or has a name that the wire cannot carry counts as failed.
"""

from __future__ import annotations

import contextlib
import os
import stat as stat_module
import sys
from functools import partial
from typing import Sequence

from homeftp.client.files.model import FileStat, LocalTree
from homeftp.client.files.names import endpoint_name, is_partial_name, local_name, wire_name
from homeftp.client.selection import EVERYTHING, IGNORE_FILE, Selection, Selector
from homeftp.endpoint import name_problem
from homeftp.errors import OperatorError

_MOST_IGNORED = 1024 * 1024
"""Characters of an ignore file: a larger one holds something else, or patterns that take forever."""

LINK, SPECIAL = "is a symbolic link", "is a device, a pipe or a socket"
"""Why something is never transferred."""


def stat_path(path: str) -> FileStat | None:
    """The stat of a path that the user named, links followed; None where nothing exists.

    Raises OSError, also for a file that cannot be read: the transfer cannot
    do what was asked, and says so before it does anything else.
    """
    try:
        found = FileStat("", os.path.realpath(path), os.stat(path))
        if found.is_file:
            os.close(os.open(path, os.O_RDONLY))
    except FileNotFoundError:
        return None
    return found


def scan(path: str, selection: Selection = EVERYTHING) -> LocalTree:
    """Walk the folder `path`. Raises OSError where it cannot be read; a folder below it that cannot is failed.

    What is not selected is not walked. Raises `OperatorError` for an ignore file that cannot be used: what it names
    must not be sent.
    """
    tree = LocalTree(path, selector=Selector(selection))
    tree.directories[""] = FileStat("", path, os.stat(path))
    pending = [("", path)]
    while pending:
        prefix, directory = pending.pop()
        try:
            entries = sorted(os.scandir(directory), key=partial(_order, tree.selector.strict_names))
        except OSError as error:
            if not prefix:
                raise
            del tree.directories[prefix[:-1]]
            tree.failed.append((prefix[:-1], f"cannot be read: {error.strerror}"))
            continue
        if tree.selector.reads_ignore_files:
            _read_ignore_file(tree, prefix, entries)
        below = []
        for entry in entries:
            subdirectory = _add(tree, prefix, entry)
            if subdirectory is not None:
                below.append((f"{subdirectory}/", entry.path))
        pending += reversed(below)
    return tree


def _read_ignore_file(tree: LocalTree, prefix: str, entries: Sequence[os.DirEntry[str]]) -> None:
    """Apply the ignore file that is among the entries of a folder, if there is one."""
    found = next((each for each in entries if each.name == IGNORE_FILE), None)
    if found is None or not found.is_file():
        return
    try:
        with open(found.path, encoding="utf-8") as file:
            text = file.read(_MOST_IGNORED + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise OperatorError(f"{found.path} cannot be read: {reason}. Use --no-ignore to do without it") from None
    if len(text) > _MOST_IGNORED:
        raise OperatorError(f"{found.path} is too large for a file with patterns")
    tree.selector.add_rules(prefix.rstrip("/"), text.splitlines(), found.path)


def _order(strict_names: bool, entry: os.DirEntry[str]) -> tuple[bytes, bool]:
    """Sort by the name on the wire; of two that are the same there, the composed one comes first."""
    name = endpoint_name(entry.name, strict=strict_names)
    return os.fsencode(name), wire_name(entry.name) != entry.name


def _add(tree: LocalTree, prefix: str, entry: os.DirEntry[str]) -> str | None:
    """Add an entry to `tree`; gives the name of a directory that is to be walked."""
    last = endpoint_name(entry.name, strict=tree.selector.strict_names)
    name = prefix + last
    try:
        stat = os.lstat(entry.path) if sys.platform == "win32" else entry.stat(follow_symlinks=False)
    except OSError as error:
        tree.failed.append((name, f"cannot be read: {error.strerror}"))
        return None
    mode = stat.st_mode
    if not tree.selector.takes(name, is_directory=stat_module.S_ISDIR(mode)):
        return None
    if not (stat_module.S_ISREG(mode) or stat_module.S_ISDIR(mode)):
        tree.skipped.append((name, LINK if stat_module.S_ISLNK(mode) else SPECIAL))
        return None
    if is_partial_name(last):
        tree.partials.append(name)
        return None
    problem = name_problem(last)
    if problem is not None:
        tree.failed.append((name, f"its name {problem}"))
        return None
    if name in tree.files or name in tree.directories:
        reason = f"its name differs from '{last}' beside it only in its Unicode form: rename one of them"
        tree.failed.append((prefix + entry.name, reason))
        return None
    if last != entry.name:
        tree.local_names[name] = entry.name
    if stat_module.S_ISREG(mode):
        tree.files[name] = FileStat(name, entry.path, stat)
        return None
    tree.directories[name] = FileStat(name, entry.path, stat)
    return name


def scan_names(folder: str, names: Sequence[str], *, strict_names: bool) -> LocalTree:
    """The part of a folder's tree with only these `names`, not walked any deeper.

    With `strict_names` nothing is unescaped. Raises `OperatorError` for a name that no local name has on the wire.
    """
    tree = LocalTree(folder)
    with contextlib.suppress(OSError):
        tree.partials.extend(filter(is_partial_name, os.listdir(folder)))
    for name in names:
        spelling = local_name(folder, name, strict=strict_names)
        if spelling != name:
            tree.local_names[name] = spelling
        path = os.path.join(folder, spelling)
        try:
            stat = os.lstat(path)
        except OSError:
            continue
        if stat_module.S_ISREG(stat.st_mode):
            tree.files[name] = FileStat(name, path, stat)
        elif stat_module.S_ISDIR(stat.st_mode):
            tree.directories[name] = FileStat(name, path, stat)
        else:
            tree.skipped.append((name, LINK if stat_module.S_ISLNK(stat.st_mode) else SPECIAL))
    return tree
