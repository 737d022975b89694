"""What the store's tests share: a share with something outside of it, and systems that fail, lie and remember."""

from __future__ import annotations

import errno
import hashlib
import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import Retention
from homeftp.endpoint import Endpoint, parse
from homeftp.hashing.filehash import hash_bytes
from homeftp.hashing.hashcache import HashCache
from homeftp.model import Entry, WriteRequest
from homeftp.store.local.disk.entries import Filetypes
from homeftp.store.local.disk.errnos import catch
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.metadir import MetadataDir
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.store import LocalStore
from homeftp.store.local.writes.batch import put_together
from homeftp.store.local.writes.replacing import Replacing, replacing
from homeftp.store.local.writes.upload import begin_upload
from homeftp.syscalls import System

LONG_AGO = 1714560000123456
"""An mtime in microseconds, long enough ago for the index to trust."""


def put_of(name: str, content: bytes, **changes: Any) -> tuple[WriteRequest, bytes]:
    """A file to put, with hash, size and an old mtime, and its content."""
    given: dict[str, Any] = {"size": len(content), "hash": hash_bytes(content), "mtime_us": LONG_AGO, **changes}
    return WriteRequest(endpoint=parse(name), **given), content


def snapshot(folder: str) -> dict[str, tuple[Any, ...]]:
    """All that is in a folder, with everything that a stranger could have changed."""
    found = {}
    for directory, folders, names in os.walk(folder):
        for name in [*folders, *names, "."]:
            path = os.path.join(directory, name)
            stat = os.lstat(path)
            content = b""
            if name in names and not os.path.islink(path):
                with open(path, "rb") as file:
                    content = file.read()
            found[path] = (stat.st_ino, stat.st_mode, stat.st_size, stat.st_mtime_ns, stat.st_nlink, content)
    return found


class Journaled(System):
    """Whatever the test's own disk is like, it has a journal."""

    def keeps_order(self, fd: int) -> bool:
        """Say so."""
        return True


