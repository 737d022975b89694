"""The local directories of a get: missing ones are made, and all get the server's metadata."""

from __future__ import annotations

import errno
import os
from typing import Callable, Collection, Mapping

from msgspec import structs

from homeftp.client.files.model import HAS_MODES, PERMISSIONS, LocalTree
from homeftp.client.files.names import problem_of
from homeftp.client.files.write import DownloadTarget, LocalMetadata
from homeftp.client.transfer.directories import FILE_IN_THE_WAY, FilesInTheWay
from homeftp.client.transfer.metadata import differing, local_mode
from homeftp.client.transfer.model import FileResult, Outcome, TransferContext
from homeftp.client.transfer.observer import TransferObserver
from homeftp.model import Entry


class LocalDirectories:
    """The directories of `remote` in `folder`, which holds `tree`.

    With `perms` directories that exist get the server's mode, otherwise only
    their time. `check` is called with the stat of each afterwards, and with the entry that it should match.
    """

    def __init__(
        self,
        context: TransferContext,
        remote: Mapping[str, Entry],
        tree: LocalTree,
        folder: DownloadTarget,
        observer: TransferObserver,
        check: Callable[[os.stat_result, Entry], object],
        *,
        perms: bool,
    ) -> None:
        self._disks = context.disks
        self._run = context.workers.run
        self._umask = context.umask
        self._tree = tree
        self._folder = folder
        self._observer = observer
        self._check = check
        self._perms = perms
        self._failed: dict[str, OSError] = {}
        """The directories that could not be made."""
        self.in_the_way = FilesInTheWay(tree.files.__contains__)
        """The local files that keep directories from being made."""
        found = [entry for entry in remote.values() if entry.kind == "directory"]
        self._wanted = sorted(found, key=lambda entry: entry.name.count("/") + bool(entry.name), reverse=True)
        """Deepest first."""
        self._new = [entry for entry in self._wanted if entry.name not in tree.directories]

    def report_new(self) -> None:
        """Report the missing ones, as `update` does, without making them."""
        self._find_impossible()
        self._report()

    async def make(self) -> None:
        """Make the missing ones, with their modes: they have them also where the transfer is cut short.

        Their owner may write into them until it is complete.
        """
        self._find_impossible()
        names = [entry.name for entry in self._new if entry.name not in self._failed]
        self._failed |= dict(await self._run(self._folder.make_directories, names))
        if HAS_MODES:
            new = PERMISSIONS & ~self._umask
            metadata = [LocalMetadata(each.name, None, local_mode(each) or new) for each in self._new]
            wanted = [each for each in metadata if each.name not in self._failed]
            results = await self._run(self._folder.set_directory_metadata, wanted)
            self._failed |= {name: result for name, result in results if isinstance(result, OSError)}

    async def update(self, filled: Collection[str]) -> None:
        """Set the metadata of all, deepest first; a file was written into those that are `filled`."""
        changed = set(filled)
        for entry in self._new:
            changed |= {entry.name, entry.name.rpartition("/")[0]}
        wanted = {each.name: self._wanted_of(each) for each in self._wanted if each.name not in self._failed}
        outdated = [each for each in wanted.values() if each.name in changed or self._is_outdated(each)]
        metadata = [LocalMetadata(each.name, each.mtime_us, local_mode(each)) for each in outdated]
        for name, result in await self._run(self._folder.set_directory_metadata, metadata):
            if isinstance(result, OSError):
                self._failed[name] = result
            else:
                self._check(result, wanted[name])
        self._report()

    def _find_impossible(self) -> None:
        for entry in self._new:
            if self.in_the_way.blocks(entry.name):
                self._failed[entry.name] = NotADirectoryError(errno.ENOTDIR, f"there is a local {FILE_IN_THE_WAY}")

    def _report(self) -> None:
        """Report those that were made, and those that were not."""
        for name, error in self._failed.items():
            reason = problem_of(name, error)
            self._observer.add_result(FileResult(Outcome.FAILED, name, 0, reason, kind="directory"))
        for entry in self._new:
            if entry.name not in self._failed:
                self._observer.add_result(FileResult(Outcome.NEW, entry.name, kind="directory"))

    def _wanted_of(self, entry: Entry) -> Entry:
        """The metadata for a directory: the mode only if it is new, or that was asked for."""
        return entry if self._perms or entry.name not in self._tree.directories else structs.replace(entry, mode=None)

    def _is_outdated(self, wanted: Entry) -> bool:
        directory = self._tree.directories.get(wanted.name)
        return directory is None or bool(set(differing(directory, wanted, self._disks)) - {"size"})
