"""Finding local files: the stat of a path, and the walk through a folder.

A symbolic link that the user named is followed; a link inside a folder is
skipped unless links are to be followed, and so is everything that is neither
a file nor a directory. What
cannot be read or has a name that the wire cannot carry counts as failed. A
folder `.homeftp` is homeftp's own, and counts as nothing.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import stat as stat_module
from typing import Collection, Iterable, Iterator, Mapping, NamedTuple, Sequence

from homeftp.client.files.hashes import find_unchanged
from homeftp.client.files.model import FileStat, LocalTree
from homeftp.client.files.names import endpoint_name, is_partial_name, local_name, wire_name
from homeftp.client.selection import EVERYTHING, IGNORE_FILE, Selection, Selector
from homeftp.endpoint import RESERVED, is_plain, name_problem
from homeftp.errors import OperatorError
from homeftp.hashing.foldertable import FolderTable

_MOST_IGNORED = 1024 * 1024
"""Characters of an ignore file: a larger one holds something else, or patterns that take forever."""

LINK, SPECIAL = "is a symbolic link", "is a device, a pipe or a socket"
"""Why something is not transferred."""

_MOST_NESTED = 8
"""Links on the way to a name that are followed: links to folders full of links would give more names than any disk."""


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


def scan(
    path: str,
    selection: Selection = EVERYTHING,
    parts: Collection[str] = ("",),
    folders: FolderTable | None = None,
) -> LocalTree:
    """Walk the folder `path`. Raises OSError where it cannot be read; a folder below it that cannot is failed.

    Of the folder only the `parts` are walked, names on the wire with all beneath them; the folders around them are in
    the tree too. What is not selected is not walked. Where a folder is as it is known in the table `folders`, its
    files are not in the tree until they are read (`read_folder`). Raises `OperatorError` for an ignore file that cannot
    be used: what it names must not be sent.
    """
    tree = LocalTree(path, selector=Selector(selection))
    tree.directories[""] = FileStat("", path, os.stat(path))
    leading = _leading_names(parts)
    pending = [("", path)]
    real = {"": os.path.realpath(path)} if folders is not None else {}
    while pending:
        prefix, directory = pending.pop()
        name = prefix[:-1]
        try:
            found = os.listdir(directory)
        except OSError as error:
            if not prefix:
                raise
            tree.unnamed.append(tree.directories.pop(name))
            tree.failed.append((name, _unreadable(error)))
            continue
        if tree.selector.reads_ignore_files and IGNORE_FILE in found:
            _read_ignore_file(tree, prefix, os.path.join(directory, IGNORE_FILE))
        chosen = leading.get(name)
        unchanged = None
        if folders is not None:
            real[name] = real_path(tree, name, real)
            unchanged = None if chosen is not None else find_unchanged(folders, tree, directory, real[name], found)
        if unchanged is None:
            pending += reversed(_list(tree, prefix, directory, found, chosen))
        else:
            tree.unread[name] = unchanged.known
            pending += reversed(_add_folders(tree, prefix, directory, unchanged.folders))
    return tree


def real_path(tree: LocalTree, name: str, real: Mapping[str, str]) -> str:
    """The real path of a folder of the tree; `real` has that of the folder around it, or of the top itself."""
    if not name:
        return real[name]
    last = os.path.basename(tree.directories[name].path)
    return tree.links.get(name) or os.path.join(real[name.rpartition("/")[0]], last)


def read_folder(tree: LocalTree, name: str) -> None:
    """Add the files in an unread folder to its tree. Folders that are new by now are left for the next time."""
    del tree.unread[name]
    directory, prefix = tree.directories[name].path, f"{name}/" if name else ""
    read = LocalTree(tree.path, links=tree.links, selector=tree.selector)
    try:
        _list(read, prefix, directory, os.listdir(directory), None)
    except OSError as error:
        tree.failed.append((name, _unreadable(error)))
        return
    tree.files.update((each, file) for each, file in read.files.items() if each not in tree.directories)
    tree.skipped.extend(read.skipped)
    tree.failed.extend(read.failed)
    tree.partials.extend(read.partials)
    tree.local_names.update(read.local_names)
    tree.unnamed.extend(read.unnamed)
    tree.other_names.update(read.other_names)
    if name in read.plain:
        tree.plain.add(name)


def _list(
    tree: LocalTree, prefix: str, directory: str, found: Sequence[str], chosen: Collection[str] | None
) -> list[tuple[str, str]]:
    """Add what was found in a directory to `tree`; gives the folders that are to be walked, and their paths."""
    below = []
    start = os.path.join(directory, "")
    before = len(tree.files) + len(tree.directories)
    others = len(tree.links) + len(tree.local_names)
    for each in _ordered(found, chosen, strict_names=tree.selector.strict_names):
        path = start + each.local
        subdirectory = _add(tree, prefix, each, path)
        if subdirectory is not None:
            below.append((f"{subdirectory}/", path))
    added = len(tree.files) + len(tree.directories) - before
    kept = RESERVED in found and not os.path.islink(start + RESERVED) and os.path.isdir(start + RESERVED)
    if added + kept == len(found) and others == len(tree.links) + len(tree.local_names):
        tree.plain.add(prefix[:-1])
    return below


def _add_folders(
    tree: LocalTree, prefix: str, directory: str, folders: Sequence[tuple[str, os.stat_result]]
) -> list[tuple[str, str]]:
    """Add the folders in an unread one, which have plain names; gives them, and their paths."""
    below = []
    for last, stat in folders:
        name, path = prefix + last, os.path.join(directory, last)
        tree.directories[name] = FileStat(name, path, stat)
        below.append((f"{name}/", path))
    return below


def _unreadable(error: OSError) -> str:
    return f"cannot be read: {error.strerror}"


def _leading_names(parts: Collection[str]) -> Mapping[str, Collection[str]]:
    """For each folder around the parts, the names in it that lead to them; in all other folders each name counts."""
    if "" in parts:
        return {}
    leading: dict[str, set[str]] = {"": set()}
    for part in parts:
        while part:
            part, _, last = part.rpartition("/")
            leading.setdefault(part, set()).add(last)
    return leading


def _read_ignore_file(tree: LocalTree, prefix: str, path: str) -> None:
    """Apply what is at the path of an ignore file, if that is a file."""
    if not os.path.isfile(path):
        return
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_MOST_IGNORED + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise OperatorError(f"{path} cannot be read: {reason}. Use --no-ignore to do without it") from None
    if len(text) > _MOST_IGNORED:
        raise OperatorError(f"{path} is too large for a file with patterns")
    tree.selector.add_rules(prefix.rstrip("/"), text.splitlines(), path)


class _Name(NamedTuple):
    """A name in a folder. They are sorted by the first three; of two that are one on the wire the composed is first."""

    last: str
    """The name on the wire."""
    is_spelled: bool
    """Whether the local name is not composed."""
    number: int
    """Its place in the folder, as that lists it."""
    is_plain: bool
    """Whether the name needs no further check."""
    local: str
    """The local name."""


def _ordered(found: Sequence[str], chosen: Collection[str] | None, *, strict_names: bool) -> Iterable[_Name]:
    """The `chosen` ones of the names in a folder, or all, sorted by the names on the wire.

    A plain name is only a text until it is its turn: a folder may have a million.
    """
    plain: list[str] = []
    others: list[_Name] = []
    for number, name in enumerate(found):
        if is_plain(name):
            if chosen is None or name in chosen:
                plain.append(name)
            continue
        last = endpoint_name(name, strict=strict_names)
        if chosen is None or last in chosen or _other_name(name, last, strict_names=strict_names) in chosen:
            others.append(_Name(last, wire_name(name) != name, number, False, name))
    names = (_Name(name, False, 0, True, name) for name in sorted(plain))
    return heapq.merge(names, sorted(others)) if others else names


def _other_name(local: str, last: str, *, strict_names: bool) -> str | None:
    """The name on the wire that a local name has by the other rule for names, where its name `last` cannot be sent."""
    other = endpoint_name(local, strict=not strict_names)
    return None if other == last or name_problem(last) is None or name_problem(other) is not None else other


def _add(tree: LocalTree, prefix: str, found: _Name, path: str) -> str | None:
    """Add what was found at a path to `tree`; gives the name of a directory that is to be walked."""
    last = found.last
    name = prefix + last
    try:
        stat = os.lstat(path)
    except OSError as error:
        tree.failed.append((name, _unreadable(error)))
        return None
    kind = stat_module.S_IFMT(stat.st_mode)
    if kind == stat_module.S_IFLNK and tree.selector.follows_links:
        return _add_followed(tree, prefix, found, path)
    if found.is_plain and kind == stat_module.S_IFREG and tree.selector.takes_all:
        tree.files[name] = FileStat(name, path, stat)
        return None
    return _add_selected(tree, prefix, found, FileStat(name, path, stat))


def _add_followed(tree: LocalTree, prefix: str, found: _Name, path: str) -> str | None:
    """Add the target of a link at the path; the reason where it is not followed."""
    name = prefix + found.last
    followed = _followed(tree, name, path)
    if isinstance(followed, FileStat):
        tree.links[name] = os.path.realpath(path)
        return _add_selected(tree, prefix, found, followed)
    if tree.selector.takes(name, is_directory=False):
        tree.skipped.append((name, followed))
    return None


def _followed(tree: LocalTree, name: str, path: str) -> FileStat | str:
    """The target of the link `name` at a path, for a tree that is being read; or why it is not followed.

    A folder has the path of the link, a file its own real path: where it is opened, that must not be a link.
    """
    try:
        stat = os.stat(path)
    except FileNotFoundError:
        return "is a symbolic link that leads nowhere"
    except OSError as error:
        return f"is a symbolic link that cannot be followed: {error.strerror}"
    real = os.path.realpath(path)
    found = FileStat(name, path, stat)
    if not found.is_directory:
        return found._replace(path=real)
    followed = [tree.links[each] for each in _above(name) if each in tree.links]
    around = (os.path.realpath(tree.path), os.path.realpath(os.path.dirname(path)), *followed)
    if any(_is_within(each, real) for each in around):
        return "is a symbolic link to a folder that it is in"
    if len(followed) >= _MOST_NESTED:
        return f"is a symbolic link behind {_MOST_NESTED} others"
    return found


def _above(name: str) -> Iterator[str]:
    """The names of the folders around a name."""
    while name := name.rpartition("/")[0]:
        yield name


def _is_within(path: str, folder: str) -> bool:
    """Whether a real path is that of a folder, or beneath it."""
    return os.path.join(path, "").startswith(os.path.join(folder, ""))


def _add_selected(tree: LocalTree, prefix: str, found: _Name, file: FileStat) -> str | None:
    """Add something if it is selected, and can be sent."""
    last, name, kind = found.last, file.name, stat_module.S_IFMT(file.stat.st_mode)
    if not tree.selector.takes(name, is_directory=kind == stat_module.S_IFDIR):
        tree.partial_directories.add(prefix[:-1])
        return None
    if kind != stat_module.S_IFREG and kind != stat_module.S_IFDIR:
        tree.skipped.append((name, LINK if kind == stat_module.S_IFLNK else SPECIAL))
        return None
    if last == RESERVED and kind == stat_module.S_IFDIR:
        return None  # what a sync of the folder keeps
    if not found.is_plain and not _check_name(tree, prefix, found):
        if not is_partial_name(last):
            tree.unnamed.append(file)
        return None
    if kind == stat_module.S_IFREG:
        tree.files[name] = file
        return None
    tree.directories[name] = file
    return name


def _check_name(tree: LocalTree, prefix: str, found: _Name) -> bool:
    """Whether a name can be sent; notes in `tree` why it cannot, or how it is spelled here."""
    last, name = found.last, prefix + found.last
    if is_partial_name(last):
        tree.partials.append(name)
        return False
    problem = name_problem(last)
    if problem is not None:
        tree.failed.append((name, f"its name {problem}"))
        other = _other_name(found.local, last, strict_names=tree.selector.strict_names)
        if other is not None:
            tree.other_names[prefix + other] = name
        return False
    if name in tree.files or name in tree.directories:
        reason = f"its name differs from '{last}' beside it only in its Unicode form: rename one of them"
        tree.failed.append((prefix + found.local, reason))
        return False
    if last != found.local:
        tree.local_names[name] = found.local
    return True


def inodes_beneath(found: Sequence[FileStat]) -> Mapping[int, str]:
    """The inodes of these files, and of the files in these folders, each with the name of the one that it is in.

    A folder that cannot be read stands for the files in it.
    """
    inodes = {}
    for each in found:
        unreadable: list[OSError] = []
        paths = [each.path] if each.is_file else []
        for folder, _, names in os.walk(each.path, onerror=unreadable.append):
            paths += [os.path.join(folder, name) for name in names]
        for path in (*paths, *(error.filename for error in unreadable)):
            with contextlib.suppress(OSError):
                inodes[FileStat("", path, os.lstat(path)).inode] = each.name
    return inodes


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
