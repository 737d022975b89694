"""Syncs of folders in which disks are mounted, with real mounts."""

from __future__ import annotations

import os

from tests.support.mounts import memory
from tests.support.syncs import SyncCase


class SyncMountsTests(SyncCase):
    """A disk is mounted in the folder, and was synced."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("1", "2", "3"):
            self.ann.put(name, name.encode())
        self.disk = os.path.join(self.ann.path, "disk")
        with memory(self.disk, "size=1m"):
            self.ann.put("disk/a", b"a")
            self.ann.put("disk/b/c", b"c")
            self.sync(self.ann)
            self.assert_in_step()
        self.before = self.there()

    def assert_left(self, reason: str) -> None:
        """A sync leaves the disk's files on the server, and says why, time and again."""
        for _ in range(2):
            self.sync(self.ann)
            self.assertEqual(self.there(), self.before)
            self.assertEqual({name for name, outcome in self.outcomes().items() if not outcome.done}, {"disk"})
            self.assertIn(reason, self.results[0].reason)

    def test_stray(self) -> None:
        """A program has written into the mount point while the disk is away."""
        self.ann.put("disk/stray", b"stray")
        self.assert_left("a disk was mounted here")
        self.sync(self.ann, max_delete=2)
        self.assertEqual(self.there(), {"1": b"1", "2": b"2", "3": b"3", "disk": None, "disk/stray": b"stray"})
        self.assert_in_step()

    def test_missing(self) -> None:
        """The mount point has gone with the disk."""
        os.rmdir(self.disk)
        self.assert_left("a disk was mounted here")

    def test_other(self) -> None:
        """Another disk of the same kind is mounted: its top folder has the same inode."""
        with memory(self.disk, "size=1m"):
            os.mkdir(os.path.join(self.disk, "lost+found"))
            self.assert_left("is it the right one?")

    def test_back(self) -> None:
        """When the disk is back, with what was done on it meanwhile, that is synced. The control: deletions too."""
        self.assert_left("a disk was mounted here")
        with memory(self.disk, "size=1m"):
            self.ann.put("disk/a", b"edited")
            self.sync(self.ann)
            self.assertEqual(self.there(), {"1": b"1", "2": b"2", "3": b"3", "disk": None, "disk/a": b"edited"})
            self.assert_in_step()
