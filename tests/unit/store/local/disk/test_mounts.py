"""What is mounted inside the root, or is missing there, and the paths of a folder that is mounted at several."""

from __future__ import annotations

import errno
import os
from functools import partial
from typing import Any, Callable, Collection

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import ROOT as TOP
from homeftp.endpoint import parse
from homeftp.errors import Busy, WrongKind
from homeftp.model import WriteRequest
from homeftp.store.local.disk.mounts import Parts, mounted_parts, paths
from homeftp.store.local.store import LocalStore
from homeftp.syscalls import System
from tests.support import needs
from tests.support.stores import StoreCase, Walking, content_of, put_of

ROOT = "/srv/the share"

MOUNTINFO = rb"""22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:5 / /proc rw - proc proc rw
30 22 8:2 / /srv rw shared:1 - ext4 /dev/sda2 rw
31 30 8:2 /the\040share/secret /srv/the\040share/public/bound rw - ext4 /dev/sda2 rw
32 30 8:2 /the\040share/secret/deep/er /srv/the\040share/deep rw - ext4 /dev/sda2 rw
33 30 8:2 /the\040share /srv/the\040share/people/bob/all rw - ext4 /dev/sda2 rw
34 30 8:3 / /srv/the\040share/disk rw - ext4 /dev/sdb1 rw
35 30 8:3 /photos /srv/the\040share/photos rw - ext4 /dev/sdb1 rw
36 30 8:1 /the\040share/secret /srv/the\040share/other rw - ext4 /dev/sda1 rw
37 30 8:2 /elsewhere /srv/elsewhere rw - ext4 /dev/sda2 rw
"""


class PlacesTests(SynchronousTestCase):
    """Bind mounts beneath the root."""

    def places(self, path: str, mountinfo: bytes = MOUNTINFO, root: str = ROOT) -> list[str]:
        """The paths of a folder."""
        folder: Parts = tuple(path.split("/"))
        return ["/".join(parts) for parts in paths(folder, mounted_parts(mountinfo, root))]

    def test_bound(self) -> None:
        """A folder is found where it, a part of it, or a folder above it is mounted, and nowhere else."""
        expected = {
            "secret": ["secret", "people/bob/all/secret", "public/bound", "deep"],
            "secret/deep": ["secret/deep", "people/bob/all/secret/deep", "public/bound/deep", "deep"],
            "public/bound": ["public/bound", "secret", "people/bob/all/secret", "deep"],
            "disk/photos/x": ["disk/photos/x", "photos/x"],
            "photos": ["photos", "disk/photos"],
            "none": ["none", "people/bob/all/none"],
            "other": ["other"],
        }
        for path, found in expected.items():
            self.assertEqual(sorted(self.places(path)), sorted(found), path)
            self.assertEqual(self.places(path)[0], path)

    def test_root_is_a_mount(self) -> None:
        """A root that is itself a mount point, or the top of everything."""
        self.assertEqual(self.places("photos", root="/srv/the share/disk"), ["photos"])
        self.assertEqual(self.places("bound", root="/srv/the share/public"), ["bound"])
        self.assertIn("srv/the share/public/bound", self.places("srv/the share/secret", root="/"))

    def test_unknown(self) -> None:
        """Without mountinfo a folder has the one path that it is given."""
        self.assertEqual(self.places("secret", b""), ["secret"])

    def test_disks(self) -> None:
        """Of what is mounted only file systems that keep files are disks."""
        kinds = (b"ext4", b"tmpfs", b"nfs4", b"overlay", b"fuse.sshfs", b"proc")
        lines = [b"1 0 8:1 / / rw - ext4 /dev/sda1 rw"]
        lines += [b"2 1 0:1 / /srv/%b rw shared:1 - %b source rw" % (kind, kind) for kind in kinds]
        found = mounted_parts(b"\n".join(lines), "/srv")
        self.assertEqual([part.at for part in found if part.is_disk], [(), ("ext4",), ("nfs4",), ("fuse.sshfs",)])


class Mounting(System):
    """Reports that something is mounted at folders with these names; what is opened there is the folder beneath it."""

    def __init__(self, names: Collection[bytes], mountinfo: bytes = b"") -> None:
        super().__init__()
        self.names = names
        self.mountinfo = mountinfo

    def openat2(self, directory: int, path: bytes, flags: int, *, beneath: bool = True, **options: Any) -> int:
        if not beneath and path in self.names:  # only whether something is mounted there is asked like this
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return super().openat2(directory, path, flags, beneath=beneath, **options)

    def mounts(self) -> bytes:
        return self.mountinfo


