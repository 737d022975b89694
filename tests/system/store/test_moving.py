"""Removing and moving: nothing is lost by either."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from homeftp.config import Retention
from homeftp.endpoint import ROOT, parse
from homeftp.errors import (
    BadEndpoint,
    BadRequest,
    Changed,
    FiletypeNotAllowed,
    Forbidden,
    Internal,
    NotFound,
    Refusal,
    WrongKind,
)
from homeftp.model import ABSENT
from homeftp.store.local.store import LocalStore
from homeftp.wire.messages import meta_data
from tests.support import needs
from tests.support.stores import LONG_AGO, Failing, Recording, StoreCase, sha, snapshot


class MovingCase(StoreCase):
    """A share, and what is in it."""

    def remove(self, store: LocalStore, name: str, if_hash: str | None = None, recursive: bool = False) -> int:
        """Remove to the end; how many are gone."""
        return sum(store.remove(parse(name), if_hash, recursive))

    def move(self, store: LocalStore, name: str, to: str, if_hash: str | None = None, if_to: str | None = None) -> Any:
        """Move it."""
        return store.move(parse(name), parse(to), if_hash, if_to)

    def versions(self, store: LocalStore) -> list[str]:
        """The endpoints that have versions."""
        return sorted(version.name for page in store.versions(ROOT) for version in page)

    def files(self) -> list[str]:
        """What is shared, by its path."""
        found = []
        for folder, folders, names in os.walk(self.root):
            if ".homeftp" in folders:
                folders.remove(".homeftp")
            found += [os.path.relpath(os.path.join(folder, name), self.root) for name in (*folders, *names)]
        return sorted(found)


class RemoveTests(MovingCase):
    """DELETE."""

    def test_file(self) -> None:
        """A file that is removed is a version from then on, whole, and comes back with RESTORE."""
        store = self.store()
        self.put(store, "a/file.txt", b"content", mode=0o640)
        self.assertEqual(self.remove(store, "a/file.txt", sha(b"content")), 1)
        self.assertEqual((self.files(), self.versions(store)), (["a"], ["a/file.txt"]))
        entry = store.restore(parse("a/file.txt"), None, ABSENT)
        self.assertEqual(dict(meta_data(entry)), {"mtime_us": LONG_AGO, "mode": 0o640})
        self.assertEqual(self.content("a/file.txt"), b"content")

    def test_not_kept(self) -> None:
        """With --keep-versions 0 it is gone."""
        store = self.store(retention=Retention(seconds=0))
        self.put(store, "file.txt", b"content")
        self.remove(store, "file.txt")
        self.assertEqual((self.files(), self.versions(store)), ([], []))

    def test_directory(self) -> None:
        """An empty one goes; another one only with all that is in it, every file of which is a version then."""
        store = self.store()
        names = [f"d/{number % 5}/{number}" for number in range(600)]
        for name in names:
            self.lay(name, name.encode())
        os.makedirs(self.path("d/empty/er"))
        self.remove(store, "d/empty/er")
        with self.assertRaisesRegex(WrongKind, "not empty"):
            self.remove(store, "d")
        self.assertEqual(self.remove(store, "d", recursive=True), 600 + 6 + 1)
        self.assertEqual((self.files(), self.versions(store)), ([], sorted(names)))

    def test_refused(self) -> None:
        """What is not there, is something else by now, is no file, or holds what is not shared, stays as it is."""
        store = self.store(filetypes=(".txt",))
        self.lay("a.txt")
        self.lay("a.jpg")
        self.lay("d/deep/b.txt")
        os.symlink(self.outside, self.path("d/deep/link"))
        before, outside = snapshot(self.root), snapshot(self.outside)
        for name, if_hash, recursive, refusal in (
            ("b.txt", None, False, NotFound),
            ("none/b.txt", None, False, NotFound),
            ("a.txt", sha(b"other"), False, Changed),
            ("a.jpg", None, False, FiletypeNotAllowed),
            ("d", sha(b"x"), True, WrongKind),
            ("d", None, True, WrongKind),
            ("d/deep/link", None, True, WrongKind),
            ("d/deep/link/secret.txt", None, False, WrongKind),
        ):
            with self.assertRaises(refusal, msg=name):
                self.remove(store, name, if_hash, recursive)
        with self.assertRaises(BadRequest):
            sum(store.remove(ROOT, None, True))
        self.assertEqual({k: v[-1] for k, v in snapshot(self.root).items()}, {k: v[-1] for k, v in before.items()})
        self.assertEqual(snapshot(self.outside), outside)

    def test_hidden(self) -> None:
        """A directory that holds what no list has stays whole: nothing of it is removed."""
        self.lay("d/e/file.txt")
        self.lay("d/f/.homeftp-something")
        store = self.store()
        with self.assertRaisesRegex(WrongKind, "d/f holds .homeftp-something"):
            self.remove(store, "d", recursive=True)
        self.assertEqual((self.versions(store), self.content("d/e/file.txt")), ([], b"old"))
        os.unlink(self.path("d/f/.homeftp-something"))
        self.assertEqual(self.remove(store, "d", recursive=True), 4, "the control")

    def test_mounted(self) -> None:
        """So does one in which another disk is mounted; and the mounted one itself, and what is to be moved."""
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

    def test_durable(self) -> None:
        """The version's name is on the disk before that of the file is not."""
        self.lay("a/file.txt")
        system = Recording()
        store = self.store(system)
        system.calls.clear()
        self.remove(store, "a/file.txt")
        kinds = [kind for kind, _ in system.calls]
        self.assertEqual(kinds[0], "rename")
        self.assertIn(("fsync_directory", os.stat(self.path("a")).st_ino), system.calls[-1:])

    def test_failures(self) -> None:
        """Whatever call fails: there is the file, or its version, and an answer only for what lasts."""
        for number in range(1, 20):
            self.lay("file.txt", b"content")
            system = Failing(10**6)
            store = self.store(system)
            system._left = number
            try:
                self.remove(store, "file.txt")
            except Refusal as refused:
                self.assertIsInstance(refused, Internal)
            there = os.path.exists(self.path("file.txt"))
            self.assertEqual(there + len(self.versions(store)), 1, system.failed)
            if not system.failed:
                break
            if not there:
                store.restore(parse("file.txt"), None, None)
            store.close()
        self.assertGreater(number, 3)


