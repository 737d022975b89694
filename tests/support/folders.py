"""Folders for tests that are not about the disk: in memory, where nothing waits for it."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import MIB

_MEMORY = "/dev/shm"

_LEAST_FREE = 512 * MIB
"""Less than that is not taken for tests: containers often have 64 MiB there."""


@functools.lru_cache(maxsize=1)
def memory_folder() -> str | None:
    """The folder in memory of this process; None where there is no space for one."""
    if not os.access(_MEMORY, os.W_OK) or shutil.disk_usage(_MEMORY).free < _LEAST_FREE:
        return None
    folder = tempfile.mkdtemp(prefix="homeftp-tests-", dir=_MEMORY)
    os.chmod(folder, 0o711)  # some tests work as another user in a folder that they open to it
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def quick_temp_dir() -> str:
    """A new folder, in memory where that is possible. Who makes it removes it; what is left goes with the process."""
    return tempfile.mkdtemp(dir=memory_folder() or os.getcwd())


def open_folder(case: SynchronousTestCase) -> tuple[str, int]:
    """A new folder of a test: its path, and a descriptor that is open until the test is over."""
    path = os.path.abspath(case.mktemp())
    os.mkdir(path)
    fd = os.open(path, os.O_RDONLY)
    case.addCleanup(os.close, fd)
    return path, fd


class QuickCase(SynchronousTestCase):
    """A test whose temporary files are in memory, and are removed when it is over."""

    def mktemp(self) -> str:
        """A path where nothing is yet."""
        folder = quick_temp_dir()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return os.path.join(folder, "temp")