class MissingDiskTests(StoreCase):
    """A store with a disk at `d/disk` that is not mounted: its mount point is an empty folder."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("file", "d/file"):
            self.lay(name)
        os.mkdir(self.path("d/disk"))
        self.store().close()
        self.lay(".homeftp/mounts", b"d/disk\n")

    def assert_refused(self, store: LocalStore, name: str) -> None:
        """Every operation there is refused because the disk is missing."""
        endpoint = parse(name)
        put, content = put_of(name, b"content")
        acts: dict[str, Callable[[], object]] = {
            "stat": partial(store.stat, endpoint),
            "open": partial(store.open, endpoint),
            "list": lambda: list(store.list(endpoint, True)),
            "versions": lambda: list(store.versions(endpoint)),
            "verify": lambda: list(store.verify(endpoint)),
            "upload": partial(store.upload, put),
            "edit": partial(store.edit, put),
            "make": partial(store.make_directory, WriteRequest(endpoint=endpoint)),
            "metadata": partial(store.set_metadata, endpoint, mtime_us=0, mode=None, precondition=None),
            "copy": lambda: list(store.copy(endpoint, parse("x"), source_precondition=None, target_precondition=None)),
            "copy to": lambda: list(
                store.copy(parse("file"), endpoint, source_precondition=None, target_precondition=None)
            ),
            "move": partial(store.move, endpoint, parse("x"), None, None),
            "move to": partial(store.move, parse("file"), endpoint, None, None),
            "remove": lambda: list(store.remove(endpoint, None, True)),
            "restore": partial(store.restore, endpoint, None, None),
            "write": lambda: self.put(store, name, content),
        }
        for what, act in acts.items():
            with self.assertRaisesRegex(Busy, "is not mounted at the moment", msg=f"{what} {name}"):
                act()

    def test_refused(self) -> None:
        """Whatever is asked for at the mount point and beneath it is refused, also where the folder is gone."""
        for system in (None, Walking()):
            store = self.store(system)
            for name in ("d/disk", "d/disk/file", "d/disk/new/file"):
                self.assert_refused(store, name)
            os.rmdir(self.path("d/disk"))
            self.assert_refused(store, "d/disk/file")
            self.assertFalse(os.path.exists(self.path("d/disk")))
            os.mkdir(self.path("d/disk"))
            store.close()

    def test_beside(self) -> None:
        """Everything else can be used; a listing names what is missing, and a removal of all around it is refused."""
        store = self.store()
        self.put(store, "d/disk.txt", b"new")
        self.assertEqual(content_of(store, "d/file"), b"old")
        (page,) = store.list(TOP, True)
        self.assertEqual([entry.name for entry in page.entries], ["d", "d/disk", "d/disk.txt", "d/file", "file"])
        ((name, reason),) = page.skipped
        self.assertEqual(name, "d/disk")
        self.assertIn("is not mounted", reason)
        with self.assertRaisesRegex(WrongKind, "is not mounted"):
            list(store.remove(parse("d"), None, True))

    def test_reported(self) -> None:
        """The owner is told what is missing, and how to confirm that it is right; then the folder is used as it is."""
        store = self.store()
        (problem,) = store.problems()
        self.assertIn(f"mkdir -p {self.path('d/disk/.homeftp')}", problem)
        os.mkdir(self.path("d/disk/.homeftp"))
        self.assertEqual(store.problems(), [])
        self.put(store, "d/disk/file", b"new")
        self.assertEqual(self.content("d/disk/file"), b"new")

    def test_learned(self) -> None:
        """Disks that are mounted are remembered, and nothing else: no other file system, and none of an illegal name.

        Nor is one that is listed, and is not found at its place, such as beneath another one.
        """
        needs.require("openat2(2)", lambda: System().has_openat2)
        kinds = {"disk": b"ext4", "stick": b"vfat", "memory": b"tmpfs", "a:b": b"ext4", "beneath": b"ext4"}
        root = os.path.realpath(self.root).encode()
        lines = [b"1 0 8:1 / / rw - ext4 /dev/sda1 rw"]
        for name, kind in kinds.items():
            os.makedirs(self.path(f"d/{name}"), exist_ok=True)
            lines.append(b"2 1 8:2 / %b/d/%b rw - %b /dev/sdb1 rw" % (root, name.encode(), kind))
        system = Mounting([name.encode() for name in kinds if name != "beneath"], b"\n".join(lines))
        self.assertEqual(self.store(system).problems(), [])
        self.assertEqual(self.content(".homeftp/mounts"), b"d/disk\nd/stick\n")

    def test_unmounted_meanwhile(self) -> None:
        """What was mounted a moment ago is not opened in the folder beneath it, which the control may use."""
        needs.require("openat2(2)", lambda: System().has_openat2)
        os.mkdir(self.path("d/disk/.homeftp"))
        store = self.store(Mounting({b"disk"}))
        with self.assertRaisesRegex(Busy, "is not mounted at the moment"):
            self.put(store, "d/disk/file", b"new")
        self.assertEqual(os.listdir(self.path("d/disk")), [".homeftp"])
        store.close()
        self.put(self.store(), "d/disk/file", b"new")

    def test_moved(self) -> None:
        """A directory that is moved takes the place of the disk with it."""
        store = self.store()
        store.move(parse("d"), parse("e"), None, None)
        os.mkdir(self.path("d"))
        self.put(store, "d/disk/file", b"new")
        self.assert_refused(store, "e/disk/file")
        store.close()
        self.assert_refused(self.store(), "e/disk/file")

    def test_depth(self) -> None:
        """The topmost directory of a disk is found from each directory in it, and elsewhere that is the root."""
        needs.require("openat2(2)", lambda: System().has_openat2)
        os.makedirs(self.path("d/disk/a/b"))
        root, _ = self.opened_root(Mounting({b"disk"}))
        for name, depth in (("d/disk/a/b", 2), ("d/disk", 2), ("d", 0)):
            self.assertEqual(root.mounts.depth(root.fd, parse(name)), depth, name)

    def test_missing(self) -> None:
        """Of the known places those are missing at which nothing is mounted, and nothing says that this is right."""
        needs.require("openat2(2)", lambda: System().has_openat2)
        root, _ = self.opened_root(Mounting({b"there"}))
        os.makedirs(self.path("there"))
        os.makedirs(self.path("confirmed/.homeftp"))
        root.mounts.points = frozenset({("there",), ("confirmed",), ("gone",), ("d", "disk")})
        self.assertEqual(root.mounts.missing(root.fd), [("d", "disk"), ("gone",)])
