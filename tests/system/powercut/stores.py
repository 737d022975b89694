"""Stores to cut the power under: the right one, and wrong ones, each of which breaks the promise in its own way."""

from __future__ import annotations

import os
import random
import stat
from typing import Any, Callable, Sequence

import attrs
from msgspec import structs

from homeftp.endpoint import Endpoint
from homeftp.hashing.hashcache import HashCache
from homeftp.model import Entry, WriteRequest
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.staging.tempfile import TempFile, TempFiles
from homeftp.store.local.store import LocalStore
from homeftp.syscalls import System
from tests.system.faults.systems import Forgetful
from tests.system.powercut.verdict import PROMISES, Promise


class Restless(System):
    """The right calls, on a computer that writes what it has in memory when it likes."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Write, and let the disk begin with it or not."""
        taken = super().write(fd, data)
        if self._chance.random() < 0.5:
            self.start_writeback(fd, 0, 0)
        return taken


class NoFileSync(Restless):
    """Wrong: content is not made durable before it gets its name."""

    def syncs_whole(self, fd: int) -> bool:
        """Have every sync come to `fsync`."""
        return False

    def fsync(self, fd: int) -> None:
        """Nothing but directories."""
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            super().fsync(fd)


class NoDirectorySync(Restless):
    """Wrong: names are not made durable."""

    def syncs_whole(self, fd: int) -> bool:
        """Have every sync come to `fsync_directory`."""
        return False

    def fsync_directory(self, fd: int) -> None:
        """Do nothing."""


class InPlace(Restless):
    """Wrong: the file that exists is overwritten piece by piece; and then it is made durable."""

    def rename(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Copy the temp file over the target."""
        source_dir, target_dir = directories["source_dir"], directories["target_dir"]
        temp_file = os.open(source, os.O_RDONLY, dir_fd=source_dir)
        replaced = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644, dir_fd=target_dir)
        while piece := os.read(temp_file, 40_000):
            os.write(replaced, piece)
            self.syncfs(replaced)
        self.fsync(replaced)
        os.close(replaced)
        os.close(temp_file)
        os.unlink(source, dir_fd=source_dir)


class RestlessForgetful(Forgetful, Restless):
    """Wrong: a version loses its name again before what it is a version of."""


class SharedName(TempFiles):
    """Wrong: all temp files have the same name."""

    def __init__(self, right: TempFiles) -> None:
        self._right = right

    def create(self, token: str, handle: DirHandle, directory: Endpoint, mode: int | None) -> TempFile:
        """A temp file that another upload may be writing too."""
        temp_file = self._right.create(token, handle, directory, mode)
        temp_file.make_name()
        os.unlink(temp_file.name, dir_fd=temp_file.directory)
        temp_file.name = b"shared"
        fd = os.open(temp_file.name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644, dir_fd=temp_file.directory)
        os.dup2(fd, temp_file.fd)
        os.close(fd)
        return temp_file


class SharedNameStore(LocalStore):
    """A local store whose batches share one temp file."""

    def write_many(self, requests: Sequence[tuple[WriteRequest, bytes | None]]) -> Sequence[Entry | Exception]:
        """Small files, at once."""
        right = self._writable.batch
        return structs.replace(right, temp_files=SharedName(right.temp_files)).write(requests, self._actor)


@attrs.frozen
class Kind:
    """A kind of store."""

    open: Callable[[str, HashCache, random.Random], LocalStore]
    """Opens a store over a root; the third argument is the source of randomness."""
    promises: tuple[Promise, ...] = PROMISES
    """What it must keep, whenever the power goes."""


def _over(system: Callable[[random.Random], System]) -> Kind:
    """The local store, over these system calls."""
    return Kind(lambda root, cache, chance: LocalStore(root, cache, system=system(chance)))


STORES = {
    "right": _over(Restless),
    "no-file-sync": _over(NoFileSync),
    "no-directory-sync": _over(NoDirectorySync),
    "in-place": _over(InPlace),
    "forgetful": _over(RestlessForgetful),
    "shared-name": Kind(lambda root, cache, chance: SharedNameStore(root, cache, system=Restless(chance))),
}
"""Each by its name."""

WRONG = tuple(name for name in STORES if name != "right")
"""Those that must be found out."""
