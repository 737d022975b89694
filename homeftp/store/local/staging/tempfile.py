"""Temp files: new content before it has a name, and the removal of those that a crash left behind.

Where the file system can do that, a temp file has no name at all: it is made
where it will live, one step gives it its final name, and a crash leaves
nothing. If it is to replace something, it gets a name in `.homeftp/incoming`
first. Elsewhere it is created there, so that one rename gives it its final
name. On another disk that is mounted inside the root it is created beside
its target under a reserved name, and a locator file in `.homeftp/incoming`
names that directory, so that the next start can remove it after a crash. No
other write can name a temp file: `endpoint` refuses the reserved names, each has 128
random bits, and none is opened twice (CVE-2026-53795, CVE-2026-70460:
temporary files outside the shared folder).
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Callable, Iterator

from homeftp.config import KIB, PIECE
from homeftp.endpoint import RESERVED_PREFIX, Endpoint, parse
from homeftp.errors import Internal, Refusal
from homeftp.hashing.filehash import read_at
from homeftp.model import WriteRequest
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.inheritance import Inheritance
from homeftp.store.local.disk.metadir import MetadataDir, in_metadata_dir
from homeftp.store.local.disk.privatefiles import create_file, open_private_file
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.staging.writeback import WRITEBACK, Writeback
from homeftp.store.policy.wording import display_path
from homeftp.syscalls import System

_UNDECIDED_MODE = 0o600
"""The mode of a temp file whose mode depends on what it replaces."""

TOKEN_BYTES = 16
"""Random bytes in the name of a temp file: 128 bits do not repeat."""

_NO_MORE = frozenset({errno.ENOENT, errno.EPERM})
"""How a removed directory refuses a file without a name. What became of it is found out when the file is renamed."""

_LOCATOR_BYTES = 64 * KIB
"""Bytes of a locator that are read: it contains one endpoint."""

_LOCATOR = b".elsewhere"

UNMOUNTED_SECONDS = 30 * 24 * 60 * 60
"""How long files on a disk that is not mounted are remembered."""


class TempFile:
    """One temporary file, open for writing and reading."""

    def __init__(
        self,
        system: System,
        fd: int,
        directory: int,
        name: bytes,
        locator: tuple[int, bytes] | None,
        *,
        is_named: bool = True,
    ) -> None:
        self.fd = fd
        self.directory = directory
        """The descriptor of the directory that holds it; a temp file with a locator owns it."""
        self.name = name
        self.is_named = is_named
        """Whether it has that name already."""
        self.writeback = Writeback(system, fd)
        self._system = system
        self._locator = locator
        self._renamed = False

    def write(self, data: bytes) -> None:
        """Write all of `data`. Raises OSError."""
        taken = self._system.write(self.fd, data)
        if taken == len(data):
            return
        rest = memoryview(data)
        while taken < len(rest):
            if taken <= 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            rest = rest[taken:]
            taken = self._system.write(self.fd, rest)

    def copy_from(self, fd: int, size: int) -> Iterator[int]:
        """Fill it with the first `size` bytes of an open file, `WRITEBACK` of them in each step. Raises OSError.

        Between two steps the disk has nothing to do for it.
        """
        copied, pause = 0, WRITEBACK
        while copied < size:
            data = read_at(fd, copied, min(PIECE, size - copied))
            if not data:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            self.write(data)
            copied += len(data)
            self.writeback.grown(copied)
            if copied >= pause:
                self.writeback.wait()
                yield WRITEBACK
                pause += WRITEBACK

    def truncate(self, size: int) -> None:
        """Cut it to `size` bytes and continue there. Raises OSError."""
        os.ftruncate(self.fd, size)
        os.lseek(self.fd, size, os.SEEK_SET)
        self.writeback.cut(size)

    def set_metadata(
        self, request: WriteRequest, size: int, inheritance: Inheritance, replaced: os.stat_result | None
    ) -> None:
        """Set owner, group, ACL, mode and mtime, and check that the file has `size` bytes.

        `inheritance` is that of its directory, `replaced` the file that has its name.

        Raises OSError, and `Internal` (50) if the disk lost some of them.
        """
        found = os.fstat(self.fd)
        if found.st_size != size:
            raise Internal(f"the server's disk lost part of {display_path(request.endpoint)}: the old content was kept")
        inheritance.apply(self.fd, found, request.mode, replaced)
        if request.mtime_us is not None:
            inheritance.disks.set_mtime(self.fd, request.mtime_us)

    def make_name(self) -> None:
        """Give it a name of its own, if it has none. Raises OSError."""
        if not self.is_named:
            with in_metadata_dir():
                self._system.name_new(self.fd, self.name, target_dir=self.directory)
            self.is_named = True

    def renamed(self) -> None:
        """Note that it was renamed: `close` no longer removes it."""
        self._renamed = True

    def close(self) -> None:
        """Close it, and remove it unless it was renamed. May be called twice."""
        if self.fd < 0:
            return
        fd, self.fd = self.fd, -1
        close_quietly(fd)
        if self.is_named and not self._renamed:
            with contextlib.suppress(OSError):
                os.unlink(self.name, dir_fd=self.directory)
        if self._locator is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._locator[1], dir_fd=self._locator[0])
            close_quietly(self.directory)


class TempFiles:
    """Creates temp files for one store; those of an earlier run are removed at the start. Thread-safe."""

    def __init__(self, root: SafeRoot, system: System, metadata_dir: MetadataDir, now: Callable[[], float]) -> None:
        self._root = root
        self._system = system
        self._incoming = metadata_dir.incoming
        self._now = now
        self._remove_leftovers()
        self._unnamed = self._can_be_unnamed()

    def create(self, token: str, handle: DirHandle, directory: Endpoint, mode: int | None) -> TempFile:
        """Create one for a target in or below `handle`, the open `directory`. Raises OSError.

        `token` holds 128 random bits. The file has its final mode from the
        start, or only the server may read it, so that no user reads it who may not read it later.
        """
        mode = _UNDECIDED_MODE if mode is None else mode
        name = token.encode()
        if handle.same_mount:
            if self._unnamed:
                try:
                    fd = self._system.open_unnamed(handle.fd, mode)
                    return TempFile(self._system, fd, self._incoming, name, None, is_named=False)
                except OSError as error:
                    if error.errno not in _NO_MORE:
                        raise
            with in_metadata_dir():
                fd = create_file(self._incoming, name, mode)
            return TempFile(self._system, fd, self._incoming, name, None)
        locator = name + _LOCATOR
        with in_metadata_dir():
            located = create_file(self._incoming, locator, 0o600)
        try:
            self._system.write(located, directory.whole.encode())
            name = RESERVED_PREFIX.encode() + name
            fd = create_file(handle.fd, name, mode)
        except OSError:
            os.unlink(locator, dir_fd=self._incoming)
            raise
        finally:
            close_quietly(located)
        return TempFile(self._system, fd, os.dup(handle.fd), name, (self._incoming, locator))

    def _can_be_unnamed(self) -> bool:
        """Try it: a kernel, or a sandbox, may lack a part of it."""
        trial = None
        try:
            if self._system.names_later(self._incoming):
                fd = self._system.open_unnamed(self._incoming, _UNDECIDED_MODE)
                trial = TempFile(
                    self._system, fd, self._incoming, os.urandom(TOKEN_BYTES).hex().encode(), None, is_named=False
                )
                trial.make_name()
        except (OSError, Internal):
            return False
        finally:
            if trial is not None:
                trial.close()
        return trial is not None

    def _remove_leftovers(self) -> None:
        """Remove what a crash left. It is not in use: the metadata directory is locked."""
        for name in os.listdir(self._incoming):
            left = os.fsencode(name)
            if left.endswith(_LOCATOR) and self._remove_elsewhere(left):
                continue
            with contextlib.suppress(IsADirectoryError):
                os.unlink(left, dir_fd=self._incoming)

    def _remove_elsewhere(self, locator: bytes) -> bool:
        """Remove the file that a locator points to; returns whether to keep the locator for an unmounted disk.

        After a power cut its content may be garbage.
        """
        try:
            fd = open_private_file(self._incoming, locator, make=False)
            try:
                directory = parse(os.read(fd, _LOCATOR_BYTES).decode())
                age = self._now() - os.fstat(fd).st_mtime
            finally:
                close_quietly(fd)
        except (OSError, Refusal, UnicodeError):
            return False
        try:
            handle = self._root.open_directory(directory)
        except Refusal:
            return age < UNMOUNTED_SECONDS
        try:
            os.unlink(RESERVED_PREFIX.encode() + locator[: -len(_LOCATOR)], dir_fd=handle.fd)
        except OSError:
            return handle.same_mount and age < UNMOUNTED_SECONDS  # the directory was on another disk
        finally:
            close_quietly(handle.fd)
        return False
