"""The folders that hold versions: one on each file system of the root.

A version is a second name (a hard link) of the old file, so it lies on the
same file system: a disk that is mounted inside the root has a
`.homeftp/versions` of its own at its top. `.homeftp/mounts` in the root lists
the places of all disks that were ever mounted inside it.
"""

from __future__ import annotations

import contextlib
import os
from threading import RLock
from typing import Callable, Iterator

from homeftp.config import MIB
from homeftp.endpoint import ROOT, Endpoint, FolderSet, parse
from homeftp.errors import BadEndpoint, Refusal, WrongKind
from homeftp.store.local.disk.accounting import QuotaAccounting
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.metadir import FOLDER, MetadataDir
from homeftp.store.local.disk.mounts import Parts
from homeftp.store.local.disk.privatefiles import open_private_directory, open_private_file, replace_private_file
from homeftp.store.local.disk.quota import VERSIONS
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.disk.sortednames import NameBudget
from homeftp.store.local.versions.layout import VersionDir
from homeftp.store.local.versions.naming import Names
from homeftp.store.policy.wording import not_mounted

_MOUNTS = b"mounts"
_MOUNTS_BYTES = 1 * MIB
"""Bytes of the list of mounts that are read: more than any machine has mounts."""


class VersionFolders:
    """The version folders of one store. Thread-safe.

    Code that adds or removes versions holds `lock`, so that neither sees half of
    the other's work. Without a metadata directory they can only be read.
    """

    def __init__(
        self,
        root: SafeRoot,
        metadata_dir: MetadataDir | None,
        accounting: QuotaAccounting,
        budget: NameBudget | None = None,
    ) -> None:
        self._root = root
        self._budget = budget or NameBudget()
        self._metadata_dir = metadata_dir
        self._accounting = accounting
        self._root.mounts.points |= self._read_mounts()
        self.lock = RLock()

    def mounts(self) -> list[Endpoint]:
        """The tops of all file systems that may hold versions, the root first."""
        return [ROOT, *map(Endpoint, sorted(self._root.mounts.points))]

    def learn_mounts(self) -> None:
        """Remember the disks that are mounted now, so that they are missed later. Raises OSError."""
        found = set(self._root.mounted_disks())
        if not found <= self._root.mounts.points:
            with self.lock:
                self._remember(self._root.mounts.points | {each for each in found if _is_legal(each)})

    def missing_mounts(self) -> list[str]:
        """The paths at which a disk was mounted, and none is now. Raises OSError."""
        return [self._root.cache_path(Endpoint(each)) for each in self._root.mounts.missing(self._root.fd)]

    def expect_beneath(self, endpoint: Endpoint, hidden: FolderSet) -> None:
        """Raise `Busy` (51) if a disk beneath an endpoint, and not in `hidden`, is not mounted. Raises OSError."""
        for each in self._root.mounts.missing(self._root.fd):
            if each[: len(endpoint.parts)] == endpoint.parts and not hidden.covers(each):
                raise not_mounted(Endpoint(each, endpoint.home))

    def moved(self, source: Endpoint, target: Endpoint) -> None:
        """A directory was moved, and with it the disks that are mounted in it. Raises OSError."""
        old, new = source.parts, target.parts
        with self.lock:
            places = self._root.mounts.points
            inside = {each for each in places if each[: len(old)] == old}
            if inside:
                self._remember((places - inside) | {new + each[len(old) :] for each in inside})

    def mount_of(self, handle: DirHandle, directory: Endpoint) -> Endpoint:
        """The top of the file system that holds `handle`, the open `directory`. Raises OSError."""
        return ROOT if handle.same_mount else directory.first(self._root.mounts.depth(self._root.fd, directory))

    def mount_at(self, endpoint: Endpoint) -> Endpoint:
        """The top of the file system that holds `endpoint`, or held it before its directory was removed."""
        self._root.mounts.expect(self._root.fd, endpoint)
        return self._mount_of_nearest(endpoint.parent)

    def mount_in(self, directory: Endpoint) -> Endpoint:
        """The top of the file system that holds what is in a directory, which need not exist any more."""
        self._root.mounts.expect(self._root.fd, directory)
        return self._mount_of_nearest(directory)

    def _mount_of_nearest(self, above: Endpoint) -> Endpoint:
        directory = above
        while True:
            try:
                handle, depth = self._root.open_nearest(above)
                break
            except WrongKind:
                above = above.parent
        try:
            return self.mount_of(handle, above.first(depth))
        except OSError as error:
            raise refusal(error, directory) from error
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
            yield VersionDir(self._root, folder, self._accounting.cost, self._budget)
            return
        with contextlib.ExitStack() as opened:
            handle = self._root.open_directory(mount)
            opened.callback(close_quietly, handle.fd)
            if make is None:
                folder = opened.enter_context(self._root.open_below(handle.fd, (FOLDER, VERSIONS)))
            else:
                folder = self._make(mount, handle.fd, make, opened)
            yield VersionDir(self._root, folder, self._accounting.cost, self._budget)

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
        known = mount.parts in self._root.mounts.points
        for name in (FOLDER, VERSIONS):
            above = folder
            folder = open_private_directory(above, name)
            opened.callback(close_quietly, folder)
            if not known:
                durable(above)
        with self.lock:
            self._remember(self._root.mounts.points | {mount.parts})
        return folder

    def _read_mounts(self) -> set[Parts]:
        """Read one mount from each line; a damaged line is skipped."""
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
                    mounts.add(parse(line).parts)
        return mounts - {()}

    def _remember(self, places: frozenset[Parts]) -> None:
        """Write the list anew, durably, where it is another one. Called with the lock; raises OSError."""
        if places == self._root.mounts.points:
            return
        if self._metadata_dir is not None:
            lines = "".join(f"{Endpoint(each).whole}\n" for each in sorted(places))
            replace_private_file(self._metadata_dir.folder, _MOUNTS, lines.encode())
        self._root.mounts.points = places


def _is_legal(place: Parts) -> bool:
    """Whether a client can name it: what is nowhere for clients is not missed by them."""
    try:
        return parse("/".join(place)).parts == place
    except BadEndpoint:
        return False
