"""A local folder that downloads are written to, and a system whose calls fail."""

from __future__ import annotations

import errno
import os
from typing import Any

from homeftp.client.files.tempfile import TargetFile
from homeftp.client.files.write import DownloadTarget, SmallDownload
from homeftp.hashing import filehash
from homeftp.syscalls import System
from tests.support import needs
from tests.support.folders import QuickCase
from tests.support.stores import Journaled

MTIME = 1_600_000_000_000_000


class FailingSystem(System):
    """A system on which one call fails; `calls` are those that were made."""

    def __init__(self, fails: str = "", *, whole: bool = True, unnamed: bool = False) -> None:
        super().__init__()
        self.unnamed = unnamed
        self.fails = fails
        self.whole = whole
        self.calls: list[str] = []

    def _note(self, name: str) -> None:
        self.calls.append(name)
        if name == self.fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def write(self, fd: int, data: bytes | memoryview) -> int:
        self._note("write")
        return super().write(fd, data)

    def fsync(self, fd: int) -> None:
        self._note("fsync")
        super().fsync(fd)

    def syncs_whole(self, fd: int) -> bool:
        return self.whole

    def syncfs(self, fd: int) -> None:
        self._note("syncfs")

    def names_later(self, fd: int) -> bool:
        return self.unnamed

    def name_new(self, fd: int, target: bytes, *, target_dir: int) -> None:
        self._note("name")
        super().name_new(fd, target, target_dir=target_dir)

    def rename(self, source: bytes, target: bytes, **paths: Any) -> None:
        self._note("rename")
        super().rename(source, target, **paths)

    def rename_new(self, source: bytes, target: bytes, **paths: Any) -> None:
        self._note("rename")
        super().rename_new(source, target, **paths)


def require_unnamed_files() -> None:
    """Skip a test where the disk that it works on has no files without a name."""
    needs.require("a disk for files without a name", _makes_unnamed_files)


def _makes_unnamed_files() -> bool:
    folder = os.open(".", os.O_RDONLY)
    try:
        return Journaled(unnamed=True).names_later(folder)
    finally:
        os.close(folder)


class DownloadCase(QuickCase):
    """A test with an empty target folder."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.folder = DownloadTarget(self.path, System())

    def small(self, name: str, data: bytes = b"content", **fields: Any) -> SmallDownload:
        given: dict[str, Any] = {"mtime_us": MTIME, "mode": 0o640, "replaces": None, **fields}
        return SmallDownload(TargetFile(name, **given), data, filehash.hash_bytes(data))

    def make_file(self, name: str, data: bytes = b"old") -> os.stat_result:
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return os.lstat(path)
