"""The version folders: one in the root, and one on each disk that is mounted inside it."""

from __future__ import annotations

import os

from homeftp.endpoint import ROOT, parse
from homeftp.store.local.disk.accounting import QuotaAccounting
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.versions.folders import VersionFolders
from tests.support.stores import StoreCase


class FoldersTests(StoreCase):
    """Folders of a root without a store."""

    def setUp(self) -> None:
        """Open the root."""
        super().setUp()
        os.makedirs(self.path("disk/d"))
        self.safe_root, self.metadata_dir = self.opened_root()

    def folders(self) -> VersionFolders:
        """The folders, as a start of the server finds them."""
        return VersionFolders(self.safe_root, self.metadata_dir, QuotaAccounting(self.safe_root, None))

    def test_root(self) -> None:
        """The root's own folder is always there, even if an owner removed it."""
        folders = self.folders()
        self.assertEqual(folders.mounts(), [ROOT])
        for _ in range(2):
            with folders.open(ROOT) as version_dir:
                there = os.stat(self.path(".homeftp/versions"))
                self.assertTrue(os.path.samestat(os.fstat(version_dir.fd), there))
            os.rmdir(self.path(".homeftp/versions"))

    def test_other_disk(self) -> None:
        """The folder of another disk is made when it is needed, durably, and remembered for the next start."""
        folders = self.folders()
        disk = parse("disk")
        with folders.open_if_exists(disk) as nothing:
            self.assertIsNone(nothing)
        durable: list[int] = []
        with folders.open(disk, make=lambda fd: durable.append(os.fstat(fd).st_ino)):
            pass
        made = [os.stat(self.path(name)).st_ino for name in ("disk", "disk/.homeftp")]
        self.assertEqual((durable, folders.mounts(), self.folders().mounts()), (made, [ROOT, disk], [ROOT, disk]))
        with folders.open(disk, make=durable.append):
            self.assertEqual(len(durable), 2, "a known one is durable already")

    def test_damaged(self) -> None:
        """A damaged list of disks costs only the lines that are damaged."""
        self.lay(".homeftp/mounts", b"disk\n../x\na\0b\n\nother/di")
        self.assertEqual(self.folders().mounts(), [ROOT, parse("disk"), parse("other/di")])

    def test_mount(self) -> None:
        """The mount of a directory is the root, or the topmost directory of its own disk, also after its removal."""
        folders = self.folders()
        self.assertEqual(folders.mount_of(DirHandle(-1, same_mount=True), parse("disk/d")), ROOT)
        self.assertEqual(folders.mount_at(parse("disk/none/none/file")), ROOT)
        self.lay("file")
        self.assertEqual(folders.mount_at(parse("file/below/it")), ROOT)
        self.assertTrue(folders.cache_path(parse("disk"), (b"day",)).endswith("/root/disk/.homeftp/versions/day"))
