"""Support for tests of the local store: a root with a folder outside of it, and systems that fail, lie and record."""

from __future__ import annotations

import errno
import hashlib
import os
from typing import Any

from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.hashing.filehash import hash_bytes
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces import StoreOptions
from homeftp.model import Damage, Entry, WriteRequest
from homeftp.store.local.disk.metadir import MetadataDir
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.store import LocalStore
from homeftp.store.policy.outcomes import catch
from homeftp.syscalls import System
from tests.support.folders import QuickCase

LONG_AGO = 1714560000123456
"""An mtime in microseconds, long enough ago for the hash cache to trust."""


def put_of(name: str, content: bytes, **changes: Any) -> tuple[WriteRequest, bytes]:
    """A write request with hash, size and an old mtime, and its content."""
    given: dict[str, Any] = {"size": len(content), "hash": hash_bytes(content), "mtime_us": LONG_AGO, **changes}
    return WriteRequest(endpoint=parse(name), **given), content


def content_of(store: LocalStore, name: str) -> bytes:
    """What a reader of the store gets of a file; raises the refusal."""
    file = store.open(parse(name))
    try:
        return file.read(0, file.entry.size)
    finally:
        file.close()


def damages_in(store: LocalStore, endpoint: Endpoint = ROOT) -> list[Damage]:
    """What is found damaged when everything at an endpoint is verified."""
    return [damage for step in store.verify(endpoint) for damage in step.damages]


def snapshot(folder: str) -> dict[str, tuple[Any, ...]]:
    """Everything in a folder, with all properties that an attacker could have changed."""
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


class QuickSystem(System):
    """Does not wait for the disk: what survives a power cut is tested elsewhere."""

    def fsync(self, fd: int) -> None:
        """Do nothing, for a directory either."""

    def syncfs(self, fd: int) -> None:
        """Do nothing."""


class Journaled(System):
    """A file system with a journal, whatever the test's own disk is."""

    opened = False
    """Whether the store is open: calls made while it opens do not count."""

    def __init__(self, *, syncfs: bool = True, unnamed: bool = False) -> None:
        super().__init__()
        self._has_syncfs = syncfs
        self._unnamed = unnamed

    def names_later(self, fd: int) -> bool:
        """Have temp files without a name only where that is asked for."""
        return self._unnamed and super().names_later(fd)

    def keeps_order(self, fd: int) -> bool:
        """Claim to have a journal."""
        return True

    def syncs_whole(self, fd: int) -> bool:
        """Claim that syncfs can be relied on, or not."""
        return self._has_syncfs


class SetClock(System):
    """A computer whose clock can be set, and whose time can pass."""

    def __init__(self, wall: float = 0.0, running: float = 0.0) -> None:
        super().__init__()
        self.wall = wall
        """Seconds that the clock is ahead."""
        self.running = running
        """Seconds that have passed besides the real ones."""

    def wall_us(self) -> int:
        """What the clock shows."""
        return super().wall_us() + int((self.wall + self.running) * 1_000_000)

    def running_seconds(self) -> float:
        """How long it has been on."""
        return super().running_seconds() + self.running


