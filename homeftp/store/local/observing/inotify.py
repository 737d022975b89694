"""Three calls of Linux, inotify(7): which names in a directory are changed, by whichever program.

docs/decisions/watch.rst says why no library.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from typing import Any, NamedTuple

from homeftp.store.local.disk.errnos import close_quietly

MODIFY, ATTRIB, CLOSE_WRITE = 0x2, 0x4, 0x8
MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x40, 0x80, 0x100, 0x200
UNMOUNT, Q_OVERFLOW, IGNORED = 0x2000, 0x4000, 0x8000
ISDIR = 0x40000000

_ONLYDIR, _EXCL_UNLINK = 0x01000000, 0x04000000
"""The second leaves out what is written to files that have no name, such as those that are being uploaded. The kernel
tells all the same when the mode or the time of one is set."""

_MASK = MODIFY | ATTRIB | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE | _ONLYDIR | _EXCL_UNLINK

_HEAD = struct.Struct("iIII")
"""The descriptor of the watch, the mask, a cookie, and the bytes of the name behind it."""

_READ = 64 * 1024
"""Bytes of events that are read at once: a few thousand. The kernel keeps 16,384 events, and then says that more were
lost."""


class Event(NamedTuple):
    """One change."""

    watch: int
    mask: int
    name: bytes
    """In the directory; empty for the directory itself."""


class Inotify:
    """One queue of events. Raises OSError, of the kernel's, or ENOSYS where there is none."""

    def __init__(self) -> None:
        libc: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._libc = libc
        if libc is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        self.fd = self._checked(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def add(self, directory: int) -> int:
        """Watch an open directory; returns the number of the watch, the same as before for the same directory."""
        # By its descriptor, and so never another directory that has taken its place.
        path = f"/proc/self/fd/{directory}".encode()
        return self._checked(self._libc.inotify_add_watch(self.fd, path, _MASK))

    def remove(self, watch: int) -> None:
        """Watch a directory no more."""
        self._checked(self._libc.inotify_rm_watch(self.fd, watch))

    def read(self) -> list[Event]:
        """The next events, none where there are none."""
        try:
            data = os.read(self.fd, _READ)
        except BlockingIOError:
            return []
        events, at = [], 0
        while at < len(data):
            watch, mask, _, size = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            events.append(Event(watch, mask, data[at : at + size].rstrip(b"\0")))
            at += size
        return events

    def close(self) -> None:
        """Close the queue. May be called twice."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            close_quietly(fd)

    def _checked(self, result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
