"""File systems that have a second, short name for a file: DOS's eight letters and three (Git's CVE-2019-1353)."""

from __future__ import annotations

import os

from homeftp.endpoint import parse
from homeftp.errors import Refusal
from tests.support.mounts import held, ntfs
from tests.support.stores import StoreCase, put_of

SHORT = "HOMEFT~1"
"""What Windows, and Linux's vfat, call .homeftp besides."""


class ShortNameTests(StoreCase):
    """B9: a root on a disk that Windows has written to."""

    def setUp(self) -> None:
        """A root on NTFS, where the metadata directory has a short name."""
        super().setUp()
        held(self, ntfs(self.root))

    def test_short_name(self) -> None:
        """No client reaches the metadata directory by its short name."""
        store = self.store()
        own = self.path(".homeftp")
        os.setxattr(own, "system.ntfs_dos_name", SHORT.encode())
        lock = os.stat(f"{own}/lock").st_ino
        self.assertEqual(os.stat(self.path(f"{SHORT}/lock")).st_ino, lock, "the control: it is that folder's name")
        for name in (SHORT, f"{SHORT}/lock", f"{SHORT.lower()}/lock"):
            with self.assertRaises(Refusal):
                store.stat(parse(name))
        with self.assertRaises(Refusal):
            next(store.list(parse(SHORT), True))
        with self.assertRaises(Refusal):
            store.write_many([put_of(f"{SHORT}/lock", b"mine")])
        self.assertEqual(os.stat(f"{own}/lock").st_ino, lock)
