"""Disks that are mounted inside the root: their mount points are not removed, and their versions lie on them."""

from __future__ import annotations

import os
import subprocess

from homeftp.accounts.access import Access
from homeftp.accounts.realm import Account
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Forbidden, NotFound, WrongKind
from homeftp.store.policy.rights import ALL, Rights
from tests.support import needs
from tests.support.flips import FlipCase, flip
from tests.support.mounts import held, memory, mounted
from tests.support.storecases import MoveCase
from tests.support.stores import damages_in


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


class MountedVersionTests(FlipCase):
    """A version that lies on a disk that is mounted inside the root."""

    def test_mended(self) -> None:
        """It is mended on its own disk, and nothing is left beside it."""
        held(self, memory(self.path("disk"), "size=2m"))
        store = self.store()
        for name, content in (("disk/d/a", b"good"), ("disk/d/a", b"else"), ("copy", b"good")):
            self.put(store, name, content)
        (day,) = os.listdir(self.path("disk/.homeftp/versions"))
        (name,) = os.listdir(self.path(f"disk/.homeftp/versions/{day}/d"))
        version = f"disk/.homeftp/versions/{day}/d/{name}"
        flip(self.path(version), b"evil", self.cache_path)
        self.assertEqual([damage.mended for damage in damages_in(store)], [True])
        self.assertEqual((self.content(version), damages_in(store)), (b"good", []))
        self.assertEqual((sorted(os.listdir(self.path("disk"))), self.left()), ([".homeftp", "d"], []))


class BoundFolderTests(MoveCase):
    """A folder of the root that is mounted at a second place of it."""

    def test_grant(self) -> None:
        """What a grant hides is hidden at the second place too, and so is what lies in or around it."""
        self.lay("secret/deep/file.txt")
        self.lay("secret/file.txt")
        for source, at in (("secret", "public/bound"), ("secret/deep", "deep"), (".", "all")):
            held(self, mounted(self.path(at), "--bind", self.path(source)))
        store = self.store()
        account = Account("bob", store, Access(ROOT, Rights(ALL, ((("secret",), frozenset()),)))).store
        for path in ("secret", "public/bound", "deep", "all/secret", "all/secret/deep"):
            for name in (path, f"{path}/file.txt"):
                self.assertIsNotNone(store.stat(parse(name)), "the control: it exists")
                self.assertIsNone(account.stat(parse(name)), name)
            with self.assertRaises(NotFound):
                next(account.list(parse(path), True))
        seen = [entry.name for page in account.list(ROOT, True) for entry in page.entries]
        self.assertEqual(seen, ["all", "all/all", "all/deep", "all/public", "all/public/bound", "public"])
