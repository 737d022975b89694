"""Finds versions by the endpoint of the file that they are versions of."""

from __future__ import annotations

import contextlib
import itertools
import os
from functools import partial
from typing import Iterable, Iterator, Sequence

import attrs

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.hashing.hashcache import HashCache
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.handles import raw
from homeftp.store.local.disk.privatefiles import open_private_file
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.versions.folders import VersionFolders
from homeftp.store.local.versions.layout import VersionDir
from homeftp.store.local.versions.naming import Names, VersionFile
from homeftp.store.local.versions.retention import VersionArchive
from homeftp.store.policy.wording import no_version


@attrs.frozen(eq=False)
class StoredVersion:
    """A version and its location."""

    at_us: int
    """When the file was replaced or removed: microseconds since 1970 UTC."""
    endpoint: Endpoint
    found: os.stat_result
    hash: str | None
    """None if the hash cache does not know it."""
    mount: Endpoint
    """The top of its file system."""
    file: bytes
    """The name of its file."""
    names: Names
    """The folders that hold it, from the versions folder."""
    damaged: bool
    """Whether it is marked as damaged."""
    folder: int = -1
    """The descriptor of the folder that holds it; -1 if that is not open."""


@attrs.frozen
class VersionFinder:
    """Finds the versions of one store. Thread-safe."""

    root: SafeRoot
    folders: VersionFolders
    cache: HashCache

    def find(self, endpoint: Endpoint, *, below: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[StoredVersion]:
        """The versions of a file, the newest first; with `below` also of all files below it, day by day.

        What is in `hidden` is not looked for.
        """
        return itertools.chain.from_iterable(self.find_some(endpoint, below=below, hidden=hidden))

    def find_some(
        self, endpoint: Endpoint, *, below: bool, hidden: FolderSet = NO_FOLDERS
    ) -> Iterator[Sequence[StoredVersion]]:
        """`find`, a few at a time; none where it takes as long to find some as to look up a few."""
        here = self.folders.mount_at(endpoint)
        mounts = [here]
        if below:
            mounts += [each for each in self.folders.mounts()[1:] if _is_below(each, endpoint) and each != here]
            mounts = [each for each in mounts if not hidden.covers(each.parts)]
        for mount in mounts:
            with self.folders.open_if_exists(mount) as version_dir:
                if version_dir is not None:
                    skip = partial(_covers, hidden, mount) if hidden else None
                    for versions in version_dir.find(_names(endpoint, mount), below=below, skip=skip):
                        yield list(self._stored(mount, versions))

    @contextlib.contextmanager
    def open_file(self, version: StoredVersion) -> Iterator[int]:
        """Open a version for reading; gives its descriptor. Raises OSError."""
        with (
            self.folders.open(version.mount) as version_dir,
            self.root.open_below(version_dir.fd, version.names) as folder,
        ):
            fd = open_private_file(folder, version.file, make=False)
        try:
            yield fd
        finally:
            close_quietly(fd)

    def _stored(self, mount: Endpoint, versions: Sequence[VersionFile]) -> Iterator[StoredVersion]:
        """These versions, which are in one folder, with the hashes that are known."""
        if not versions:
            return
        files = {os.fsdecode(each.file): each.found for each in versions}
        known = self.cache.known(self.folders.cache_path(mount, versions[0].folder), files)
        for each in versions:
            endpoint = Endpoint(_parts(mount, each.names))
            cached = known.get(os.fsdecode(each.file))
            damaged = cached is not None and bool(cached.damage)
            content_hash = None if cached is None or damaged else cached.hash
            yield StoredVersion(each.at_us, endpoint, each.found, content_hash, mount, each.file, each.folder, damaged)


@attrs.frozen
class VersionCatalog(VersionFinder):
    """Finds versions, and protects one while it is put back. Thread-safe."""

    archive: VersionArchive

    def look_up(self, endpoint: Endpoint, at_us: int) -> tuple[Endpoint, VersionFile]:
        """The file of a version, and the top of its file system. Raises `NotFound` (40), OSError."""
        mount = self.folders.mount_at(endpoint)
        with self.folders.open_if_exists(mount) as version_dir:
            found = None if version_dir is None else version_dir.at(_names(endpoint, mount), at_us)
        if found is None:
            raise no_version(endpoint, at_us)
        return mount, found

    def marks_alone(self, endpoints: Iterable[Endpoint]) -> list[tuple[Endpoint, VersionFile]]:
        """The marks of what was put back at these endpoints, where they have no version, each with its mount.

        Raises OSError, `NotFound` (40).
        """
        wanted: dict[Endpoint, set[Names]] = {}
        for endpoint in endpoints:
            mount = self.folders.mount_at(endpoint)
            wanted.setdefault(mount, set()).add(_names(endpoint, mount))
        found: list[tuple[Endpoint, VersionFile]] = []
        for mount, names in wanted.items():
            with self.folders.open_if_exists(mount) as version_dir:
                if version_dir is not None:
                    found += ((mount, each) for each in version_dir.marks_alone(names))
        return found

    @contextlib.contextmanager
    def open_folder(self, mount: Endpoint, names: Names) -> Iterator[int]:
        """Open a folder of versions; gives its descriptor. Raises OSError."""
        with self.folders.open(mount) as version_dir, self.root.open_below(version_dir.fd, names) as folder:
            yield folder

    @contextlib.contextmanager
    def open(self, endpoint: Endpoint, at_us: int | None) -> Iterator[StoredVersion]:
        """One version by its time, or the newest, protected from eviction. Raises `NotFound` (40), OSError."""
        mount = self.folders.mount_at(endpoint)
        with self.folders.open_if_exists(mount) as version_dir:
            version = None if version_dir is None else _find(version_dir, _names(endpoint, mount), at_us)
            if version_dir is None or version is None:
                raise no_version(endpoint, at_us)
            with self.root.open_below(version_dir.fd, version.folder) as folder, self.archive.pinned(version):
                (stored,) = self._stored(mount, [version])
                yield attrs.evolve(stored, folder=folder)


def _find(version_dir: VersionDir, names: Names, at_us: int | None) -> VersionFile | None:
    """The version of a file from that time, or the newest."""
    if at_us is not None:
        return version_dir.at(names, at_us)
    return next(itertools.chain.from_iterable(version_dir.find(names, below=False)), None)


def _names(endpoint: Endpoint, mount: Endpoint) -> Names:
    """An endpoint's parts, relative to the top of its file system."""
    return tuple(map(raw, endpoint.parts[len(mount.parts) :]))


def _parts(mount: Endpoint, names: Names) -> tuple[str, ...]:
    """The parts of an endpoint, by names relative to the top of its file system."""
    return (*mount.parts, *(name.decode("utf-8", "replace") for name in names))


def _covers(folders: FolderSet, mount: Endpoint, names: Names) -> bool:
    return folders.covers(_parts(mount, names))


def _is_below(endpoint: Endpoint, above: Endpoint) -> bool:
    return endpoint.parts[: len(above.parts)] == above.parts
