"""A disk that does not distinguish case: no file is overwritten by another name."""

from __future__ import annotations

import os
import subprocess

from homeftp.config import MIB
from homeftp.errors import BadEndpoint
from homeftp.model import ABSENT
from tests.support import needs
from tests.support.stores import StoreCase


class CaseInsensitiveDiskTests(StoreCase):
    """An NTFS disk that ignores case."""

    def test_no_silent_overwrite(self) -> None:
        """A name that differs only in case from an existing file is refused, and the file stays."""
        needs.root()
        needs.device("/dev/fuse")
        image = f"{self.root}.img"
        with open(image, "wb") as file:
            file.truncate(4 * MIB)
        subprocess.run([needs.program("mkfs.ntfs"), "-q", "-F", image], check=True, capture_output=True)
        mount = [needs.program("lowntfs-3g"), "-o", "ignore_case", image, self.root]
        subprocess.run(mount, check=True, capture_output=True)
        self.addCleanup(subprocess.run, [needs.program("umount"), "--lazy", self.root], check=True)
        store = self.store()
        self.put(store, "Readme.txt", b"old")
        (name,) = (name for name in os.listdir(self.root) if name != ".homeftp")
        self.assertTrue(os.path.exists(self.path("README.TXT")), "the control: the disk does not tell them apart")
        other = "README.TXT" if name != "README.TXT" else "readme.txt"
        with self.assertRaisesRegex(BadEndpoint, f"'{name}'"):
            self.put(store, other, b"new")
        with self.assertRaisesRegex(BadEndpoint, f"'{name}'"):
            self.put(store, other, b"new", precondition=ABSENT)
        self.assertEqual(self.content(name), b"old")
        self.put(store, name, b"new")
        self.assertEqual(self.content(name), b"new")
