"""The owner, group, ACL and mode that a file gets from its place, as if it had been created or rewritten there.

A file may be written in a folder of the server's own and then renamed; then the system does not do what it does for a
file that is created in place: the group comes from a set-group-ID directory (inode(7)), the access ACL from the default
ACL of the directory (acl(5), "Object creation and default ACLs"). A file that is replaced keeps its owner and group, as
one that is rewritten does.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import sys
from typing import Iterator

import msgspec

from homeftp.metadata.modes import MODE_BITS, kept_mode
from homeftp.store.local.disk.handles import DirHandle
from homeftp.syscalls.disks import Disks

NEW_FILE_MODE = 0o644
"""The mode of files that are written without one, independent of the umask."""

_NEW_WITH_ACL = 0o666
"""With what mode programs create files; a default ACL, where there is one, takes the place of the umask."""

_DEFAULT, _ACCESS = "system.posix_acl_default", "system.posix_acl_access"

_HEADER = struct.Struct("<I")
_ENTRY = struct.Struct("<HHI")
"""Tag, permissions and identity of one entry: the kernel's include/uapi/linux/posix_acl_xattr.h."""

_MAY_NOT = (errno.EPERM, errno.EACCES, errno.EINVAL)
"""How a change of owner, group or ACL is refused; EINVAL for an owner that a user namespace does not map."""

_NO_ACL = (errno.ENODATA, errno.ENOTSUP, errno.ENOSYS, *_MAY_NOT)
"""How an ACL is refused of what has none, or whose file system knows none."""

_USER_OBJ, _GROUP_OBJ, _MASK, _OTHER = 0x01, 0x04, 0x10, 0x20

_CLASSES = {_USER_OBJ: 6, _GROUP_OBJ: 3, _MASK: 3, _OTHER: 0}
"""The entries that a mode limits, and where their bits are in it."""


class Inheritance(msgspec.Struct, frozen=True):
    """The owner, group, ACL and mode that the files of one directory get from it."""

    disks: Disks
    group: int | None
    """The group of a set-group-ID directory."""
    acl: bytes | None
    """Its default ACL, or the ACL of a file, as the system encodes it."""

    @classmethod
    def of(cls, disks: Disks, handle: DirHandle) -> Inheritance:
        """The inheritance from an open directory. Raises OSError."""
        found = os.fstat(handle.fd)
        return cls(disks, found.st_gid if found.st_mode & stat.S_ISGID else None, _acl(handle.fd, _DEFAULT))

    @classmethod
    def of_file(cls, disks: Disks, fd: int) -> Inheritance:
        """The inheritance from an open file, for the file that is to replace it. Raises OSError."""
        return cls(disks, None, _acl(fd, _ACCESS))

    def apply(self, fd: int, found: os.stat_result, mode: int | None, replaced: os.stat_result | None) -> None:
        """Set owner, group, ACL and mode of an open file: the `mode` that was asked for, or that of the replaced file.

        `found` is its stat. An owner or group that the server's user may not set, and an ACL that
        the disk does not keep, is left out. Raises OSError.
        """
        if replaced is not None:
            _give(fd, found, replaced.st_uid, replaced.st_gid)
            mode = replaced.st_mode & MODE_BITS if mode is None else mode
        elif self.group is not None:
            _give(fd, found, -1, self.group)
        if self.acl is not None and sys.platform == "linux":
            with _permitted():
                os.setxattr(fd, _ACCESS, created_acl(self.acl, _NEW_WITH_ACL if mode is None else mode))
            found = os.fstat(fd)
            if mode is None:
                mode = found.st_mode
        self.disks.set_mode(fd, kept_mode("file", NEW_FILE_MODE if mode is None else mode), found)


def created_acl(default: bytes, mode: int) -> bytes:
    """The access ACL of a file that is created with `mode` in a directory with that default ACL.

    The entries of the mode's three classes have no permission that it lacks;
    the mask, where there is one, stands for the group's.
    """
    mode = kept_mode("file", mode)
    entries = list(_ENTRY.iter_unpack(default[_HEADER.size :]))
    limited = dict(_CLASSES)
    if any(tag == _MASK for tag, _, _ in entries):
        del limited[_GROUP_OBJ]
    created = [
        _ENTRY.pack(tag, permissions & mode >> limited[tag] if tag in limited else permissions, identity)
        for tag, permissions, identity in entries
    ]
    return default[: _HEADER.size] + b"".join(created)


def _acl(fd: int, kind: str) -> bytes | None:
    """An ACL of an open file or directory; None where it has none, or its file system knows none. Raises OSError."""
    if sys.platform != "linux":
        return None
    try:
        return os.getxattr(fd, kind)
    except OSError as error:
        if error.errno not in _NO_ACL:
            raise
        return None


def _give(fd: int, found: os.stat_result, owner: int, group: int) -> None:
    """Give an open file to its owner and group, or to the group alone, as far as the server's user may. OSError."""
    wanted = [(owner, -1)] if owner not in (-1, found.st_uid) else []
    for each in [*wanted, (-1, group)] if group != found.st_gid else wanted:
        with _permitted():
            os.fchown(fd, *each)


@contextlib.contextmanager
def _permitted() -> Iterator[None]:
    """Ignore that the server's user may not do this. Raises every other OSError."""
    try:
        yield
    except OSError as error:
        if error.errno not in _MAY_NOT:
            raise
