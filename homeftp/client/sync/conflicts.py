"""The copies that conflicts have left in a local folder, and what a person decides about one. Everything here blocks.

A decision only changes local files: the next sync takes it over to the other side, as any other change.
"""

from __future__ import annotations

import os
import stat as stat_module
import time
from typing import Iterator, Literal, NamedTuple

from homeftp.client.files.folders import OpenFolders
from homeftp.client.files.model import FileStat
from homeftp.client.sync.local.marker import read_marker
from homeftp.client.sync.local.rename import rename_local
from homeftp.client.sync.local.versions import LocalVersions
from homeftp.client.sync.naming.copynames import may_be_cut, original_name
from homeftp.endpoint import RESERVED
from homeftp.errors import OperatorError
from homeftp.syscalls import System

Kept = Literal["original", "copy"]
"""Which of the two files stays, under the name of the original."""


class Conflict(NamedTuple):
    """A copy of a file that both sides had changed."""

    copy: FileStat
    original: FileStat | None
    """The file that has the name now; None where there is none any more, and where its name is not known."""
    original_name: str | None
    """None where it is not known, since the name of the copy may have been cut."""
    is_in_the_way: bool = False
    """Whether something that is not a file, such as a folder, has the name now."""


def find_conflicts(folder: str) -> Iterator[Conflict]:
    """The copies in a folder, in the order of their names; names are relative to it, joined by `/`.

    Raises `OperatorError` where it cannot be read.
    """
    if not os.path.isdir(folder):
        raise OperatorError(f"{folder} is not a folder")
    for top, directories, names in os.walk(folder):
        directories[:] = sorted(each for each in directories if each != RESERVED)
        inside = os.path.relpath(top, folder).replace(os.sep, "/")
        for name in sorted(names):
            original = original_name(name)
            copy = None if original is None else _stat(top, name, inside)
            if copy is not None and original is not None:
                yield _conflict(copy, top, original, inside)


def _conflict(copy: FileStat, top: str, original: str, inside: str) -> Conflict:
    if may_be_cut(os.path.basename(copy.path)):
        return Conflict(copy, None, None)
    found = _stat(top, original, inside)
    is_in_the_way = found is None and os.path.lexists(os.path.join(top, original))
    return Conflict(copy, found, _join(inside, original), is_in_the_way)


def _stat(top: str, name: str, inside: str) -> FileStat | None:
    path = os.path.join(top, name)
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return FileStat(_join(inside, name), path, found) if stat_module.S_ISREG(found.st_mode) else None


def _join(inside: str, name: str) -> str:
    return name if inside == "." else f"{inside}/{name}"


def synced_folder(path: str) -> str:
    """The synced folder that a path is in. Raises `OperatorError` where there is none."""
    folder = os.path.dirname(os.path.abspath(path))
    while not read_marker(folder):
        above = os.path.dirname(folder)
        if above == folder:
            raise OperatorError(f"{path} is in no folder that was synced")
        folder = above
    return folder


def resolve_conflict(path: str, kept: Kept) -> Conflict:
    """Decide about the copy at a local path: one of the files is kept under the original's name.

    The other one goes to the folder's versions. Raises `OperatorError` for what is no copy, where its original is not
    known, and where it has changed.
    """
    folder = synced_folder(path)
    inside = os.path.relpath(os.path.dirname(os.path.abspath(path)), folder).replace(os.sep, "/")
    last = os.path.basename(path)
    original = original_name(last)
    copy = _stat(os.path.dirname(path), last, inside)
    if original is None or copy is None:
        raise OperatorError(f"{path} is not a copy that a conflict left: homeftp sync --conflicts lists them")
    conflict = _conflict(copy, os.path.dirname(path), original, inside)
    if conflict.original_name is None:
        raise OperatorError(
            f"{path} stays as it is: its name may have been cut, so the original is not known. Rename or delete the "
            "copy yourself"
        )
    if conflict.is_in_the_way and kept == "copy":
        raise OperatorError(
            f"{path} stays as it is: {conflict.original_name} is not a file now. Rename or delete one of them "
            "yourself, or use --keep original"
        )
    if conflict.original is None and not conflict.is_in_the_way and kept == "original":
        raise OperatorError(
            f"{path} stays as it is: its original is gone. Use --keep copy, or delete the copy yourself"
        )
    versions = LocalVersions(time.time())
    with OpenFolders(folder, System(), {}) as folders:
        replaced = copy if kept == "original" else conflict.original
        failure = None if replaced is None else versions.remove(folders, replaced)
        if failure is None and kept == "copy":
            failure = rename_local(folders, copy, conflict.original_name)
    if failure is not None:
        reason = failure.strerror if isinstance(failure, OSError) else str(failure)
        raise OperatorError(f"{path} stays as it is: {reason}")
    return conflict
