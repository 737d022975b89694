"""Keeping what is replaced or deleted in a local folder, in `.homeftp/versions` of that folder.

The files of one run are together in a folder that is named after its time, under the names that they had. Everything
here blocks and is called in a worker.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import stat as stat_module
import time
from datetime import datetime, timezone

from homeftp.client.files.directory import Directory
from homeftp.client.files.folders import OpenFolders
from homeftp.client.files.model import FileStat
from homeftp.client.files.tempfile import CHANGED_LOCALLY
from homeftp.config import Retention
from homeftp.endpoint import RESERVED
from homeftp.errors import Changed
from homeftp.hashing import filehash

VERSIONS = f"{RESERVED}/versions"
"""Where versions are kept, relative to the folder."""

_STAMP = "%Y-%m-%dT%H%M%S.%fZ"
"""The name of the folder of one run, UTC. It sorts by time, and every file system can hold it.

Two runs in one second have two folders: one may keep a file, and the other a file in a folder of that name.
"""

_STAMPS = (_STAMP, "%Y-%m-%dT%H%M%SZ")
"""Names that such folders have, the second one by earlier versions."""

_NO_LINKS = frozenset({errno.EPERM, errno.EMLINK, errno.EXDEV, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""The errors of link(2) on a disk without hard links, such as exFAT, for a file with too many, or on another disk."""


class LocalVersions:
    """The versions that one run makes; `started` is its time, in seconds since 1970 UTC."""

    def __init__(self, started: float) -> None:
        stamp = datetime.fromtimestamp(started, timezone.utc).strftime(_STAMP)
        self.folder = f"{VERSIONS}/{stamp}"
        """Where they are, relative to the folder."""

    def keep(self, folders: OpenFolders, name: str) -> None:
        """Keep the file that has a name now, before it is replaced. Raises OSError, and then it must not be."""
        last = folders.last_name(name)
        with folders.kept_open(name.rpartition("/")[0], make=False) as source:
            found = source.stat(last)
            if found is not None and stat_module.S_ISREG(found.st_mode):
                self._keep(source, last, self._folder_of(folders, name), found)

    def remove(self, folders: OpenFolders, file: FileStat) -> Exception | None:
        """Delete a file, unless it has changed since its stat, and keep it; gives why it is still there."""
        last = folders.last_name(file.name)
        try:
            with folders.kept_open(file.name.rpartition("/")[0], make=False) as source:
                existing = source.stat(last)
                if existing is None or filehash.signature(existing) != filehash.signature(file.stat):
                    return Changed(CHANGED_LOCALLY)
                self._keep(source, last, self._folder_of(folders, file.name), existing)
                source.remove(last)
        except OSError as error:
            return error
        return None

    def _folder_of(self, folders: OpenFolders, name: str) -> Directory:
        try:
            return folders.open(f"{self.folder}/{name.rpartition('/')[0]}".rstrip("/"))
        except OSError as error:
            reason = f"its content here cannot be kept as a version in {VERSIONS}: {error.strerror}"
            raise OSError(error.errno, reason) from error

    def _keep(self, source: Directory, last: str, target: Directory, found: os.stat_result) -> None:
        """Give a file a second name among the versions: its own, or one that is not taken."""
        for number in itertools.count(1):
            with contextlib.suppress(FileExistsError):
                _link_or_copy(source, last, target, last if number == 1 else f"{last}~{number}", found)
                return


def _link_or_copy(source: Directory, last: str, target: Directory, kept: str, found: os.stat_result) -> None:
    """Link a file to a new name; where the disk has no such links, copy it. Raises FileExistsError."""
    try:
        source.link_to(last, target, kept)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _copy(source, last, target, kept, found)


def _copy(source: Directory, last: str, target: Directory, kept: str, found: os.stat_result) -> None:
    with open(source.open(last), "rb") as read, open(target.create(kept), "wb") as written:
        shutil.copyfileobj(read, written)
        written.flush()
        target.set_metadata(written.fileno(), kept, found.st_mtime_ns // 1000, stat_module.S_IMODE(found.st_mode))
        os.fsync(written.fileno())


def prune_versions(path: str, *, now: float | None = None, seconds: float = Retention().seconds) -> None:
    """Remove the versions in the folder `path` of runs that are older than `seconds`."""
    latest = (time.time() if now is None else now) - seconds
    oldest = datetime.fromtimestamp(max(latest, 0), timezone.utc).strftime(_STAMP)
    folder = os.path.join(path, *VERSIONS.split("/"))
    with contextlib.suppress(OSError):
        for stamp in os.listdir(folder):
            if stamp < oldest and _is_stamp(stamp):
                shutil.rmtree(os.path.join(folder, stamp), ignore_errors=True)


def _is_stamp(name: str) -> bool:
    for stamp in _STAMPS:
        with contextlib.suppress(ValueError):
            datetime.strptime(name, stamp)
            return True
    return False
