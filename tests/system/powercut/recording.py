"""A mounted file system whose disk writes down what it is told."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
from typing import Iterator

import attrs

from tests.support import loops
from tests.system.powercut.disk import Disk, mount
from tests.system.powercut.filesystems import FileSystem
from tests.system.powercut.log import Log

_WITHIN = 30.0

_PR_SET_PDEATHSIG = 1

FORKING = multiprocessing.get_context("fork")
"""Processes that need not import anything again."""


@attrs.frozen
class Recording:
    """What runs while the block is."""

    mounted: str
    """The path of the file system's root."""
    log: Log


@contextlib.contextmanager
def recording(system: FileSystem, image: str, folder: str) -> Iterator[Recording]:
    """Mount the disk in `image`, changing it, and log what goes to it; `folder` is for the log and the mount points."""
    fuse, mounted, log = (os.path.join(folder, name) for name in ("fuse", "recorded", "log"))
    os.mkdir(fuse)
    os.mkdir(mounted)
    with _disk(image, log, fuse), system.mounted(os.path.join(fuse, "disk"), mounted):
        yield Recording(mounted, Log(log))


def end_with_parent() -> None:
    """Have this process killed when its parent ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


@contextlib.contextmanager
def _disk(image: str, log: str, point: str) -> Iterator[None]:
    """The process behind the disk. It is killed when this process ends, and ignores Ctrl-C."""
    reading, writing = os.pipe()
    process = FORKING.Process(target=_be_the_disk, args=(image, log, point, writing))
    process.start()
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as output:
            if output.readline() != b"ready\n":
                raise AssertionError("the disk did not start")
        try:
            yield
        finally:
            loops.unmount(point)
        process.join(_WITHIN)
        if process.exitcode:
            raise AssertionError(f"the disk ended with status {process.exitcode}")
    finally:
        process.kill()
        process.join()


def _be_the_disk(image: str, log: str, point: str, output: int) -> None:
    end_with_parent()
    os.setsid()
    os.dup2(output, 1)
    mount(Disk(image, log), point)
