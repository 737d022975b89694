"""Where fetched files land: a folder of the person's, in which each file appears whole, verified and durable.

A file is written beside its target under a name of our own that nobody else
uses, checked, made durable and renamed. Small files do that together, with
one sync where the system has it. What was to be replaced is looked at again
right before the rename: if somebody has changed it since it was compared, it
stays. Nothing is written through a symbolic link below the folder, whatever
a server calls its files. Everything here blocks and is called in a worker.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from threading import Lock
from types import MappingProxyType
from typing import Iterable, Iterator, Mapping, NamedTuple, Sequence

from twisted.internet.defer import CancelledError

from homeftp.client.files.directory import Directory
from homeftp.client.files.tempfile import DownloadFile, OpenDirectories, PartialDownload
from homeftp.config import PARTIAL_UPLOAD_SECONDS, RESUMABLE
from homeftp.errors import Changed, ContentMismatch
from homeftp.hashing import filehash as tree
from homeftp.hashing.hashcache import CachedHash, HashCache
from homeftp.syscalls import System

_WORTH_ONE_SYNC = 8
"""So many small files at once are made durable by one sync of the whole file system; fewer by one each."""


class SmallFile(NamedTuple):
    """An arrival that is here already, whole."""

    arrival: PartialDownload
    data: bytes
    hash: str
    """What the server says that it sent."""


class Metadata(NamedTuple):
    """The metadata that something is to have."""

    name: str
    mtime_us: int | None
    mode: int | None


_NO_MORE = object()

Result = os.stat_result | Exception


class DownloadTarget:
    """The folder `path`, which is made when the first thing arrives. Its methods may run side by side.

    `spelled` says how the last parts of names are spelled there, where that is
    not as on the wire.
    """

    def __init__(
        self,
        path: str,
        system: System,
        index: HashCache | None = None,
        spelled: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.path = path
        self._spelled = spelled
        self._system = system
        self._index = index
        self._touched: set[str] = set()

    def place_many(self, files: Sequence[SmallFile]) -> list[Result]:
        """Put small files in their places, durably; one result for each, in order."""
        begun = time.time_ns()
        with self.folders() as folders:
            whole = len(files) >= _WORTH_ONE_SYNC and folders.top.syncs_whole
            drafts = [_drafted(folders, file, sync=not whole) for file in files]
            failure: OSError | None = None
            if whole:
                try:
                    folders.top.sync_whole()
                except OSError as error:
                    failure = error
            results = [_settled(draft, failure) for draft in drafts]
        self.note(zip(files, results, strict=True), begun)
        return results

    def arriving(self, arrival: PartialDownload, key: str) -> LargeDownload:
        """A large file, written piece by piece, on from what an earlier one with that key has left. Does not block."""
        return LargeDownload(self, arrival, key)

    def sweep(self, drafts: Iterable[str]) -> None:
        """Remove drafts, by their names, that nobody has gone on with for a day."""
        with self.folders() as folders:
            for name in drafts:
                with contextlib.suppress(OSError):
                    _sweep(folders.at(name.rpartition("/")[0]), folders.last(name))

    def make_directories(self, names: Sequence[str]) -> list[tuple[str, OSError]]:
        """Make directories, and those above them; one that is there is left as it is. What failed, and how."""
        failed = []
        with self.folders() as folders:
            for name in names:
                try:
                    folders.at(name)
                except OSError as error:  # noqa: PERF203 (each has its own outcome)
                    failed.append((name, error))
                else:
                    self._touched.add(name.rpartition("/")[0])
        return failed

    def dress_directories(self, dresses: Sequence[Metadata]) -> list[tuple[str, OSError]]:
        """Give directories their metadata, in the order given: what is deepest first. What failed, and how."""
        failed: list[tuple[str, OSError]] = []
        with self.folders() as folders:
            for dress in dresses:
                try:
                    folders.at(dress.name).dress(None, "", dress.mtime_us, dress.mode)
                except OSError as error:
                    failed.append((dress.name, error))
                self._touched.add(dress.name)
        return failed

    def dress_files(self, dresses: Sequence[tuple[Metadata, os.stat_result]]) -> list[Result]:
        """Give files that hold the right content already the right metadata, unless they were changed meanwhile."""
        with self.folders() as folders:
            return [_dressed(folders, dress, compared) for dress, compared in dresses]

    def finish(self) -> None:
        """Make the names of all that has arrived durable."""
        touched, self._touched = self._touched, set()
        if not touched:
            return
        with self.folders() as folders:
            if len(touched) >= _WORTH_ONE_SYNC and folders.top.syncs_whole:
                folders.top.sync_whole()
                return
            for name in sorted(touched):
                folders.at(name).sync()

    def note(self, arrived: Iterable[tuple[SmallFile, Result]], begun: int) -> None:
        """Remember what has arrived: the directories for `finish`, the hashes for the next comparison."""
        top = os.path.realpath(self.path)
        rows = []
        for file, found in arrived:
            if isinstance(found, os.stat_result):
                parent = file.arrival.name.rpartition("/")[0]
                self._touched.add(parent)
                directory, name = os.path.split(os.path.join(top, *self._parts(file.arrival.name)))
                rows.append(CachedHash(directory, name, found, file.hash, begun))
        if self._index is not None:
            self._index.record(rows)

    def _parts(self, name: str) -> list[str]:
        """The parts of a name as they are spelled here."""
        parts = name.split("/")
        if not self._spelled:
            return parts
        return [self._spelled.get("/".join(parts[: depth + 1]), part) for depth, part in enumerate(parts)]

    def folders(self) -> OpenDirectories:
        """Those that one job works in."""
        return OpenDirectories(self.path, self._system, self._spelled)


class LargeDownload:
    """A large file on its way in. Where its `size` is not 0 after `begin`, `check` or `restart` comes before all else.

    It can be closed at any time: whoever waited for a job may have been
    cancelled, and the job goes on without him. Then `close` waits for the job;
    one that comes later raises `CancelledError`.
    """

    def __init__(self, landing: DownloadTarget, arrival: PartialDownload, key: str) -> None:
        self._landing = landing
        self._arrival = arrival
        self._key = key
        self._begun = time.time_ns()
        self._lock = Lock()
        self._is_closed = False
        self._opened: tuple[OpenDirectories, DownloadFile] | None = None

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return 0 if self._opened is None else self._opened[1].size

    @property
    def hash(self) -> str:
        """The hash of what is there, once it has been checked."""
        return "" if self._opened is None else self._opened[1].hash

    @contextlib.contextmanager
    def _alone(self) -> Iterator[DownloadFile]:
        """The draft, while nobody closes it. The first time it is made."""
        with self._lock:
            if self._is_closed:
                raise CancelledError
            if self._opened is None:
                folders = self._landing.folders()
                try:
                    self._opened = folders, DownloadFile(folders, self._arrival, self._key)
                except BaseException:
                    folders.close()
                    raise
            yield self._opened[1]

    def begin(self) -> None:
        """Make room, or have what an earlier one has left."""
        with self._alone():
            pass

    def check(self) -> Iterator[None]:
        """Hash what an earlier try has left, in slices."""
        with self._alone() as draft:
            checking = draft.check()
        while True:
            with self._alone():
                if next(checking, _NO_MORE) is _NO_MORE:
                    return
            yield

    def restart(self) -> None:
        """Forget what an earlier try has left."""
        with self._alone() as draft:
            draft.restart()

    def write(self, data: bytes) -> None:
        """The next bytes."""
        with self._alone() as draft:
            draft.write(data)
            draft.start_writeback(len(data))

    def commit(self, hash: str, arrival: PartialDownload) -> os.stat_result:
        """Check it against `hash`, make it durable, and put it in its place with the metadata of `arrival`."""
        with self._alone() as draft:
            draft.arrival = arrival
            draft.finish(hash, sync=True)
            found = draft.settle()
        self._landing.note([(SmallFile(arrival, b"", hash), found)], self._begun)
        return found

    def close(self, *, keep: bool = False) -> None:
        """Let go of it. Unless it was committed it leaves no trace, or with `keep` what has arrived so far."""
        with self._lock:
            self._is_closed = True
            if self._opened is None:
                return
            folders, draft = self._opened
            if keep and draft.size >= RESUMABLE:
                draft.keep()
            draft.abort()
            folders.close()


def _sweep(folder: Directory, name: str) -> None:
    found = folder.look(name)
    if found is not None and time.time() - found.st_mtime >= PARTIAL_UPLOAD_SECONDS:
        fd = folder.claim(name)
        if fd is not None:
            folder.remove(name)
            os.close(fd)


def _drafted(folders: OpenDirectories, file: SmallFile, *, sync: bool) -> DownloadFile | OSError | ContentMismatch:
    """A small file, written whole; or why not."""
    draft = None
    try:
        draft = DownloadFile(folders, file.arrival)
        draft.write(file.data)
        draft.finish(file.hash, sync=sync)
    except (OSError, ContentMismatch) as error:
        if draft is not None:
            draft.abort()
        return error
    return draft


def _settled(draft: DownloadFile | OSError | ContentMismatch, failure: OSError | None) -> Result:
    """A small file in its place; or why it is not there."""
    if not isinstance(draft, DownloadFile):
        return draft
    try:
        return draft.settle(failure)
    except (OSError, Changed) as error:
        return error


def _dressed(folders: OpenDirectories, dress: Metadata, compared: os.stat_result) -> Result:
    """A file with its metadata; or why it has not got them."""
    name = folders.last(dress.name)
    fd = -1
    try:
        folder = folders.at(dress.name.rpartition("/")[0])
        fd = folder.open(name)
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or tree.signature(found) != tree.signature(compared):
            return Changed("it was changed here meanwhile: compare again")
        folder.dress(fd, name, dress.mtime_us, dress.mode)
        return os.fstat(fd)
    except OSError as error:
        return error
    finally:
        if fd >= 0:
            os.close(fd)
