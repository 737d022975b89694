"""System calls that depend on the type of a mounted file system."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from homeftp.syscalls import System
from tests.support.mounts import ext4, memory


class SyncTests(SynchronousTestCase):
    """Durability."""

    def test_order(self) -> None:
        """A journal is found where there is one, and only there."""
        for disk, expected in (
            (ext4(os.path.abspath(self.mktemp())), True),
            (ext4(os.path.abspath(self.mktemp()), "-O", "^has_journal"), False),
            (memory(os.path.abspath(self.mktemp()), "size=1m"), True),
        ):
            with disk as path:
                fd = os.open(path, os.O_RDONLY)
                found = System().keeps_order(fd)
                os.close(fd)
            self.assertEqual(found, expected)
