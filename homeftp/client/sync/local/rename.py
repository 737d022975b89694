"""Renaming local files and folders, each only if it is what was found there. Everything here blocks."""

from __future__ import annotations

import os
import stat as stat_module

from homeftp.client.files.directory import Directory
from homeftp.client.files.folders import OpenFolders
from homeftp.client.files.model import FileStat
from homeftp.client.files.tempfile import CHANGED_LOCALLY
from homeftp.errors import Changed
from homeftp.hashing import filehash


def rename_local(folders: OpenFolders, found: FileStat, new: str) -> Exception | None:
    """Rename what was found below the folder to `new`, where nothing is; gives why it still has its name.

    Folders on the way to `new` are made. A file that has changed since its stat stays, and so does what is no folder
    any more. On a disk that ignores case a name may get another case.
    """
    last = folders.last_name(found.name)
    try:
        with folders.kept_open(found.name.rpartition("/")[0], make=False) as source:
            existing = source.stat(last)
            if existing is None or not _is_same(existing, found):
                return Changed(CHANGED_LOCALLY)
            target, new_last = folders.open(new.rpartition("/")[0]), folders.last_name(new)
            if last.casefold() == new_last.casefold() and _is_alias(source, target, new_last):
                source.replace(last, new_last)
            elif target.stat(new_last) is not None:  # to another disk the system would give no other reason than that
                raise FileExistsError
            else:
                source.move_to(last, target, new_last)
    except FileExistsError:
        return Changed(f"something is called {new} already")
    except OSError as error:
        return error
    folders.close_beneath(found.name)
    return None


def _is_alias(source: Directory, target: Directory, name: str) -> bool:
    """Whether a name exists only because the disk ignores case: it has another spelling in the same folder."""
    if not os.path.samestat(source.own_stat(), target.own_stat()):
        return False
    return target.stat(name) is not None and name not in target.names()


def _is_same(existing: os.stat_result, found: FileStat) -> bool:
    if found.is_directory:
        return stat_module.S_ISDIR(existing.st_mode)
    return filehash.signature(existing) == filehash.signature(found.stat)
