"""Disks that are mounted inside the root: their mount points are not removed, and their versions lie on them."""

from __future__ import annotations

import contextlib
import os
import subprocess

import attrs

from homeftp.accounts.access import Access
from homeftp.accounts.realm import Account
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Busy, Forbidden, NotFound, WrongKind
from homeftp.store.policy.rights import ALL, Rights
from tests.support import needs
from tests.support.flips import FlipCase, flip
from tests.support.mounts import MIB, held, image, memory, mounted, run
from tests.support.storecases import MoveCase
from tests.support.stores import damages_in, put_of


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


class UnmountedTests(MoveCase):
    """An ext4 that is mounted in the root, and unmounted while the store is open or closed."""

    def setUp(self) -> None:
        super().setUp()
        needs.device("/dev/loop-control")
        self.disk = image(f"{self.root}.img", 16 * MIB)
        run("mkfs.ext4", "-q", self.disk)

    def mount(self) -> contextlib.AbstractContextManager[str]:
        """Mount it."""
        return mounted(self.path("d/disk"), "-o", "loop", self.disk)

    def test_running(self) -> None:
        """A disk is remembered once it was seen; while it is away nothing reaches its mount point."""
        store = self.store()
        with self.mount():
            self.assertEqual(store.problems(), [])
            self.put(store, "d/disk/file", b"on the disk")
        with self.assertRaisesRegex(Busy, "is not mounted"):
            self.put(store, "d/disk/file", b"new")
        self.assertEqual(len(store.problems()), 1)
        self.assertEqual(os.listdir(self.path("d/disk")), [])
        self.put(store, "d/file", b"beside")
        with self.mount():
            self.assertEqual(store.problems(), [])
            self.put(store, "d/disk/file", b"new")
            self.assertEqual(self.content("d/disk/file"), b"new")

    def test_started(self) -> None:
        """A store that is opened while the disk is away knows it from before; the control has never seen it."""
        with self.mount():
            for seen in (False, True):
                store = self.store()
                if seen:
                    self.assertEqual(store.problems(), [])
                store.close()
                run("umount", self.path("d/disk"))
                store = self.store()
                if seen:
                    with self.assertRaises(Busy):
                        self.put(store, "d/disk/file", b"new")
                    self.assertEqual(os.listdir(self.path("d/disk")), [])
                else:
                    self.put(store, "d/disk/file", b"new")
                    os.unlink(self.path("d/disk/file"))
                store.close()
                run("mount", "-o", "loop", self.disk, self.path("d/disk"))

    def test_upload(self) -> None:
        """An upload that is under way when the disk is taken away is not committed on its mount point.

        The control is the same upload while the disk stays.
        """
        store = self.store()
        with self.mount():
            self.assertEqual(store.problems(), [])
            put, content = put_of("d/disk/file", b"x" * MIB)
            self.stream(store, "d/disk/control", content, piece=MIB)
            upload = store.upload(put)
            upload.write(content)
            run("umount", "--lazy", self.path("d/disk"))
            self.assertRaises(Busy, upload.commit)
            upload.abort()
            self.assertEqual(os.listdir(self.path("d/disk")), [])
            run("mount", "-t", "tmpfs", "tmpfs", self.path("d/disk"))  # it is unmounted after the block

    def test_moved(self) -> None:
        """A directory that is moved takes a mounted disk with it, which is missed at its new place."""
        store = self.store()
        with self.mount():
            self.assertEqual(store.problems(), [])
            self.move(store, "d", "e")
            self.put(store, "e/disk/file", b"on the disk")
            os.rename(self.path("e"), self.path("d"))
        os.rename(self.path("d"), self.path("e"))
        with self.assertRaises(Busy):
            self.put(store, "e/disk/file", b"new")
        self.put(store, "d/disk/file", b"new")


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

    def test_later(self) -> None:
        """A login ends where a folder that it must not see is mounted at a second place after it began."""
        self.lay("secret/file.txt")
        self.lay("public/file.txt")
        store = self.store()
        hidden = Rights(ALL, ((("secret",), frozenset()),))
        shown = Rights(frozenset(), (), ((("public",), ALL),))
        accounts = [Account("bob", store, Access(ROOT, rights)) for rights in (hidden, shown, Rights(ALL))]
        self.assertEqual([account.is_outdated() for account in accounts], [False] * 3, "the control")
        held(self, mounted(self.path("public/bound"), "--bind", self.path("secret")))
        self.assertIsNotNone(accounts[0].store.stat(parse("public/bound/file.txt")), "what is to be hidden")
        self.assertEqual([account.is_outdated() for account in accounts], [True, False, False])
        again = attrs.evolve(accounts[0])
        self.assertIsNone(again.store.stat(parse("public/bound/file.txt")), "a new login does not see it")