class MoveTests(MovingCase):
    """MOVE."""

    def test_file(self) -> None:
        """It has the new name, into new directories too, keeps time and mode, and is sent nowhere."""
        store = self.store()
        self.put(store, "file.txt", b"content", mode=0o600)
        inode = os.stat(self.path("file.txt")).st_ino
        entry = self.move(store, "file.txt", "a/b/other.txt", sha(b"content"), ABSENT)
        self.assertEqual(self.files(), ["a", "a/b", "a/b/other.txt"])
        self.assertEqual(os.stat(self.path("a/b/other.txt")).st_ino, inode)
        self.assertEqual((entry.hash, dict(meta_data(entry))), (sha(b"content"), {"mtime_us": LONG_AGO, "mode": 0o600}))
        look = store.stat(parse("a/b/other.txt"))
        assert look is not None
        self.assertEqual(look.hash, sha(b"content"))

    def test_replaced(self) -> None:
        """What has the name becomes a version."""
        store = self.store()
        self.put(store, "a", b"one")
        self.put(store, "b", b"two")
        self.move(store, "a", "b", None, sha(b"two"))
        self.assertEqual((self.files(), self.content("b"), self.versions(store)), (["b"], b"one", ["b"]))

    def test_directory(self) -> None:
        """A directory moves with all that is in it, where nothing has its new name."""
        store = self.store()
        self.lay("d/e/file.txt")
        self.lay("x")
        self.move(store, "d", "f/g")
        self.assertEqual(self.files(), ["f", "f/g", "f/g/e", "f/g/e/file.txt", "x"])
        for to in ("x", "f"):
            with self.assertRaises(Refusal):
                self.move(store, "f/g", to)

    def test_case(self) -> None:
        """A name may be spelled otherwise: it does not stand in its own way."""
        store = self.store()
        self.lay("Photo.JPG")
        self.lay("Folder/x")
        self.move(store, "Photo.JPG", "photo.jpg")
        self.move(store, "Folder", "folder")
        self.assertEqual(self.files(), ["folder", "folder/x", "photo.jpg"])
        self.lay("other")
        with self.assertRaisesRegex(BadEndpoint, "'photo.jpg'"):
            self.move(store, "other", "PHOTO.jpg")

    def test_refused(self) -> None:
        """Conditions that do not hold, kinds that do not fit, itself: everything stays as it is."""
        store = self.store()
        for name in ("a", "b", "d/e/f"):
            self.lay(name, name.encode())
        os.symlink(self.outside, self.path("link"))
        before = self.files()
        for name, to, if_hash, if_to, refusal in (
            ("none", "x", None, None, NotFound),
            ("a", "x", sha(b"x"), None, Changed),
            ("a", "b", None, ABSENT, Changed),
            ("a", "b", None, sha(b"x"), Changed),
            ("a", "x", None, sha(b"x"), Changed),
            ("a", "d", None, None, WrongKind),
            ("d", "a", None, None, Changed),
            ("d", "d/e/g", None, None, BadRequest),
            ("a", "a", None, None, BadRequest),
            ("a", "b/c", None, None, WrongKind),
            ("link", "x", None, None, WrongKind),
            ("a", "link/x", None, None, WrongKind),
            ("d", "x", sha(b"x"), None, WrongKind),
        ):
            with self.assertRaises(refusal, msg=(name, to)):
                self.move(store, name, to, if_hash, if_to)
        for name, to in (("", "x"), ("a", "")):
            with self.assertRaises(Refusal):
                store.move(parse(name), parse(to), None, None)
        self.assertEqual((self.files(), self.versions(store)), (before, []))
        self.assertEqual((self.content("a"), self.content("b"), self.content("d/e/f")), (b"a", b"b", b"d/e/f"))

    def test_failures(self) -> None:
        """Whatever call fails, both contents are there: under their names, or as a version."""
        for number in range(1, 20):
            self.lay("a", b"one")
            self.lay("d/b", b"two")
            system = Failing(10**6)
            store = self.store(system, retention=Retention(percent=100))
            system._left = number
            try:
                self.move(store, "a", "d/b")
            except Refusal as refused:
                self.assertIsInstance(refused, Internal)
                if "in doubt" not in str(refused):
                    self.assertEqual((self.content("a"), self.content("d/b")), (b"one", b"two"), system.failed)
                    continue
            finally:
                store.close()
            self.assertEqual(self.content("d/b"), b"one")
            held = [found[-1] for path, found in snapshot(self.path(".homeftp/versions")).items() if path[-1] != "."]
            self.assertIn(b"two", held)
            if not system.failed:
                break
        self.assertGreater(number, 4)
