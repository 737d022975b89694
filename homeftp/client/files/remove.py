"""Deleting local files and folders, each only if it is what was found there. Everything here blocks."""

from __future__ import annotations

from typing import Callable, Mapping, Sequence

from homeftp.client.files.folders import OpenFolders
from homeftp.client.files.model import FileStat
from homeftp.client.files.tempfile import CHANGED_LOCALLY
from homeftp.errors import Changed
from homeftp.hashing import filehash
from homeftp.syscalls import System


def remove_file(folders: OpenFolders, file: FileStat) -> Exception | None:
    """Delete a file, unless it has changed since its stat; gives why it is still there."""
    try:
        folder = folders.open(file.name.rpartition("/")[0], make=False)
        last = folders.last_name(file.name)
        existing = folder.stat(last)
        if existing is None or filehash.signature(existing) != filehash.signature(file.stat):
            return Changed(CHANGED_LOCALLY)
        folder.remove(last)
    except OSError as error:
        return error
    return None


def remove_local(
    path: str,
    system: System,
    local_names: Mapping[str, str],
    files: Sequence[FileStat],
    directories: Sequence[str],
    remove: Callable[[OpenFolders, FileStat], Exception | None] = remove_file,
) -> list[tuple[str, Exception | None]]:
    """Delete files and then empty directories below the folder `path`; gives each name, and why it is still there.

    A file that has changed since its stat, and a directory that is not empty, stay. `local_names` as in `LocalTree`;
    `remove` may do more with a file than `remove_file`, such as keep it elsewhere.
    """
    with OpenFolders(path, system, local_names) as folders:
        results: list[tuple[str, Exception | None]] = [(file.name, remove(folders, file)) for file in files]
        results += [(name, _remove_directory(folders, name)) for name in directories]
    return results


def _remove_directory(folders: OpenFolders, name: str) -> OSError | None:
    try:
        folders.open(name.rpartition("/")[0], make=False).remove_directory(folders.last_name(name))
    except OSError as error:
        return error
    return None
