"""Lists the versions of a file, or of all files below a directory, page by page."""

from __future__ import annotations

from typing import Iterator

import attrs

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet, name_problem
from homeftp.model import Version
from homeftp.store.local.disk.entries import entry_of
from homeftp.store.local.disk.errnos import refusal
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.versions.catalog import VersionCatalog
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.pages import entry_cost, paged


@attrs.frozen
class VersionHistory:
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

    def _versions(self, endpoint: Endpoint, hidden: FolderSet) -> Iterator[Version]:
        """The versions whose names are legal and whose file types are allowed."""
        for stored in self.catalog.find(endpoint, below=True, hidden=hidden):
            if any(map(name_problem, stored.endpoint.parts)) or self.filetypes.problem(stored.endpoint.name):
                continue
            entry = entry_of(stored.found, self.root.disks, stored.hash)
            name = "/".join(stored.endpoint.parts[len(endpoint.parts) :])
            yield Version(name, stored.at_us, entry.size, entry.mtime_us, entry.mode, entry.hash)
