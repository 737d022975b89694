"""The one seam for system calls that Python or some system lacks, each with a portable stand-in.

Here are the calls that only Linux has (openat2, syncfs, renameat2,
sync_file_range) and those that durability hangs on (write, fsync, link,
rename), so that a test hands in a `System` that fails where it wants. What to do with
them is decided elsewhere. Nothing here knows of endpoints or refusals: every
method raises OSError.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import os
import struct
import sys
import time
from typing import Any

from homeftp.model import SECOND_US
from homeftp.syscalls.filesystems import EXACT_NAMES, EXT, NAMED_LATER, SYNCED_WHOLE, TMPFS
from homeftp.syscalls.memory import release_code

_SYS_OPENAT2 = 437
"""Its number on every architecture that got it with Linux 5.6; there is no wrapper in the C library."""

_RESOLVE_NO_XDEV = 0x01
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_RESOLVE_CACHED = 0x20
_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100
_SYNC_FILE_RANGE_WAIT = 1
_SYNC_FILE_RANGE_WRITE = 2

_NO_SUCH_CALL = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
"""The errors of renameat2(2) where the kernel, or the file system, does not know the flag."""

_MAY_NOT_BY_DESCRIPTOR = (errno.ENOENT, errno.EPERM, *_NO_SUCH_CALL)
"""linkat(2): how a kernel before 6.10 refuses to name a file by its descriptor, and sandboxes; ENOENT may be true."""

_RETRIES = 128
"""openat2(2): EAGAIN, and EXDEV at the end, mean that a rename raced with RESOLVE_BENEATH, and to try again."""

_SYNCFS_REPORTS = (5, 8)
"""The version of Linux since which syncfs(2) reports write errors."""

_AT_SYMLINK_NOFOLLOW = 0x100
_AT_EMPTY_PATH = 0x1000
_STATX_BTIME = 0x800
_STATX_BYTES = 256
_STATX_MASK_AT = 0
_STATX_BTIME_AT = 0x50
"""struct statx (statx(2)): its size, and where its `stx_mask` and `stx_btime` are."""

_STATFS_BYTES = 512
"""More than struct statfs has on any architecture."""

_TYPE_BITS = 0xFFFFFFFF
"""File system types have 32 bits; a long may have them sign-extended."""

_US_NS = 1000
"""Nanoseconds of a microsecond."""


class System:
    """The calls of this computer's kernel; what it lacks is found out once, here."""

    def __init__(self) -> None:
        self._libc: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        number, fd, text, unsigned = ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint
        self._openat2: Any = self._function("syscall", number, fd, text, text, ctypes.c_size_t, result=number)
        self._renameat2 = self._function("renameat2", fd, text, fd, text, unsigned)
        self._sync_file_range = self._function("sync_file_range", fd, ctypes.c_longlong, ctypes.c_longlong, unsigned)
        self._fstatfs = self._function("fstatfs", fd, ctypes.c_void_p)
        self._linkat: Any = self._function("linkat", fd, text, fd, text, fd)
        self._statx = self._function("statx", fd, text, fd, unsigned, ctypes.c_void_p)
        self._malloc_trim = self._function("malloc_trim", ctypes.c_size_t)
        self._syncfs: Any = self._function("syncfs", fd) if _kernel() >= _SYNCFS_REPORTS else None
        self.names_by_descriptor = self._linkat is not None
        """Whether `name_new` needs no /proc, as far as is known: False as soon as the kernel has refused that."""
        self.has_openat2 = self._try_openat2()
        """Whether paths can be resolved beneath a directory by the kernel itself (Linux 5.6)."""

    def release_memory(self) -> None:
        """Give back to the system what the process needs no more, and Python or the C library would keep."""
        gc.collect()
        if self._malloc_trim is not None:
            self._malloc_trim(0)

    def rest(self) -> None:
        """Give back the memory that a process needs while it works, and not while it waits."""
        self.release_memory()
        self.release_code()

    def release_code(self) -> None:
        """Give back the code that has run: what runs again is mapped again, which takes as long as a page fault."""
        release_code(self._libc)

    def _function(self, name: str, *arguments: Any, result: Any = ctypes.c_int) -> Any:
        """A function of the C library; None where it has none of that name."""
        function = getattr(self._libc, name, None)
        if function is not None:
            function.argtypes = arguments
            function.restype = result
        return function

    def _try_openat2(self) -> bool:
        """Sandboxes of old answer EPERM, kernels of old ENOSYS."""
        if self._openat2 is None:
            return False
        with contextlib.suppress(OSError), contextlib.ExitStack() as opened:
            top = os.open("/", os.O_RDONLY)
            opened.callback(os.close, top)
            os.close(self.openat2(top, b".", os.O_RDONLY | os.O_DIRECTORY))
            return True
        return False

    def drop_cache(self, fd: int) -> None:
        """Have an open file read from the disk next, and not from the system's memory: posix_fadvise(2). OSError."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def openat2(
        self,
        directory: int,
        path: bytes,
        flags: int,
        *,
        one_mount: bool = False,
        beneath: bool = True,
        cached: bool = False,
    ) -> int:
        """Open `path` beneath `directory`, following no symbolic link anywhere: openat2(2).

        A link on the way or at the end is ELOOP. With `one_mount`, crossing into another mount is EXDEV; but so is a
        directory that is moved out at this moment, unless `beneath` is given up, which a single name can. With
        `cached`, a path that is not in memory is EAGAIN. Only where `has_openat2`.
        """
        resolve = _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_MAGICLINKS
        for wanted, flag in ((beneath, _RESOLVE_BENEATH), (one_mount, _RESOLVE_NO_XDEV), (cached, _RESOLVE_CACHED)):
            resolve |= flag if wanted else 0
        again = (errno.EAGAIN, errno.EINTR) if one_mount else (errno.EAGAIN, errno.EINTR, errno.EXDEV)
        how = struct.pack("=QQQ", flags | os.O_CLOEXEC, 0, resolve)
        for _ in range(1 if cached else _RETRIES):
            fd: int = self._openat2(_SYS_OPENAT2, directory, path, how, len(how))
            if fd >= 0:
                return fd
            number = ctypes.get_errno()
            if number not in again:
                break
        raise OSError(number, os.strerror(number))

    def read_cached(self, fd: int, length: int) -> bytes:
        """Up to `length` bytes from the beginning of an open file, if these are in memory; otherwise OSError."""
        buffer = bytearray(length)
        try:
            size = os.preadv(fd, [buffer], 0, os.RWF_NOWAIT)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP or self._kind(fd) != TMPFS:
                raise
            size = os.preadv(fd, [buffer], 0)  # it is in memory, as this process is
        return bytes(memoryview(buffer)[:size])

    def wall_us(self) -> int:
        """The time that the computer's clock shows: microseconds since 1970 UTC."""
        return time.time_ns() // _US_NS

    def running_seconds(self) -> float:
        """Seconds that pass while the computer is on or suspended. They begin anywhere and cannot be set."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()

    def made_us(self, directory: int, name: bytes) -> int | None:
        """When the file or directory of that name was made: microseconds since 1970 UTC; None if that is not known.

        It is its birth time (statx(2)), which no program can set, and which renaming leaves. Linux takes it from the
        last tick of its clock, some milliseconds ago. A link is not followed. Raises nothing.
        """
        buffer = ctypes.create_string_buffer(_STATX_BYTES)
        if self._statx is None or self._statx(directory, name, _AT_SYMLINK_NOFOLLOW, _STATX_BTIME, buffer) != 0:
            return None
        (mask,) = struct.unpack_from("=I", buffer, _STATX_MASK_AT)
        seconds, ns = struct.unpack_from("=qI", buffer, _STATX_BTIME_AT)
        return seconds * SECOND_US + ns // _US_NS if mask & _STATX_BTIME else None

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """write(2): how many bytes were taken."""
        return os.write(fd, data)

    def set_times(self, fd: int, time_ns: int) -> None:
        """Set mtime and atime of an open file or directory: nanoseconds since 1970 UTC. futimens(3)."""
        os.utime(fd, ns=(time_ns, time_ns))

    def set_mode(self, fd: int, mode: int) -> None:
        """Set the mode of an open file or directory: fchmod(2)."""
        os.fchmod(fd, mode)

    def fsync(self, fd: int) -> None:
        """Return when the file's content and metadata are on the disk; on macOS past the drive's cache too."""
        if sys.platform == "darwin":
            import fcntl

            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        else:
            os.fsync(fd)

    def fsync_directory(self, fd: int) -> None:
        """Return when the directory's names are on the disk. Windows has no such call: nothing happens there."""
        if sys.platform != "win32":
            self.fsync(fd)

    def syncs_whole(self, fd: int) -> bool:
        """Whether `syncfs` on this file system makes everything durable and reports every failure.

        Linux before 5.8 keeps write errors from syncfs(2).
        """
        return self._syncfs is not None and self._kind(fd) in SYNCED_WHOLE

    def finds_only_listed_names(self, fd: int) -> bool:
        """Whether directories of this file system find a file only by a name that they list, or one that folds alike.

        Alike by Unicode's caseless matching. NTFS and FAT have 8.3 names besides, and network and FUSE file systems
        may have anything.
        """
        return self._kind(fd) in EXACT_NAMES

    def names_in(self, directory: int) -> list[bytes]:
        """The names in an open directory, which may be open only for lookups."""
        # Open it again: threads that share a descriptor would share its read position.
        fd = os.open(b".", os.O_RDONLY, dir_fd=directory)
        try:
            return [os.fsencode(name) for name in os.listdir(fd)]
        finally:
            os.close(fd)

    def mounts(self) -> bytes:
        """The text of /proc/self/mountinfo, which only Linux has; elsewhere empty."""
        if sys.platform != "linux":
            return b""
        with open("/proc/self/mountinfo", "rb") as file:
            return file.read()

    def keeps_order(self, fd: int) -> bool:
        """Whether what is removed is so on the disk before its place there is given to something else.

        ext2, and ext4 without a journal, do not; nor is one seen where /sys
        and /proc are hidden.
        """
        if self._kind(fd) != EXT:
            return True
        try:
            device = os.fstat(fd).st_dev
            disk = os.path.basename(os.readlink(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"))
            return any(name.startswith(f"{disk}-") for name in os.listdir("/proc/fs/jbd2"))
        except OSError:
            return False

    def names_later(self, fd: int) -> bool:
        """Whether files of this file system can be made by `open_unnamed`, and are as durable as others.

        Not where nothing keeps the order: on the disk such a file counts as removed until its inode is written again.
        """
        return hasattr(os, "O_TMPFILE") and self._kind(fd) in NAMED_LATER and self.keeps_order(fd)

    def open_unnamed(self, directory: int, mode: int) -> int:
        """Make a file without a name on the file system of an open directory; it is gone when it is closed without one.

        The directory gives it what it gives to files that are made in it. Only where `names_later`.
        """
        return os.open(b".", os.O_RDWR | os.O_TMPFILE, mode & 0o777, dir_fd=directory)

    def name_new(self, fd: int, target: bytes, *, target_dir: int) -> None:
        """Give a file without a name one where nothing is; FileExistsError where something is.

        By its descriptor where the kernel lets this process do that (Linux 6.10), which takes four fifths of the time;
        else it needs /proc.
        """
        if self.names_by_descriptor:
            if self._linkat(fd, b"", target_dir, target, _AT_EMPTY_PATH) == 0:
                return
            number = ctypes.get_errno()
            if number not in _MAY_NOT_BY_DESCRIPTOR:
                raise OSError(number, os.strerror(number))
        os.link(b"/proc/self/fd/%d" % fd, target, dst_dir_fd=target_dir, follow_symlinks=True)
        self.names_by_descriptor = False  # it has failed where this has not

    def _kind(self, fd: int) -> int | None:
        """The statfs(2) type of a file system; None where it does not say."""
        buffer = ctypes.create_string_buffer(_STATFS_BYTES)
        if self._fstatfs is None or self._fstatfs(fd, buffer) != 0:
            return None
        kind: int = ctypes.c_long.from_buffer(buffer).value & _TYPE_BITS
        return kind

    def syncfs(self, fd: int) -> None:
        """Make all of `fd`'s file system durable; only where `syncs_whole`.

        An error is reported for whatever failed since `fd` was opened, so it
        must have been opened before the writes that count. The fsync is for
        ext4 without a journal: its syncfs writes inodes behind its last flush
        of the disk's cache, as a log of the disk's writes shows.
        """
        if self._syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        self.fsync(fd)

    def start_writeback(self, fd: int, offset: int, length: int) -> None:
        """Let the disk begin with these bytes, so that the fsync at the end finds little to do; a hint."""
        if self._sync_file_range is not None:
            self._sync_file_range(fd, offset, length, _SYNC_FILE_RANGE_WRITE)

    def await_writeback(self, fd: int, offset: int, length: int) -> None:
        """Return when the disk has written what `start_writeback` gave it of these bytes; they are not durable yet.

        OSError where it failed: an fsync would not report that again.
        """
        if self._sync_file_range is not None and self._sync_file_range(fd, offset, length, _SYNC_FILE_RANGE_WAIT) != 0:
            number = ctypes.get_errno()
            if number not in (errno.EPERM, *_NO_SUCH_CALL):  # EPERM: sandboxes of old
                raise OSError(number, os.strerror(number))

    def rename(
        self, source: bytes, target: bytes, *, source_dir: int | None = None, target_dir: int | None = None
    ) -> None:
        """Put `source` in the place of `target`, at once, on every system."""
        os.replace(source, target, src_dir_fd=source_dir, dst_dir_fd=target_dir)

    def rename_new(
        self, source: bytes, target: bytes, *, source_dir: int | None = None, target_dir: int | None = None
    ) -> None:
        """Rename where nothing is; FileExistsError where something is.

        Exact with renameat2(2), on Windows, and wherever hard links are;
        elsewhere (FAT on an old kernel) another program can come between.
        """
        if sys.platform == "win32":
            os.rename(source, target)
            return
        number = self._rename_by(_RENAME_NOREPLACE, source, target, source_dir, target_dir)
        if number in _NO_SUCH_CALL:
            self._link_new(source, target, source_dir, target_dir)
        elif number:
            raise OSError(number, os.strerror(number))

    def exchange(self, one: bytes, other: bytes, *, one_dir: int, other_dir: int) -> None:
        """Let two files take each other's place, at once. OSError with EOPNOTSUPP where that cannot be."""
        number = self._rename_by(_RENAME_EXCHANGE, one, other, one_dir, other_dir)
        if number:
            number = errno.EOPNOTSUPP if number in _NO_SUCH_CALL else number
            raise OSError(number, os.strerror(number))

    def _rename_by(
        self, flags: int, source: bytes, target: bytes, source_dir: int | None, target_dir: int | None
    ) -> int:
        """renameat2(2): 0, or what was wrong."""
        if self._renameat2 is None:
            return errno.ENOSYS
        at_source = _AT_FDCWD if source_dir is None else source_dir
        at_target = _AT_FDCWD if target_dir is None else target_dir
        return ctypes.get_errno() if self._renameat2(at_source, source, at_target, target, flags) else 0

    def _link_new(self, source: bytes, target: bytes, source_dir: int | None, target_dir: int | None) -> None:
        """`rename_new` where the kernel or the file system has no call for it."""
        try:
            self.link(source, target, source_dir=source_dir, target_dir=target_dir)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
        else:
            with contextlib.suppress(OSError):
                os.unlink(source, dir_fd=source_dir)
            return
        try:
            os.stat(target, dir_fd=target_dir, follow_symlinks=False)
        except FileNotFoundError:
            self.rename(source, target, source_dir=source_dir, target_dir=target_dir)
        else:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))

    def link(
        self, source: bytes, target: bytes, *, source_dir: int | None = None, target_dir: int | None = None
    ) -> None:
        """Give a file a second name, where nothing is; of a symbolic link the link itself."""
        os.link(source, target, src_dir_fd=source_dir, dst_dir_fd=target_dir, follow_symlinks=False)


def _kernel() -> tuple[int, ...]:
    """Linux's version; (0,) elsewhere."""
    if sys.platform != "linux":
        return (0,)
    release = os.uname().release.split("-")[0].split(".")
    return tuple(int(part) for part in release[:2] if part.isdigit())
