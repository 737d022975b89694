"""A mounted file system whose disk writes down what it is told."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import Iterator

import attrs

from tests.support.processes import environment
from tests.system.powercut.filesystems import FileSystem
from tests.system.powercut.log import Log

_WITHIN = 30.0


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


@contextlib.contextmanager
def _disk(image: str, log: str, point: str) -> Iterator[None]:
    """The process behind the disk. It is killed when this process ends, and ignores Ctrl-C."""
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "tests.system.powercut.disk", image, log, point],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise AssertionError("the disk did not start")
        try:
            yield
        finally:
            subprocess.run(["umount", point], check=True)
        if process.wait(_WITHIN):
            raise AssertionError(f"the disk ended with status {process.returncode}")
    finally:
        process.kill()
        process.communicate()