class Remembering(Journaled):
    """Does nothing durable in earnest, and remembers in which order it was asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, Any]] = []
        self.written: dict[int, int] = {}
        """How many of these there were before a file's last write, by its inode."""

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Write, and remember when."""
        self.written[os.fstat(fd).st_ino] = len(self.calls)
        return super().write(fd, data)

    def fsync(self, fd: int) -> None:
        """Remember the file by its inode."""
        self.calls.append(("fsync", os.fstat(fd).st_ino))

    def fsync_directory(self, fd: int) -> None:
        """Remember the directory by its inode."""
        self.calls.append(("fsync_directory", os.fstat(fd).st_ino))

    def syncfs(self, fd: int) -> None:
        """Remember that all was made durable."""
        self.calls.append(("syncfs", None))

    def rename(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Rename, and remember what and into what."""
        self._renamed(source, directories)
        super().rename(source, target, **directories)

    def rename_new(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Rename, and remember what and into what."""
        self._renamed(source, directories)
        super().rename_new(source, target, **directories)

    def link(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Link, and remember what and into what."""
        inode = os.stat(source, dir_fd=directories["source_dir"], follow_symlinks=False).st_ino
        self.calls.append(("link", (inode, os.fstat(directories["target_dir"]).st_ino)))
        super().link(source, target, **directories)

    def _renamed(self, source: bytes, directories: dict[str, int]) -> None:
        inode = os.stat(source, dir_fd=directories["source_dir"], follow_symlinks=False).st_ino
        self.calls.append(("rename", (inode, os.fstat(directories["target_dir"]).st_ino)))


class Failing(Journaled):
    """Fails once, at the call number `at` of those that durability hangs on, counted from 1."""

    def __init__(self, at: int, number: int = errno.EIO) -> None:
        super().__init__()
        self.failed = ""
        self._left = at
        self._number = number

    def _count(self, name: str) -> None:
        self._left -= 1
        if self._left == 0:
            self.failed = name
            raise OSError(self._number, os.strerror(self._number))

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Count, then write."""
        self._count("write")
        return super().write(fd, data)

    def fsync(self, fd: int) -> None:
        """Count, and let the disk be."""
        self._count("fsync")

    def fsync_directory(self, fd: int) -> None:
        """Count, and let the disk be."""
        self._count("fsync_directory")

    def syncfs(self, fd: int) -> None:
        """Count, and let the disk be."""
        self._count("syncfs")

    def link(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Count, then link."""
        self._count("link")
        super().link(source, target, **directories)

    def rename(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Count, then rename."""
        self._count("rename")
        super().rename(source, target, **directories)

    def rename_new(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Count, then rename."""
        self._count("rename")
        super().rename_new(source, target, **directories)


class Lying(System):
    """Says that it wrote everything, and wrote all but the last byte."""

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Lie."""
        super().write(fd, data[:-1])
        return len(data)


class Walking(System):
    """A kernel without openat2, syncfs and renameat2."""

    def __init__(self) -> None:
        super().__init__()
        self.has_openat2 = False
        self._renameat2 = None
        self._syncfs = None


class ShareCase(SynchronousTestCase):
    """A share in `root`, with `outside` beside it."""

    def setUp(self) -> None:
        """Make the folders; the share is made when it is first needed."""
        base = os.path.abspath(self.mktemp())
        self.root = os.path.join(base, "root")
        self.outside = os.path.join(base, "outside")
        os.makedirs(self.root)
        os.mkdir(self.outside)
        with open(os.path.join(self.outside, "secret.txt"), "wb") as file:
            file.write(b"nobody may touch this")
        self.index = HashCache(os.path.join(base, "index.sqlite"))
        self.addCleanup(self.index.close)

    def share(self, system: System | None = None, **settings: Any) -> LocalStore:
        """A new share of the root; it is closed at the end of the test."""
        share = LocalStore(self.root, self.index, system=system, **settings)
        self.addCleanup(share.close)
        return share

    def path(self, name: str) -> str:
        """A path in the root."""
        return os.path.join(self.root, name)

    def lay(self, name: str, content: bytes = b"old", *, mtime_us: int = LONG_AGO) -> str:
        """A file that is there already; its parents are made."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, ns=(mtime_us * 1000, mtime_us * 1000))
        return path

    def content(self, name: str) -> bytes:
        """What a file in the root holds."""
        with open(self.path(name), "rb") as file:
            return file.read()

    def left(self) -> list[str]:
        """What lies in our own folder of what is on its way in."""
        folders = (os.path.join(self.root, ".homeftp", name) for name in ("incoming", "partial"))
        return [name for folder in folders for name in os.listdir(folder)]

    def put(self, share: LocalStore, name: str, content: bytes, **changes: Any) -> Entry:
        """Put one small file; raises what it is refused with."""
        (result,) = share.write_many([put_of(name, content, **changes)])
        if isinstance(result, Exception):
            raise result
        return result

    def stream(self, share: LocalStore, name: str, content: bytes, *, piece: int = 1000, **changes: Any) -> Entry:
        """Put one file piece by piece; raises what it is refused with."""
        incoming = share.upload(put_of(name, content, **changes)[0])
        try:
            for start in range(0, len(content), piece):
                incoming.write(content[start : start + piece])
            return incoming.commit()
        finally:
            incoming.abort()


def sha(content: bytes) -> str:
    """A hash, made without the code under test."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def made_by_hand(*parts: str) -> Endpoint:
    """An endpoint that no rule has seen."""
    return Endpoint(parts)


class ReplacingCase(ShareCase):
    """What stands behind a share, put together by hand, so that a part of it can be a wrong one."""

    def setUp(self) -> None:
        """Remember what is to be closed."""
        super().setUp()
        self._owns: dict[int, MetadataDir] = {}

    def replacing(self, system: System, kind: type[Fsync] = Fsync, **settings: Any) -> Replacing:
        """The tools of all that write into the root; they go with the test."""
        jail = SafeRoot(self.root, system)
        self.addCleanup(jail.close)
        own = MetadataDir(jail, self.root)
        self.addCleanup(own.close)
        given = {
            "filetypes": Filetypes(()),
            "file_size": None,
            "retention": Retention(),
            "quota": None,
            "similar_names": False,
            "syncing": kind(system, settings.pop("whole", True)),
            **settings,
        }
        made = replacing(jail, system, own, self.index, **given)
        self._owns[id(made)] = own
        return made

    def end(self, replacing: Replacing) -> None:
        """Let the next one have the share."""
        self._owns[id(replacing)].close()
        replacing.jail.close()

    def together(self, replacing: Replacing, *puts: tuple[WriteRequest, bytes]) -> list[Entry | Exception]:
        """Put small files."""
        return put_together(replacing, puts)

    def streamed(self, replacing: Replacing, *puts: tuple[WriteRequest, bytes]) -> list[Entry | Exception]:
        """Put files one by one, each piece by piece."""
        return [catch(self._stream, replacing, put, content) for put, content in puts]

    def _stream(self, replacing: Replacing, put: WriteRequest, content: bytes) -> Entry:
        incoming = begin_upload(replacing, put)
        try:
            for start in range(0, len(content), 1000):
                incoming.write(content[start : start + 1000])
            return incoming.commit()
        finally:
            incoming.abort()
