"""Disks in files, mounted by system calls: to start mount(8) takes longer than most of what a test does with a disk.

mkfs.btrfs asks the loop device of every mount that it can see which file it holds, and fails where one is released
meanwhile ("cannot check mount status of ...: No such device"). So it runs in a block of `without_unmounts`, for which
whoever unmounts a disk waits, in all processes of tests: the lock is on the device that gives out loop devices.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import struct
from typing import Iterator

from tests.support.waiting import wait_until

CONTROL = "/dev/loop-control"

_GET_FREE, _CONFIGURE = 0x4C82, 0x4C0A
_AUTOCLEAR = 4
_CONFIG = struct.Struct("@II 5Q 4I 64s 64s 32s 2Q 8Q")
"""struct loop_config: a descriptor, the size of blocks, struct loop_info64, of which only the flags are set."""

_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)
_text = ctypes.c_char_p
_libc.mount.argtypes = _text, _text, _text, ctypes.c_ulong, _text
_libc.umount2.argtypes = _text, ctypes.c_int


def mount(source: str, point: str, kind: str, options: str = "") -> None:
    """Mount a file system of this kind; options are those that it has itself, such as `size=1m`."""
    _check(_libc.mount(*map(os.fsencode, (source, point, kind)), 0, options.encode()), f"mount {source} {point}")


def unmount(point: str, *, lazily: bool = False) -> None:
    """Unmount what is there; lazily, even if it is still in use."""
    with unmounting():
        _unmount(point, _DETACH if lazily else 0)


@contextlib.contextmanager
def without_unmounts() -> Iterator[None]:
    """In the block nothing is unmounted by another thread or process of tests."""
    with _held(fcntl.LOCK_EX):
        yield


def unmounting() -> contextlib.AbstractContextManager[None]:
    """A block in which something is unmounted."""
    return _held(fcntl.LOCK_SH)


def mount_disk(image: str, point: str, kind: str, options: str = "") -> int:
    """Mount the disk in a file; returns the number of its loop device, which lasts as long as the mount."""
    device, number = _attach(image)
    try:
        mount(f"/dev/loop{number}", point, kind, options)
    finally:
        os.close(device)
    return number


def unmount_disk(image: str, point: str, number: int) -> None:
    """Unmount it, and wait until its loop device has released it.

    Where another program has the device open at that moment (blkid, losetup),
    it stays a while; the next mount of the same file might read from its cache what
    the file does not hold any more.
    """
    with unmounting():
        _unmount(point, 0)
        wait_until(lambda: not _holds(number, image), lambda: f"something uses loop device {number}", every=0.001)


@contextlib.contextmanager
def _held(how: int) -> Iterator[None]:
    with open(CONTROL, "rb") as file:
        fcntl.flock(file, how)
        yield


def _attach(image: str) -> tuple[int, int]:
    """A free loop device that holds the file: a descriptor, and its number. It is released with the last user."""
    with open(image, "rb+") as file, open(CONTROL, "rb") as control:
        config = _CONFIG.pack(file.fileno(), 0, *[0] * 8, _AUTOCLEAR, os.fsencode(image)[:63], b"", b"", *[0] * 10)
        while True:
            number = fcntl.ioctl(control, _GET_FREE)
            device = os.open(f"/dev/loop{number}", os.O_RDWR)
            try:
                fcntl.ioctl(device, _CONFIGURE, config)
            except OSError as error:
                os.close(device)
                if error.errno != errno.EBUSY:  # another process has taken it meanwhile
                    raise
            else:
                return device, number


def _holds(number: int, image: str) -> bool:
    try:
        with open(f"/sys/block/loop{number}/loop/backing_file", encoding="utf-8", errors="replace") as file:
            return file.read().strip() == os.path.realpath(image)
    except OSError:
        return False


def _unmount(point: str, flags: int) -> None:
    _check(_libc.umount2(os.fsencode(point), flags), f"umount {point}")


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
