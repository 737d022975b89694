"""A directory with another disk mounted in it is not removed."""

from __future__ import annotations

import os
import subprocess

from homeftp.errors import (
    Forbidden,
    WrongKind,
)
from tests.support import needs
from tests.support.storecases import MoveCase


class MountPointTests(MoveCase):
    """A mount point."""

    def test_mounted(self) -> None:
        """A directory in which another disk is mounted is neither removed nor moved, and neither is the mount point."""
        needs.root()
        self.lay("d/e/file.txt")
        os.mkdir(self.path("d/disk"))
        where = self.path("d/disk")
        subprocess.run([needs.program("mount"), "-t", "tmpfs", "tmpfs", where], check=True)
        self.addCleanup(subprocess.run, [needs.program("umount"), "--lazy", where], check=True)
        self.lay("d/disk/there.txt")
        store = self.store()
        for name in ("d", "d/disk"):
            with self.assertRaisesRegex(WrongKind, "another disk is mounted at d/disk"):
                self.remove(store, name, recursive=True)
        with self.assertRaisesRegex(Forbidden, "another disk"):
            self.move(store, "d/disk", "elsewhere")
        self.assertEqual((self.versions(store), self.content("d/disk/there.txt")), ([], b"old"))
        self.remove(store, "d/disk/there.txt")
        with self.assertRaisesRegex(Forbidden, "another disk"):
            self.remove(store, "d/disk")
