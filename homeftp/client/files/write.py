"""The local folder that downloads are written to: each file appears whole, verified and durable, or not at all.

A file is written beside its target under a temporary name, verified, made
durable and renamed. Small files are made durable together, by one sync where
the system has it. Right before the rename the target is checked again: if it
changed since it was compared, it is not replaced. Nothing is written through
a symbolic link below the folder, whatever names a server sends. Everything
here blocks and is called in a worker.
"""

from __future__ import annotations

import contextlib
import math
import os
import stat as stat_module
import sys
import time
from types import MappingProxyType
from typing import Callable, Collection, Iterable, Mapping, NamedTuple, Sequence

from homeftp.client.files.directory import Directory
from homeftp.client.files.folders import OpenFolders
from homeftp.client.files.names import partial_endpoint_key
from homeftp.client.files.tempfile import CHANGED_LOCALLY, DownloadTempFile, TargetFile, UnnamedDownload
from homeftp.config import PARTIAL_UPLOAD_SECONDS
from homeftp.errors import Changed, ContentMismatch
from homeftp.hashing import filehash
from homeftp.hashing.hashcache import CachedHash, HashCache
from homeftp.syscalls import System

_MOST_TOGETHER = 1024
"""Files that are written before they are made durable, at most: each may hold a descriptor meanwhile."""

_JOB_PART = 4
"""They take at most one in so many of the process's descriptors."""

_MIN_SHARED_SYNC = 8
"""From this many files or folders on one sync of the file system is cheaper than a sync of each."""


class SmallDownload(NamedTuple):
    """A small file whose content has arrived."""

    target: TargetFile
    data: bytes
    hash: str
    """The hash that the server gave."""


class LocalMetadata(NamedTuple):
    """The metadata that a local file or folder is to have."""

    name: str
    mtime_us: int | None
    mode: int | None


WriteResult = os.stat_result | Exception
"""The stat of a written file, or why it was not written."""


class DownloadTarget:
    """The folder `path`, made when the first file is written. Methods are thread-safe.

    `local_names` as in `LocalTree`, and `before_replace` as in `OpenFolders`.
    """

    def __init__(
        self,
        path: str,
        system: System,
        hash_cache: HashCache | None = None,
        local_names: Mapping[str, str] = MappingProxyType({}),
        before_replace: Callable[[OpenFolders, str], object] = lambda folders, name: None,
    ) -> None:
        self.path = path
        self._local_names = local_names
        self._before_replace = before_replace
        self._system = system
        self._hash_cache = hash_cache
        self._unsynced: set[str] = set()

    def open_folders(self) -> OpenFolders:
        """The open folders for one job."""
        return OpenFolders(self.path, self._system, self._local_names, self._before_replace)

    def write_many(self, files: Sequence[SmallDownload]) -> list[WriteResult]:
        """Write small files durably; one result for each, in order."""
        started_ns = time.time_ns()
        results: list[WriteResult] = []
        with self.open_folders() as folders:
            most = _most_together()
            for start in range(0, len(files), most):
                results += _write_some(folders, files[start : start + most])
        self.record(zip(files, results, strict=True), started_ns)
        return results

    def remove_partials(self, partials: Iterable[str], complete: Collection[str]) -> None:
        """Remove the partial downloads of these names that no download will resume.

        Those were not resumed for a day, or are of a file that is `complete`;
        see `partial_endpoint_key`. One that is in use stays.
        """
        with self.open_folders() as folders:
            for name in partials:
                latest = math.inf if partial_endpoint_key(name) in complete else time.time() - PARTIAL_UPLOAD_SECONDS
                with contextlib.suppress(OSError):
                    _remove_partial(folders.open(name.rpartition("/")[0]), folders.last_name(name), latest)

    def make_directories(self, names: Sequence[str]) -> list[tuple[str, OSError]]:
        """Make directories and their parents; existing ones are left as they are. Gives the failures."""
        failed = []
        with self.open_folders() as folders:
            for name in names:
                try:
                    folders.open(name)
                except OSError as error:  # noqa: PERF203 (each has its own outcome)
                    failed.append((name, error))
                else:
                    self._unsynced.add(name.rpartition("/")[0])
        return failed

    def set_directory_metadata(
        self, directories: Sequence[LocalMetadata]
    ) -> list[tuple[str, OSError | os.stat_result]]:
        """Set metadata of directories, in the order given, which is deepest first.

        Gives the stat of each, with what was set, or why it could not be used.
        """
        results: list[tuple[str, OSError | os.stat_result]] = []
        with self.open_folders() as folders:
            for wanted in directories:
                try:
                    folder = folders.open(wanted.name)
                    folder.set_metadata(None, "", wanted.mtime_us, wanted.mode)
                    results.append((wanted.name, folder.own_stat()))
                except OSError as error:
                    results.append((wanted.name, error))
                self._unsynced.add(wanted.name)
        return results

    def set_file_metadata(self, files: Sequence[tuple[LocalMetadata, os.stat_result]]) -> list[WriteResult]:
        """Set metadata of files that have the right content, unless they changed since the given stat."""
        with self.open_folders() as folders:
            return [_set_metadata(folders, wanted, compared) for wanted, compared in files]

    def sync(self) -> None:
        """Make the names of all written files and folders durable."""
        unsynced, self._unsynced = self._unsynced, set()
        if not unsynced:
            return
        with self.open_folders() as folders:
            if len(unsynced) >= _MIN_SHARED_SYNC and folders.top.can_sync_filesystem:
                folders.top.sync_filesystem()
                return
            for name in sorted(unsynced):
                folders.open(name).sync()

    def record(self, files: Iterable[tuple[SmallDownload, WriteResult]], started_ns: int) -> None:
        """Record written files: the folders for `sync`, the hashes for the next comparison."""
        top = os.path.realpath(self.path)
        rows = []
        paths: dict[str, str] = {}
        for file, result in files:
            if isinstance(result, os.stat_result):
                folder, _, name = file.target.name.rpartition("/")
                if folder not in paths:
                    self._unsynced.add(folder)
                    paths[folder] = os.path.join(top, *self._local_parts(folder)) if folder else top
                name = self._local_names.get(file.target.name) or name
                rows.append(CachedHash(paths[folder], name, result, file.hash, started_ns))
        if self._hash_cache is not None:
            self._hash_cache.record(rows)

    def _local_parts(self, name: str) -> list[str]:
        """The parts of a name in their local spelling."""
        parts = name.split("/")
        if not self._local_names:
            return parts
        return [self._local_names.get("/".join(parts[: depth + 1]), part) for depth, part in enumerate(parts)]


