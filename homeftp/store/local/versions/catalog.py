"""Finds versions by the endpoint of the file that they are versions of."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import Iterator

import attrs

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.hashing.hashcache import HashCache
from homeftp.store.local.disk.handles import raw
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.versions.folders import VersionFolders
from homeftp.store.local.versions.layout import Names, VersionFile
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
    folder: int = -1
    """The descriptor of the folder that holds it; -1 if that is not open."""


@attrs.frozen
class VersionCatalog:
    """Finds the versions of one store. Thread-safe."""

    root: SafeRoot
    folders: VersionFolders
    archive: VersionArchive
    cache: HashCache

    def find(self, endpoint: Endpoint, *, below: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[StoredVersion]:
        """The versions of a file, the newest first; with `below` also of all files below it, day by day.

        What is in `hidden` is not looked for.
        """
        here = self.folders.mount_at(endpoint)
        mounts = [here]
        if below:
            mounts += [each for each in self.folders.mounts()[1:] if _is_below(each, endpoint) and each != here]
            mounts = [each for each in mounts if not hidden.covers(each.parts)]
        for mount in mounts:
            with self.folders.open_if_exists(mount) as version_dir:
                if version_dir is not None:
                    skip = partial(_covers, hidden, mount) if hidden else None
                    for version in version_dir.find(_names(endpoint, mount), below=below, skip=skip):
                        yield self._stored(mount, version)

    @contextlib.contextmanager
    def open(self, endpoint: Endpoint, at_us: int | None) -> Iterator[StoredVersion]:
        """One version by its time, or the newest, protected from eviction. Raises `NotFound` (40), OSError."""
        mount = self.folders.mount_at(endpoint)
        with self.folders.open_if_exists(mount) as version_dir:
            versions = version_dir.find(_names(endpoint, mount), below=False) if version_dir is not None else iter(())
            version = next((each for each in versions if at_us in (None, each.at_us)), None)
            if version_dir is None or version is None:
                raise no_version(endpoint, at_us)
            with self.root.open_below(version_dir.fd, version.folder) as folder, self.archive.pinned(version):
                yield attrs.evolve(self._stored(mount, version), folder=folder)

    def _stored(self, mount: Endpoint, version: VersionFile) -> StoredVersion:
        name = os.fsdecode(version.file)
        known = self.cache.lookup(self.folders.cache_path(mount, version.folder), {name: version.found})
        endpoint = Endpoint(_parts(mount, version.names))
        return StoredVersion(version.at_us, endpoint, version.found, known.get(name), mount, version.file)


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