class Recording(Journaled):
    """Makes nothing durable, and records the order of the calls."""

    def __init__(self, *, syncfs: bool = True, unnamed: bool = False) -> None:
        super().__init__(syncfs=syncfs, unnamed=unnamed)
        self.calls: list[tuple[str, Any]] = []
        self.written: dict[int, int] = {}
        """The number of calls before a file's last write, by its inode."""

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Write, and record when."""
        self.written[os.fstat(fd).st_ino] = len(self.calls)
        return super().write(fd, data)

    def fsync(self, fd: int) -> None:
        """Record the inode of the file."""
        self._record("fsync", os.fstat(fd).st_ino)

    def fsync_directory(self, fd: int) -> None:
        """Record the inode of the directory."""
        self._record("fsync_directory", os.fstat(fd).st_ino)

    def syncfs(self, fd: int) -> None:
        """Record that everything was made durable."""
        self._record("syncfs", None)

    def rename(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Rename, and record what and into which directory."""
        self._renamed(source, directories)
        super().rename(source, target, **directories)

    def rename_new(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Rename, and record what and into which directory."""
        self._renamed(source, directories)
        super().rename_new(source, target, **directories)

    def name_new(self, fd: int, target: bytes, *, target_dir: int) -> None:
        """Name, and record what and in which directory."""
        self._record("name_new", (os.fstat(fd).st_ino, os.fstat(target_dir).st_ino))
        super().name_new(fd, target, target_dir=target_dir)

    def link(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Link, and record what and into which directory."""
        inode = os.stat(source, dir_fd=directories["source_dir"], follow_symlinks=False).st_ino
        self._record("link", (inode, os.fstat(directories["target_dir"]).st_ino))
        super().link(source, target, **directories)

    def _renamed(self, source: bytes, directories: dict[str, int]) -> None:
        inode = os.stat(source, dir_fd=directories["source_dir"], follow_symlinks=False).st_ino
        self._record("rename", (inode, os.fstat(directories["target_dir"]).st_ino))

    def _record(self, name: str, what: object) -> None:
        if self.opened:
            self.calls.append((name, what))


class Queueing(Recording):
    """Counts the bytes that the disk was given to write before their file's fsync."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0
        """All of them."""
        self.most = 0
        """The most of them at a time that nobody had waited for."""
        self._waiting = 0

    def start_writeback(self, fd: int, offset: int, length: int) -> None:
        """Count."""
        self.given += length
        self._waiting += length
        self.most = max(self.most, self._waiting)

    def await_writeback(self, fd: int, offset: int, length: int) -> None:
        """Count them as written."""
        self._waiting -= length


class Failing(Journaled):
    """Fails once, at call number `at` of those that durability depends on, counted from 1 once the store is open."""

    def __init__(self, at: int, number: int = errno.EIO, *, syncfs: bool = True, unnamed: bool = False) -> None:
        super().__init__(syncfs=syncfs, unnamed=unnamed)
        self.failed = ""
        self._left = at
        self._number = number

    def _count(self, name: str) -> None:
        if not self.opened:
            return
        self._left -= 1
        if self._left == 0:
            self.failed = name
            raise OSError(self._number, os.strerror(self._number))

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Count, then write."""
        self._count("write")
        return super().write(fd, data)

    def await_writeback(self, fd: int, offset: int, length: int) -> None:
        """Count, then wait."""
        self._count("await_writeback")
        super().await_writeback(fd, offset, length)

    def fsync(self, fd: int) -> None:
        """Count, and do nothing."""
        self._count("fsync")

    def fsync_directory(self, fd: int) -> None:
        """Count, and do nothing."""
        self._count("fsync_directory")

    def syncfs(self, fd: int) -> None:
        """Count, and do nothing."""
        self._count("syncfs")

    def link(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Count, then link."""
        self._count("link")
        super().link(source, target, **directories)

    def name_new(self, fd: int, target: bytes, *, target_dir: int) -> None:
        """Count, then name."""
        self._count("name_new")
        super().name_new(fd, target, target_dir=target_dir)

    def rename(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Count, then rename."""
        self._count("rename")
        super().rename(source, target, **directories)

    def rename_new(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Count, then rename."""
        self._count("rename")
        super().rename_new(source, target, **directories)


class Lying(System):
    """Claims to have written everything, but leaves out the last byte."""

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Write all but the last byte."""
        super().write(fd, data[:-1])
        return len(data)


class Walking(System):
    """A kernel without openat2, syncfs, renameat2 and O_TMPFILE."""

    def __init__(self) -> None:
        super().__init__()
        self.has_openat2 = False
        self._renameat2 = None
        self._syncfs = None

    def names_later(self, fd: int) -> bool:
        """Nor O_TMPFILE."""
        return False


class Unlisted(System):
    """A disk that may find files by names that it does not list; `names` are listed instead of those of the keys."""

    def __init__(self, **names: str) -> None:
        super().__init__()
        self.names = {name.encode(): listed.encode() for name, listed in names.items()}

    def finds_only_listed_names(self, fd: int) -> bool:
        return False

    def names_in(self, directory: int) -> list[bytes]:
        return [self.names.get(name, name) for name in super().names_in(directory)]


class StoreCase(QuickCase):
    """A local store in `root`, with the folder `outside` beside it."""

    def setUp(self) -> None:
        """Make the folders; `store` opens the store."""
        base = os.path.abspath(self.mktemp())
        self.root = os.path.join(base, "root")
        self.outside = os.path.join(base, "outside")
        os.makedirs(self.root)
        os.mkdir(self.outside)
        with open(os.path.join(self.outside, "secret.txt"), "wb") as file:
            file.write(b"nobody may touch this")
        self.cache_path = os.path.join(base, "index.sqlite")
        self.cache = HashCache(self.cache_path)
        self.addCleanup(self.cache.close)

    def store(self, system: System | None = None, **options: Any) -> LocalStore:
        """Open a store with these `StoreOptions`; it is closed at the end of the test."""
        store = LocalStore(self.root, self.cache, StoreOptions(**options), system=system)
        self.addCleanup(store.close)
        if isinstance(system, Journaled):
            system.opened = True
        return store

    def opened_root(self, system: System | None = None) -> tuple[SafeRoot, MetadataDir]:
        """Open the root and its metadata directory without a store; both are closed at the end of the test."""
        root = SafeRoot(self.root, System() if system is None else system)
        self.addCleanup(root.close)
        metadata_dir = MetadataDir(root, self.root)
        self.addCleanup(metadata_dir.close)
        return root, metadata_dir

    def path(self, name: str) -> str:
        """A path in the root."""
        return os.path.join(self.root, name)

    def lay(self, name: str, content: bytes = b"old", *, mtime_us: int = LONG_AGO) -> str:
        """Create a file behind the store's back, with its parents."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, ns=(mtime_us * 1000, mtime_us * 1000))
        return path

    def content(self, name: str) -> bytes:
        """The content of a file in the root."""
        with open(self.path(name), "rb") as file:
            return file.read()

    def left(self) -> list[str]:
        """The names of all temp files and partial uploads in the metadata directory."""
        folders = (os.path.join(self.root, ".homeftp", name) for name in ("incoming", "partial"))
        return [name for folder in folders for name in os.listdir(folder)]

    def put(self, store: LocalStore, name: str, content: bytes, **changes: Any) -> Entry:
        """Write one small file; raises its refusal."""
        (result,) = store.write_many([put_of(name, content, **changes)])
        if isinstance(result, Exception):
            raise result
        return result

    def stream(self, store: LocalStore, name: str, content: bytes, *, piece: int = 1000, **changes: Any) -> Entry:
        """Upload one file piece by piece; raises its refusal."""
        request, content = put_of(name, content, **changes)
        return self._upload(store, request, content, piece)

    def _upload(self, store: LocalStore, request: WriteRequest, content: bytes, piece: int = 1000) -> Entry:
        upload = store.upload(request)
        try:
            for start in range(0, len(content), piece):
                upload.write(content[start : start + piece])
            return upload.commit()
        finally:
            upload.abort()

    def together(self, store: LocalStore, *requests: tuple[WriteRequest, bytes]) -> list[Entry | Exception]:
        """Write files in one batch."""
        return list(store.write_many(requests))

    def streamed(self, store: LocalStore, *requests: tuple[WriteRequest, bytes]) -> list[Entry | Exception]:
        """Upload files one by one, each piece by piece."""
        return [catch(self._upload, store, request, content) for request, content in requests]


def sha(content: bytes) -> str:
    """A hash, computed without the code under test."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def made_by_hand(*parts: str) -> Endpoint:
    """An endpoint that was not validated."""
    return Endpoint(parts)
