"""A download before it has its name: written beside its target, verified, made durable, then renamed to the target.

A small file that is new has no name at all until then, where the disk has such files: that takes fewer system calls,
and a crash leaves nothing.

When that happens, and for how many files together, is decided in write.py and
largefile.py. Everything here blocks and is called in a worker.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat as stat_module
from typing import Iterator, NamedTuple

from homeftp.client.errors import Corrupted
from homeftp.client.files.directory import Directory
from homeftp.client.files.folders import OpenFolders
from homeftp.client.files.names import partial_name
from homeftp.errors import Changed, ContentMismatch
from homeftp.hashing import filehash
from homeftp.syscalls import System

_MADE_MEANWHILE = "another program made a local file of that name: run the command again"

_LOST = "the disk did not keep all bytes of the file"

_NOT_NAMED = frozenset({errno.ENOENT, errno.EPERM, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
"""How old kernels without /proc, and sandboxes, refuse to name a file; ENOENT also for other reasons."""

_PRIVATE = 0o600
"""The mode of a file whose mode the server does not tell."""

CHANGED_LOCALLY = "the local file changed since it was compared: run the command again"


class TargetFile(NamedTuple):
    """The file that a download becomes."""

    name: str
    """Relative to the target folder; parts joined by `/`."""
    mtime_us: int | None
    mode: int | None
    replaces: os.stat_result | None
    """The stat of the file that was compared and may be replaced; None: nothing may exist there."""
    force: bool = False
    """Replace whatever exists there."""


class DownloadTempFile:
    """A download under a temporary name.

    With a `key` of 32 hexadecimal digits it resumes what an earlier download
    with that key left, if no other process has locked it: then `size` is not
    0, and `verify_resumed` or `restart` comes before anything else.
    """

    def __init__(self, folders: OpenFolders, target: TargetFile, key: str | None = None) -> None:
        self.target = target
        self._name = folders.last_name(target.name)
        self._system = folders.system
        self._folders = folders
        self._parent = target.name.rpartition("/")[0]
        self._hasher = filehash.Hasher()
        self.size = 0
        """Bytes that were written."""
        folder = folders.open(self._parent)
        fd = None
        if key is not None:
            self._temporary = partial_name(key)
            fd = folder.lock(self._temporary)
        if fd is None:
            self._temporary = partial_name()
            fd = folder.create(self._temporary)
        else:
            self.size = os.lseek(fd, 0, os.SEEK_END)
        self._fd = fd

    @property
    def _folder(self) -> Directory:
        """Its folder, which may have been closed meanwhile: then the one that has its name now."""
        return self._folders.open(self._parent, make=False)

    def verify_resumed(self) -> Iterator[None]:
        """Hash what an earlier download left, in steps."""
        yield from filehash.hash_slices(self._hasher, self._fd, 0, self.size)

    def restart(self) -> None:
        """Discard what an earlier download left."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        self._hasher = filehash.Hasher()
        self.size = 0

    @property
    def hash(self) -> str:
        """The hash of the bytes so far."""
        return self._hasher.hash()

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._hasher.update(data)
        rest = memoryview(data)
        while rest:
            rest = rest[self._system.write(self._fd, rest) :]
        self.size += len(data)

    def expect_space(self, size: int) -> None:
        """Raise OSError (ENOSPC) where the disk has no space for `size` bytes in all, as far as it says."""
        if hasattr(os, "fstatvfs"):
            disk = os.fstatvfs(self._fd)
            if disk.f_blocks and size - self.size > disk.f_bavail * disk.f_frsize:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def start_writeback(self, length: int) -> None:
        """Ask the system to write the last `length` bytes to the disk now, so that the fsync takes less time."""
        self._system.start_writeback(self._fd, self.size - length, length)

    def complete(self, hash: str, *, sync: bool) -> None:
        """Verify the content against `hash`, set the metadata, fsync where `sync`, and close the file.

        Raises OSError, `Corrupted`, and `ContentMismatch` (45) where the disk
        lost bytes; nothing is left then.
        """
        try:
            if self._hasher.hash() != hash:
                raise Corrupted
            self._folder.set_metadata(self._fd, self._temporary, self.target.mtime_us, self.target.mode)
            if os.fstat(self._fd).st_size != self.size:
                raise ContentMismatch(_LOST)
            if sync:
                self._system.fsync(self._fd)
        except BaseException:
            self.abort()
            raise
        os.close(self._fd)
        self._fd = -1

    def commit(self) -> os.stat_result:
        """Rename the completed file to its target, if what exists there is what was compared, or has its content.

        Another download may have put that content there meanwhile. Raises OSError and `Changed` (44);
        nothing is left then.
        """
        replaced = self.target.replaces
        try:
            if self.target.force:
                self._folders.replace(self._temporary, self.target.name)
            elif replaced is None:
                self._folder.rename_new(self._temporary, self._name)
            else:
                existing = self._folder.stat(self._name)
                if existing is None or filehash.signature(existing) != filehash.signature(replaced):
                    raise Changed(CHANGED_LOCALLY)
                self._folders.replace(self._temporary, self.target.name)
        except (FileExistsError, Changed) as conflict:
            self.abort()
            existing = _already_there(self._system, self._folder, self._name, self.size, self.hash)
            if existing is not None:
                return existing
            if isinstance(conflict, Changed):
                raise
            raise Changed(_MADE_MEANWHILE) from None
        except BaseException:
            self.abort()
            raise
        self._temporary = ""
        stat = self._folder.stat(self._name)
        if stat is None:
            raise Changed("the local file was removed right after it was written")
        return stat

    def suspend(self) -> None:
        """Close the file and keep it for the next download with its key."""
        self._temporary = ""
        self.abort()

    def abort(self) -> None:
        """Close and remove the file. May be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
        temporary, self._temporary = self._temporary, ""
        if temporary:
            with contextlib.suppress(OSError):
                self._folder.remove(temporary)


class UnnamedDownload:
    """A small download that replaces nothing, without a name until it is committed.

    It is written completely when it is made; `sync` says whether it is made durable then. Raises OSError, `Corrupted`,
    and `ContentMismatch` (45) where the disk lost bytes.
    """

    def __init__(self, folders: OpenFolders, target: TargetFile, data: bytes, hash: str, *, sync: bool) -> None:
        if filehash.hash_bytes(data) != hash:
            raise Corrupted
        self._folders = folders
        self._target = target
        self._data = data
        self._hash = hash
        self._parent = target.name.rpartition("/")[0]
        folder = folders.open(self._parent)
        self._fd = folder.create_unnamed(_PRIVATE if target.mode is None else target.mode)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[folders.system.write(self._fd, rest) :]
            found = os.fstat(self._fd)
            if found.st_size != len(data):
                raise ContentMismatch(_LOST)
            folder.set_metadata(self._fd, "", target.mtime_us, target.mode, found)
            if sync:
                folders.system.fsync(self._fd)
        except BaseException:
            self.abort()
            raise

    def commit(self) -> os.stat_result:
        """Give it its name, if nothing has that, or a file with its content. Raises OSError and `Changed` (44)."""
        folder, name = self._folders.open(self._parent, make=False), self._folders.last_name(self._target.name)
        try:
            folder.name_new(self._fd, name)
            return os.fstat(self._fd)
        except FileExistsError:
            existing = _already_there(self._folders.system, folder, name, len(self._data), self._hash)
            if existing is None:
                raise Changed(_MADE_MEANWHILE) from None
            return existing
        except OSError as error:
            if error.errno not in _NOT_NAMED:
                raise
        finally:
            self.abort()
        return self._commit_named()

    def _commit_named(self) -> os.stat_result:
        """Write it once more, under a temporary name."""
        temp = DownloadTempFile(self._folders, self._target)
        try:
            temp.write(self._data)
        except BaseException:
            temp.abort()
            raise
        temp.complete(self._hash, sync=True)
        return temp.commit()

    def abort(self) -> None:
        """Close the file, which is gone unless it was committed. May be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _already_there(system: System, folder: Directory, name: str, size: int, hash: str) -> os.stat_result | None:
    """The stat of the file of that name, made durable, if it has the content that was downloaded."""
    try:
        fd = folder.open(name)
    except OSError:
        return None
    try:
        found = os.fstat(fd)
        if not stat_module.S_ISREG(found.st_mode) or found.st_size != size:
            return None
        found_hash = filehash.digest(fd, size)
        system.fsync(fd)
        is_same = found_hash == hash and filehash.signature(os.fstat(fd)) == filehash.signature(found)
        return found if is_same else None
    except (OSError, Changed):
        return None
    finally:
        os.close(fd)
