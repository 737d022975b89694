"""Small file systems for tests, mounted for as long as a test lasts; only root may."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import subprocess
import tempfile
from typing import Iterator, TypeVar

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support import loops, needs
from tests.support.processes import WITHIN

MIB = 2**20

T = TypeVar("T")


def run(program: str, *arguments: str) -> str:
    """Run one of the machine's programs, and give what it prints; what it complains of is in the exception."""
    command = [needs.program(program), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, check=False)
    if ended.returncode:
        raise OSError(f"{' '.join(command)}: {ended.stderr.strip()}")
    return ended.stdout


def image(path: str, size: int) -> str:
    """A file of so many bytes to make a file system in; it takes what is written of it."""
    with open(path, "xb") as file:
        file.truncate(size)
    return path


@contextlib.contextmanager
def mounted(path: str, *arguments: str) -> Iterator[str]:
    """A file system at `path`, a folder that is made; unmounted afterwards, even if it is still in use."""
    needs.root()
    os.makedirs(path, exist_ok=True)
    run("mount", *arguments, path)
    try:
        yield path
    finally:
        with loops.unmounting():
            try:
                run("umount", path)
            except OSError:
                run("umount", "--lazy", path)


@contextlib.contextmanager
def memory(path: str, options: str) -> Iterator[str]:
    """A tmpfs."""
    needs.root()
    os.makedirs(path, exist_ok=True)
    loops.mount("tmpfs", path, "tmpfs", options)
    with _left(path):
        yield path


@contextlib.contextmanager
def _disk(path: str, image: str, kind: str) -> Iterator[str]:
    """The file system in an image."""
    os.makedirs(path, exist_ok=True)
    loops.mount_disk(image, path, kind)
    with _left(path):
        yield path


@contextlib.contextmanager
def _left(path: str) -> Iterator[None]:
    """Unmounted after the block."""
    try:
        yield
    finally:
        try:
            loops.unmount(path)
        except OSError:
            loops.unmount(path, lazily=True)


@contextlib.contextmanager
def btrfs(path: str, size: int = 128 * MIB) -> Iterator[str]:
    """A btrfs in an image beside `path`; 128 MiB is about the smallest there is."""
    needs.root()
    needs.device("/dev/loop-control")
    disk = image(f"{path}.img", size)
    with loops.without_unmounts():
        run("mkfs.btrfs", "-q", disk)
    with contextlib.ExitStack() as stack:
        needs.require("a kernel that mounts btrfs", lambda: _entered(stack, _disk(path, disk, "btrfs")))
        yield path


@contextlib.contextmanager
def ext4(path: str, *options: str) -> Iterator[str]:
    """An ext4 in an image beside `path`, made with these options."""
    needs.root()
    needs.device("/dev/loop-control")
    disk = image(f"{path}.img", 16 * MIB)
    run("mkfs.ext4", "-q", *options, disk)
    with _disk(path, disk, "ext4"):
        yield path


@functools.lru_cache(maxsize=1)
def quick_folder() -> str:
    """A folder for the tests of this process that sync a lot, on a disk in memory; on a real one without mounts.

    The disk has an ext4 without a journal, which has us sync all that we
    would sync anywhere. What is left in the folder when the process exits goes
    to where all tests leave their files, for a person to look at.
    """
    kept = tempfile.mkdtemp(prefix="quick-", dir=os.getcwd())
    stack = contextlib.ExitStack()
    try:
        folder = stack.enter_context(_disk_in_memory(f"{kept}.disk"))
    except (OSError, SkipTest):
        return kept
    stack.callback(shutil.copytree, folder, kept, symlinks=True, dirs_exist_ok=True)
    atexit.register(stack.close)
    return folder


@contextlib.contextmanager
def _disk_in_memory(path: str) -> Iterator[str]:
    needs.root()
    needs.device("/dev/loop-control")
    mkfs = ("mkfs.ext4", "-q", "-b", "4096", "-O", "^has_journal", "-E", "lazy_itable_init=0")
    with memory(f"{path}.memory", "size=1g,mode=700") as below:
        disk = image(os.path.join(below, "image"), 512 * MIB)
        run(*mkfs, disk)
        with _disk(path, disk, "ext4"):
            os.rmdir(os.path.join(path, "lost+found"))
            yield path


@contextlib.contextmanager
def ntfs(path: str, *options: str, driver: str = "lowntfs-3g") -> Iterator[str]:
    """Windows's file system in an image beside `path`, by one of the two drivers of ntfs-3g."""
    needs.root()
    needs.device("/dev/fuse")
    needs.program(driver)
    disk = image(f"{path}.img", 16 * MIB)
    run("mkfs.ntfs", "--fast", "--force", "--quiet", disk)
    with mounted(path, "-t", driver, *options, disk):
        yield path


@contextlib.contextmanager
def exfat(path: str) -> Iterator[str]:
    """The file system of SD cards in an image beside `path`: no modes, and times of whole seconds at best."""
    needs.root()
    needs.device("/dev/fuse")
    needs.device("/dev/loop-control")
    needs.program("mount.exfat-fuse")
    disk = image(f"{path}.img", 16 * MIB)
    run("mkfs.exfat", disk)
    with mounted(path, "-t", "exfat-fuse", "-o", "loop", disk):
        yield path


def held(case: SynchronousTestCase, context: contextlib.AbstractContextManager[T]) -> T:
    """Enter a context and stay in it until the test is over."""
    stack = contextlib.ExitStack()
    case.addCleanup(stack.close)
    return stack.enter_context(context)


def _entered(stack: contextlib.ExitStack, context: contextlib.AbstractContextManager[object]) -> bool:
    try:
        stack.enter_context(context)
    except OSError:
        return False
    return True
