"""The server's directories after a push: missing ones are made, and all get their metadata.

Also, for both directions: which directories cannot be made, because a file has that name.
"""

from __future__ import annotations

from typing import Any, Callable, Collection, Iterable, Mapping, Sequence

from msgspec import structs

from homeftp.client.api import Client
from homeftp.client.files.model import HAS_MODES, FileStat
from homeftp.client.transfer.batches.push import DirectoryPush, Result, push_directories
from homeftp.client.transfer.metadata import differing, is_unapplied, wire_metadata
from homeftp.client.transfer.model import EndpointOf, FileResult, Outcome
from homeftp.client.transfer.observer import TransferObserver
from homeftp.model import Entry
from homeftp.status import Status
from homeftp.syscalls.disks import Disks
from homeftp.wire.messages import Response

_IMPLICIT = 0o755
"""The mode that a server gives to directories that it makes for a file in them."""

FILE_IN_THE_WAY = "file where this needs a folder: move or remove it"
"""The reason of results, behind the side that has the file."""


class FilesInTheWay:
    """Files at the target where a transfer needs directories; `is_file` says whether a name is that of a file there."""

    def __init__(self, is_file: Callable[[str], bool]) -> None:
        self._is_file = is_file
        self._known = {"": False}

    def blocks(self, directory: str) -> bool:
        """Whether a file has the name of this directory, or of one above it."""
        asked = []
        while directory not in self._known:
            asked.append(directory)
            directory = directory.rpartition("/")[0]
        found = self._known[directory]
        for name in reversed(asked):
            found = found or self._is_file(name)
            self._known[name] = found
        return found

    def blocks_file(self, name: str) -> bool:
        """Whether a file has the name of a directory that the file `name` is to be in."""
        return self.blocks(name.rpartition("/")[0])


def _remote_files(remote: Mapping[str, Entry]) -> FilesInTheWay:
    """The files of a server that has `remote`."""

    def is_file(name: str) -> bool:
        entry = remote.get(name)
        return entry is not None and entry.kind == "file"

    return FilesInTheWay(is_file)


class RemoteDirectories:
    """The directories of a server that has `remote`; `endpoint_of` gives the endpoints."""

    def __init__(
        self,
        client: Client,
        endpoint_of: EndpointOf,
        remote: Mapping[str, Entry],
        observer: TransferObserver,
        disks: Disks,
        *,
        perms: bool,
    ) -> None:
        """With `perms` directories that exist get the mode of the local ones, otherwise only their time."""
        self._disks = disks
        self.unapplied: list[str] = []
        """Directories whose time or mode the server could not set."""
        self._client = client
        self._endpoint_of = endpoint_of
        self._remote = remote
        self.in_the_way = _remote_files(remote)
        """The server's files that keep directories from being made."""
        self._observer = observer
        self._perms = perms
        self._holding: set[str] = set()
        """Directories in or below which a file was stored."""

    async def make_private(self, directories: Iterable[FileStat]) -> None:
        """Make the missing directories that not everybody may read, before anything is in them.

        A server gives other modes to those that it makes for a file in them.
        Raises `ConnectionFailed` and `ShuttingDown` (54).
        """
        new = [each for each in directories if self._endpoint_of(each.name) and each.name not in self._remote]
        # Where one is refused `update` asks again, and reports it.
        await self._push([each for each in new if HAS_MODES and _IMPLICIT & ~each.stat.st_mode], all_modes=True)

    async def _push(self, directories: Sequence[FileStat], *, all_modes: bool) -> list[tuple[FileStat, Result]]:
        """Make directories, and give them their times, and their modes where they are new; the result of each."""
        pushes = [DirectoryPush(self._line(each, mode=all_modes or self._has_mode(each))) for each in directories]
        results = await push_directories(self._client, self._endpoint_of(""), pushes)
        return list(zip(directories, results, strict=True))

    def _line(self, directory: FileStat, *, mode: bool) -> dict[str, Any]:
        return {
            "name": directory.name,
            "kind": "directory",
            "meta_data": wire_metadata(directory, self._disks, mode=mode),
        }

    def _has_mode(self, directory: FileStat) -> bool:
        """Whether a directory gets the mode of the local one."""
        return self._perms or directory.name not in self._remote

    async def update(self, directories: Iterable[FileStat], filled: Collection[str]) -> None:
        """Make the missing directories and set the metadata of all, deepest first.

        `filled` are the names of those in which files were stored: that
        changed their time. Raises `ConnectionFailed` and `ShuttingDown` (54).
        """
        for name in filled:
            while name not in self._holding:
                self._holding.add(name)
                name = name.rpartition("/")[0]
        wanted = self._possible(directories)
        # Making a directory changes the time of its parent: the server carries out these requests in this order.
        wanted.sort(key=lambda directory: directory.name.count("/") + bool(directory.name), reverse=True)
        changed = set(filled)
        for directory in wanted:
            if directory.name not in self._remote:
                changed |= {directory.name, directory.name.rpartition("/")[0]}
        outdated = [each for each in wanted if each.name in changed or self._is_outdated(each)]
        for directory, result in await self._push(outdated, all_modes=False):
            self._report(directory, result)

    def report_new(self, directories: Iterable[FileStat]) -> None:
        """Report the missing directories, as `update` does, without making them."""
        for directory in self._possible(directories):
            if directory.name not in self._remote:
                self._observer.add_result(FileResult(Outcome.NEW, directory.name, kind="directory"))

    def _possible(self, directories: Iterable[FileStat]) -> list[FileStat]:
        """The directories that the server can have; reports the others."""
        possible = []
        for directory in directories:
            if self.in_the_way.blocks(directory.name):
                reason = f"the server has a {FILE_IN_THE_WAY} there"
                self._observer.add_result(FileResult(Outcome.REFUSED, directory.name, 0, reason, kind="directory"))
            elif self._endpoint_of(directory.name):
                possible.append(directory)
        return possible

    def _is_outdated(self, directory: FileStat) -> bool:
        entry = self._remote.get(directory.name)
        if entry is None or entry.kind != "directory":
            return True
        return bool(set(differing(directory, entry, self._disks)) - ({"size"} if self._perms else {"size", "mode"}))

    def _report(self, directory: FileStat, result: Result) -> None:
        name = directory.name
        if isinstance(result, Response):
            if result.status != Status.FORBIDDEN or not self._lacks_metadata_only(name):
                self._observer.add_result(FileResult(Outcome.REFUSED, name, 0, result.message, kind="directory"))
            return
        if result is not None:
            shown = result if self._has_mode(directory) else structs.replace(result, mode=None)
            if is_unapplied(directory, shown, self._disks):
                self.unapplied.append(name)
        if name not in self._remote:
            self._observer.add_result(FileResult(Outcome.NEW, name, kind="directory"))

    def _lacks_metadata_only(self, name: str) -> bool:
        """Whether the directory exists, and nothing but its time, or its first mode, was not set."""
        entry = self._remote.get(name)
        return name in self._holding or (entry is not None and entry.kind == "directory" and not self._perms)
