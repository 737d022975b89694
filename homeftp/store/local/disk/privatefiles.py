"""Opens the files and folders of the server's own: temp files, partial uploads, versions and their records.

Each is opened by one name in a directory that is open already, and no symbolic link is followed. No client names one:
`endpoint` refuses these names.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from homeftp.metadata.modes import kept_mode
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.handles import close_on_error
from homeftp.store.local.disk.resolver import DIRECTORY
from homeftp.syscalls.disks import where_kept

CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


def create_file(directory: int, name: bytes, mode: int) -> int:
    """Create a new file and open it for reading and writing; never opens an existing one. Raises OSError."""
    return os.open(name, CREATE, mode & 0o777, dir_fd=directory)


def open_private_directory(parent: int, name: bytes) -> int:
    """Open a directory of the server's own with mode 0700, making it if it is missing. Raises OSError.

    A symbolic link or anything else in its place is refused.
    """
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
    fd = os.open(name, DIRECTORY, dir_fd=parent)
    with close_on_error(fd), where_kept():
        os.fchmod(fd, 0o700)
    return fd


def open_private_file(directory: int, name: bytes, *, writable: bool = False, make: bool = True) -> int:
    """Open a file of the server's own for reading, made with mode 0600 unless `make` is False. Raises OSError.

    With `writable` it is opened for writing too; its content stays.
    """
    flags = os.O_RDWR if writable else os.O_RDONLY
    return os.open(name, flags | (make and os.O_CREAT) | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600, dir_fd=directory)


def replace_private_file(directory: int, name: bytes, content: bytes) -> None:
    """Give a small file of the server's own this content, atomically and durably. Raises OSError."""
    new = name + b".new"
    fd = open_private_file(directory, new, writable=True)
    try:
        os.ftruncate(fd, 0)
        if os.write(fd, content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(fd)
    finally:
        close_quietly(fd)
    os.rename(new, name, src_dir_fd=directory, dst_dir_fd=directory)
    os.fsync(directory)


def complete_mode(directory: int, name: bytes, found: os.stat_result) -> None:
    """Give a file in a folder of the server's own the bits of `kept_mode`, unless it is another user's. OSError.

    It may date from before every mode had them, or another program took them away.
    """
    mode = stat.S_IMODE(found.st_mode) | kept_mode("file", found.st_mode)
    if mode != stat.S_IMODE(found.st_mode) and found.st_uid == os.geteuid():
        with where_kept():
            os.chmod(name, mode, dir_fd=directory)


def make_private_link(directory: int, name: bytes, text: bytes) -> None:
    """Make a symbolic link of the server's own that leads nowhere: its text is what it says. Raises OSError."""
    os.symlink(text, name, dir_fd=directory)


def read_private_link(directory: int, name: bytes) -> bytes:
    """The text of a symbolic link, which is not followed. Raises OSError."""
    return os.readlink(name, dir_fd=directory)
