"""What the disks of local files keep is learned in their folders."""

from __future__ import annotations

import os

from homeftp.client.files.disks import learn_disks, learn_folder
from homeftp.client.files.model import FileStat
from homeftp.metadata.kept import EXACT
from homeftp.syscalls.disks import Disks
from tests.support.coarsedisks import CoarseDisk
from tests.support.folders import QuickCase


class LearnTests(QuickCase):
    """A folder with a file on a coarse disk."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        self.path = os.path.join(self.folder, "a")
        with open(self.path, "wb"):
            pass
        self.device = os.stat(self.path).st_dev

    def test_learn(self) -> None:
        """It is learned from a file as from a folder, and nothing is left there."""
        for path in (self.path, self.folder):
            disks = Disks(CoarseDisk())
            learn_disks(disks, [FileStat("a", path, os.stat(path))])
            self.assertFalse(disks.of(self.device).modes)
        disks = Disks(CoarseDisk())
        learn_folder(disks, self.folder)
        self.assertFalse(disks.of(self.device).modes)
        self.assertEqual(os.listdir(self.folder), ["a"])

    def test_gone(self) -> None:
        """A folder that was removed meanwhile is left out."""
        disks = Disks(CoarseDisk())
        learn_disks(disks, [FileStat("a", f"{self.folder}/missing/a", os.stat(self.path))])
        learn_folder(disks, f"{self.folder}/missing")
        self.assertEqual(disks.of(self.device), EXACT)
