"""Paths for the UNIX sockets of tests. The kernel allows 107 bytes, and a test's own folder can be deeper than that."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase


def socket_path(case: SynchronousTestCase) -> str:
    """A short path at which nothing is, in a folder of its own that is removed after the test."""
    folder = tempfile.mkdtemp()
    case.addCleanup(shutil.rmtree, folder)
    return os.path.join(folder, "socket")
