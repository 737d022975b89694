"""Disks in files that tests make, mount and unmount beside each other."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet

from twisted.trial.unittest import SynchronousTestCase

from tests.support import loops, needs
from tests.support.mounts import MIB, held, image, memory, run
from tests.support.waiting import WITHIN


class LoopTests(SynchronousTestCase):
    """Two disks."""

    def setUp(self) -> None:
        needs.root()
        needs.device(loops.CONTROL)
        self.folder = os.path.abspath(self.mktemp())
        held(self, memory(self.folder, "size=64m"))
        self.disks = [image(os.path.join(self.folder, name), 16 * MIB) for name in ("one", "two")]
        for disk in self.disks:
            run("mkfs.ext4", "-q", disk)
            os.mkdir(f"{disk}.mounted")

    def mount(self, disk: str) -> int:
        """Mount a disk; the number of its loop device."""
        return loops.mount_disk(disk, f"{disk}.mounted", "ext4")

    def test_without_unmounts(self) -> None:
        """While mkfs.btrfs looks at the loop devices of all mounts, no disk is unmounted; then it is."""
        numbers = [self.mount(disk) for disk in self.disks]
        with ThreadPoolExecutor(1) as pool:
            with loops.without_unmounts():
                waits = pool.submit(loops.unmount_disk, self.disks[0], f"{self.disks[0]}.mounted", numbers[0])
                self.assertRaises(NotYet, waits.result, 0.1)
                self.assertTrue(os.path.ismount(f"{self.disks[0]}.mounted"))
            waits.result(WITHIN)
        self.assertFalse(os.path.ismount(f"{self.disks[0]}.mounted"))
        loops.unmount_disk(self.disks[1], f"{self.disks[1]}.mounted", numbers[1])

    def test_content(self) -> None:
        """What was written is in the file once its disk is unmounted, and a disk that is none is refused."""
        disk = self.disks[0]
        number = self.mount(disk)
        with open(f"{disk}.mounted/file", "wb") as file:
            file.write(b"content")
        loops.unmount_disk(disk, f"{disk}.mounted", number)
        number = self.mount(disk)
        self.assertEqual(set(os.listdir(f"{disk}.mounted")), {"lost+found", "file"})
        loops.unmount_disk(disk, f"{disk}.mounted", number)
        os.truncate(disk, 0)
        os.truncate(disk, MIB)
        self.assertRaises(OSError, self.mount, disk)
