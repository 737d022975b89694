"""The folders that hold versions: one on each file system of the root.

A version is a second name (a hard link) of the old file, so it lies on the
same file system: a disk that is mounted inside the root has a
`.homeftp/versions` of its own at its top. `.homeftp/mounts` in the root lists
those disks.
"""

from __future__ import annotations

import contextlib
import os
from threading import RLock
from typing import Callable, Iterator

from homeftp.config import MIB
from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import BadEndpoint, Refusal, WrongKind
from homeftp.store.local.disk.books import Books
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.metadir import FOLDER, MetadataDir
from homeftp.store.local.disk.privatefiles import open_private_directory, open_private_file
from homeftp.store.local.disk.quota import VERSIONS
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.disk.sortednames import NameBudget
from homeftp.store.local.versions.layout import VersionDir
from homeftp.store.local.versions.naming import Names

_MOUNTS = b"mounts"
_MOUNTS_BYTES = 1 * MIB
"""Bytes of the list of mounts that are read: more than any machine has mounts."""


class VersionFolders:
    """The version folders of one store. Thread-safe.

    Code that adds or removes versions holds `lock`, so that neither sees half of
    the other's work. Without a metadata directory they can only be read.
    """

    def __init__(
        self, root: SafeRoot, metadata_dir: MetadataDir | None, books: Books, budget: NameBudget | None = None
    ) -> None:
        self._root = root
        self._budget = budget or NameBudget()
        self._metadata_dir = metadata_dir
        self._books = books
        self._mounts = self._read_mounts()
        self.lock = RLock()

    def mounts(self) -> list[Endpoint]:
        """The tops of all file systems that may hold versions, the root first."""
        return [ROOT, *sorted(self._mounts)]

    def mount_of(self, handle: DirHandle, directory: Endpoint) -> Endpoint:
        """The top of the file system that holds `handle`, the open `directory`. Raises OSError."""
        return ROOT if handle.same_mount else directory.first(self._root.mount_depth(directory))

    def mount_at(self, endpoint: Endpoint) -> Endpoint:
        """The top of the file system that holds `endpoint`, or held it before its directory was removed."""
        above = endpoint.parent
        while True:
            try:
                handle, depth = self._root.open_nearest(above)
                break
            except WrongKind:
                above = above.parent
        try:
            return self.mount_of(handle, above.first(depth))
        except OSError as error:
            raise refusal(error, endpoint) from error
        finally:
            close_quietly(handle.fd)

    def cache_path(self, mount: Endpoint, folder: Names) -> str:
        """A folder of versions as the key of the hash cache."""
        names = (FOLDER, VERSIONS, *folder)
        return "/".join((self._root.cache_path(mount), *map(os.fsdecode, names)))

    def newest_us(self) -> int | None:
        """The end of the last day on which a version was made on the root's own disk; None if there is none."""
        with self.open(ROOT) as version_dir:
            return version_dir.newest_us()

    @contextlib.contextmanager
    def open(self, mount: Endpoint, *, make: Callable[[int], None] | None = None) -> Iterator[VersionDir]:
        """Open the versions of one file system. Raises OSError if there are none, unless `make` is given.

        `make` makes the names in an open directory durable.
        """
        if not mount.parts and self._metadata_dir is not None:
            with self.lock:
                folder = self._metadata_dir.open_versions()
            yield VersionDir(self._root, folder, self._books.cost, self._budget)
            return
        with contextlib.ExitStack() as opened:
            handle = self._root.open_directory(mount)
            opened.callback(close_quietly, handle.fd)
            if make is None:
                folder = opened.enter_context(self._root.open_below(handle.fd, (FOLDER, VERSIONS)))
            else:
                folder = self._make(mount, handle.fd, make, opened)
            yield VersionDir(self._root, folder, self._books.cost, self._budget)

    @contextlib.contextmanager
    def open_if_exists(self, mount: Endpoint) -> Iterator[VersionDir | None]:
        """`open`, or None if the file system is not mounted or has no versions."""
        with contextlib.ExitStack() as opened:
            try:
                version_dir = opened.enter_context(self.open(mount))
            except (FileNotFoundError, Refusal):
                version_dir = None
            yield version_dir

    def _make(self, mount: Endpoint, folder: int, durable: Callable[[int], None], opened: contextlib.ExitStack) -> int:
        """Make and open the versions folder of a file system whose top is open, and remember the mount."""
        known = mount in self._mounts
        for name in (FOLDER, VERSIONS):
            above = folder
            folder = open_private_directory(above, name)
            opened.callback(close_quietly, folder)
            if not known:
                durable(above)
        self._remember(mount)
        return folder

    def _read_mounts(self) -> set[Endpoint]:
        """Read one mount from each line; a line that a power cut damaged is skipped, and written again when needed."""
        mounts = set()
        # Without a metadata directory of ours, a folder that may not be read is one that has no versions for us.
        skipped = OSError if self._metadata_dir is None else FileNotFoundError
        with contextlib.suppress(skipped), self._root.open_below(self._root.fd, (FOLDER,)) as folder:
            fd = open_private_file(folder, _MOUNTS, make=False)
            try:
                lines = os.read(fd, _MOUNTS_BYTES).decode("utf-8", "replace").splitlines()
            finally:
                close_quietly(fd)
            for line in lines:
                with contextlib.suppress(BadEndpoint):
                    mounts.add(parse(line))
        return mounts - {ROOT}

    def _remember(self, mount: Endpoint) -> None:
        with self.lock:
            if mount in self._mounts:
                return
            assert self._metadata_dir is not None, "a store that is only inspected archives nothing"
            fd = open_private_file(self._metadata_dir.folder, _MOUNTS, writable=True)
            try:
                os.lseek(fd, 0, os.SEEK_END)
                os.write(fd, f"\n{mount}\n".encode())
                os.fsync(fd)
            finally:
                close_quietly(fd)
            self._mounts.add(mount)