def _most_together() -> int:
    """How many files may be open at the same time."""
    if sys.platform == "win32":
        return _MOST_TOGETHER
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_TOGETHER if limit == resource.RLIM_INFINITY else max(1, min(_MOST_TOGETHER, limit // _JOB_PART))


def _write_some(folders: OpenFolders, files: Sequence[SmallDownload]) -> list[WriteResult]:
    """Write small files that are made durable together; one result for each."""
    shared_sync = len(files) >= _MIN_SHARED_SYNC and folders.top.can_sync_filesystem
    unnamed: dict[str, bool] = {}
    written = [_write(folders, file, unnamed, sync=not shared_sync) for file in files]
    failure: OSError | None = None
    if shared_sync:
        try:
            folders.top.sync_filesystem()
        except OSError as error:
            failure = error
    return [_commit(temp, failure) for temp in written]


_Temporary = DownloadTempFile | UnnamedDownload


def _write(
    folders: OpenFolders, file: SmallDownload, unnamed: dict[str, bool], *, sync: bool
) -> _Temporary | OSError | ContentMismatch:
    """The completed temporary file, or why there is none; `unnamed` is for what is found out about its folder."""
    temp = None
    target = file.target
    try:
        if target.replaces is None and not target.force:
            folder = target.name.rpartition("/")[0]
            if folder not in unnamed:
                unnamed[folder] = folders.open(folder).names_later
            if unnamed[folder]:
                return UnnamedDownload(folders, target, file.data, file.hash, sync=sync)
    except (OSError, ContentMismatch) as error:
        return error
    try:
        temp = DownloadTempFile(folders, target)
        temp.write(file.data)
        temp.complete(file.hash, sync=sync)
    except (OSError, ContentMismatch) as error:
        if temp is not None:
            temp.abort()
        return error
    return temp


def _commit(temp: _Temporary | OSError | ContentMismatch, failure: OSError | None) -> WriteResult:
    """Rename a completed file to its target, unless the shared sync had a `failure`."""
    if isinstance(temp, Exception):
        return temp
    if failure is not None:
        temp.abort()
        return failure
    try:
        return temp.commit()
    except (OSError, Changed) as error:
        return error


def _remove_partial(folder: Directory, name: str, latest: float) -> None:
    """Remove a partial download that was last written at `latest`, in seconds since 1970, or before."""
    stat = folder.stat(name)
    if stat is not None and stat.st_mtime <= latest:
        fd = folder.lock(name)
        if fd is not None:
            folder.remove(name)
            os.close(fd)


def _set_metadata(folders: OpenFolders, wanted: LocalMetadata, compared: os.stat_result) -> WriteResult:
    name = folders.last_name(wanted.name)
    fd = -1
    try:
        folder = folders.open(wanted.name.rpartition("/")[0])
        fd = folder.open(name)
        stat = os.fstat(fd)
        if not stat_module.S_ISREG(stat.st_mode) or filehash.signature(stat) != filehash.signature(compared):
            return Changed(CHANGED_LOCALLY)
        folder.set_metadata(fd, name, wanted.mtime_us, wanted.mode)
        return os.fstat(fd)
    except OSError as error:
        return error
    finally:
        if fd >= 0:
            os.close(fd)
