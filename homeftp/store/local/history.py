"""The versions of a local store: listed page by page, and by time; each can be read, put back, and removed for good."""

from __future__ import annotations

import os
from typing import Iterator, Sequence

import attrs
import msgspec
from zope.interface import implementer

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet, name_problem
from homeftp.history.changes import Reversion, VersionId
from homeftp.history.timeline import Timeline
from homeftp.interfaces import IHistory
from homeftp.model import SERVER, Actor, Entry, Version
from homeftp.store.local.disk.entries import entry_of
from homeftp.store.local.disk.errnos import refusal
from homeftp.store.local.disk.privatefiles import open_private_file
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.read import LocalFile
from homeftp.store.local.timelines import TimelineLister
from homeftp.store.local.versions.catalog import VersionCatalog
from homeftp.store.local.versions.discard import VersionDiscarder
from homeftp.store.local.writes.revert import Reverter
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.pages import entry_cost, paged
from homeftp.store.policy.wording import damaged_version


class VersionHistory(msgspec.Struct, frozen=True):
    """Lists versions. Thread-safe."""

    root: SafeRoot
    catalog: VersionCatalog
    filetypes: Filetypes

    def pages(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[list[Version]]:
        """The versions, page by page; those of one file newest first. What is in `hidden` is not even looked for.

        The last step raises `Busy` (51) where a disk is not mounted and what is on it is missing.
        """
        try:
            yield from paged(self._versions(endpoint, hidden), lambda version: entry_cost(version.name))
            self.catalog.folders.expect_beneath(endpoint, hidden)
        except OSError as error:
            raise refusal(error, endpoint) from error

    def _versions(self, endpoint: Endpoint, hidden: FolderSet) -> Iterator[Version | None]:
        """The versions whose names are legal and whose file types are allowed; None where a step ends."""
        for found in self.catalog.find_some(endpoint, below=True, hidden=hidden):
            for stored in found:
                if any(map(name_problem, stored.endpoint.parts)) or self.filetypes.problem(stored.endpoint.name):
                    continue
                entry = entry_of(stored.found, self.root.disks, stored.hash)
                name = "/".join(stored.endpoint.parts[len(endpoint.parts) :])
                yield Version(name, stored.at_us, entry.size, entry.mtime_us, entry.mode, entry.hash)
            if not found:
                yield None


@implementer(IHistory)
@attrs.frozen
class LocalHistory:
    """The versions of a local store by time; what is changed is recorded as changed by `actor`. Thread-safe."""

    lister: TimelineLister
    catalog: VersionCatalog
    filetypes: Filetypes
    reverter: Reverter
    discarder: VersionDiscarder
    actor: Actor = SERVER

    def timelines(
        self, endpoint: Endpoint, since_us: int = 0, *, depth: int | None = None, hidden: FolderSet = NO_FOLDERS
    ) -> Iterator[list[Timeline]]:
        """The entries of each name, with its versions from a time on, page by page."""
        return self.lister.pages(endpoint, since_us, depth=depth, hidden=hidden)

    def open_version(self, endpoint: Endpoint, at_us: int) -> LocalFile:
        """Open a version for reading."""
        self.filetypes.check(endpoint)
        try:
            with self.catalog.open(endpoint, at_us) as version:
                if version.damaged:
                    raise damaged_version(endpoint)
                fd = open_private_file(version.folder, version.file, make=False)
                directory = self.catalog.folders.cache_path(version.mount, version.names)
        except OSError as error:
            raise refusal(error, endpoint) from error
        name, disks = os.fsdecode(version.file), self.catalog.root.disks
        return LocalFile(self.catalog.cache, disks, endpoint, directory, fd, os.fstat(fd), version.hash, file=name)

    def revert(self, reversions: Sequence[Reversion]) -> list[Entry | Exception | None]:
        """Give each endpoint what it had."""
        return self.reverter.revert(reversions, self.actor)

    def remove_versions(self, versions: Sequence[VersionId]) -> list[int | Exception]:
        """Remove versions for good."""
        return self.discarder.remove_versions(versions, self.actor)
