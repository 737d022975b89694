"""Syncs with a disk that takes names for one which differ only in case, as SD cards do."""

from __future__ import annotations

import os
import shutil

from homeftp.client import Outcome
from homeftp.client.files.names import ignores_case
from homeftp.client.sync.local.marker import read_marker
from tests.support.mounts import exfat, held, mounted
from tests.support.syncs import SyncCase


class FoldingDiskTests(SyncCase):
    """Ann's folder is on a disk in exFAT; Bob's disk tells all names apart."""

    def setUp(self) -> None:
        super().setUp()
        held(self, exfat(self.ann.path))

    def failed(self) -> set[str]:
        """The names that were reported as failed."""
        return {name for name, outcome in self.outcomes().items() if outcome is Outcome.FAILED}

    def test_two_there(self) -> None:
        """Two names of the server that the disk cannot hold together are left out, from the first plan on."""
        for name in ("Photo.jpg", "photo.jpg", "Docs/x", "docs/x", "other"):
            self.make_remote_file(f"Docs/{name}", name.encode())
        before = self.there()
        for dry_run in (True, False, False):
            self.sync(self.ann, dry_run=dry_run)
            self.assertEqual(self.failed(), {"Photo.jpg", "photo.jpg", "Docs", "docs"})
        self.assertEqual(self.ann.contents(), {"other": b"other"})
        self.assertEqual(self.there(), before)
        self.sync(self.bob)
        self.assertEqual(self.bob.contents(), before, "the control: this disk can hold all")

    def test_no_other_case(self) -> None:
        """A disk is known by any name, also by one whose letters it does not change as Python does."""
        for laptop, expected in ((self.ann, True), (self.bob, False)):
            laptop.put("Stra\u00dfe", b"content")
            self.assertIs(ignores_case(laptop.path), expected)

    def test_second_there(self) -> None:
        """A name that is new on the server, beside one that the disk has, is left out; the other is synced on."""
        self.ann.put("Photo.jpg", b"one")
        self.sync(self.ann)
        self.make_remote_file("Docs/photo.jpg", b"two")
        self.ann.put("Photo.jpg", b"edited")
        for _ in range(2):
            self.sync(self.ann)
            self.assertEqual(self.failed(), {"photo.jpg"})
        self.assertEqual(self.there(), {"Photo.jpg": b"edited", "photo.jpg": b"two"})
        self.assertEqual(self.ann.contents(), {"Photo.jpg": b"edited"})

    def test_into_similar_folder(self) -> None:
        """A file that went into a new folder of its own name, in another case, goes there here, too."""
        self.ann.put("Photo", b"one")
        self.ann.put("other", b"other")
        self.sync(self.ann)
        os.unlink(os.path.join(self.server.root, "Docs/Photo"))
        self.make_remote_file("Docs/photo/1", b"one")
        self.sync(self.ann)
        self.assertEqual(self.there(), {"photo": None, "photo/1": b"one", "other": b"other"})
        self.assert_in_step()

    def test_out_of_similar_folder(self) -> None:
        """A file that went to the place of the folder that it was in, in another case, does so on the server, too."""
        self.ann.put("Photo/photo", b"one")
        self.ann.put("other", b"other")
        self.sync(self.ann)
        self.ann.rename("Photo/photo", "1")
        os.rmdir(os.path.join(self.ann.path, "Photo"))
        self.ann.rename("1", "photo")
        self.sync(self.ann)
        self.assertEqual(self.there(), {"photo": b"one", "other": b"other"})
        self.assert_in_step()

    def test_case_renamed(self) -> None:
        """A name that got another case on one side gets it on the other, with edits; and so do folders."""
        for name in ("photo.jpg", "docs/x", "empty"):
            self.ann.put(name, b"" if name == "empty" else name.encode())
        for laptop in (self.ann, self.bob):
            self.sync(laptop)
        self.ann.rename("photo.jpg", "Photo.jpg")
        self.ann.rename("docs", "Docs")
        for laptop in (self.ann, self.bob):
            self.sync(laptop)
        self.assertEqual(set(self.bob.contents()), {"Photo.jpg", "Docs", "Docs/x", "empty"})
        self.bob.rename("Photo.jpg", "PHOTO.jpg")
        self.bob.put("PHOTO.jpg", b"edited")
        self.bob.rename("empty", "Empty")
        self.bob.rename("Docs", "DOCS")
        for laptop in (self.bob, self.ann):
            self.sync(laptop)
        expected = {"PHOTO.jpg": b"edited", "DOCS": None, "DOCS/x": b"docs/x", "Empty": b""}
        self.assertEqual(self.ann.contents(), expected)
        self.assertEqual(sorted(os.listdir(self.ann.path)), sorted([".homeftp", "PHOTO.jpg", "DOCS", "Empty"]))
        self.assert_in_step(self.ann, self.bob)

    def test_get(self) -> None:
        """A get, too, reports what the disk cannot hold, and fetches neither of two names; nor does it join folders."""
        for name in ("Photo.jpg", "photo.jpg", "Docs/x", "docs/y", "other"):
            self.make_remote_file(f"Docs/{name}", name.encode())
        for dry_run in (True, False, False):
            self.get("Docs", self.ann.path, recursive=True, dry_run=dry_run)
            self.assertEqual(self.failed(), {"Photo.jpg", "photo.jpg", "Docs", "docs"})
        self.assertEqual(self.ann.contents(), {"other": b"other"})
        self.get("Docs", self.bob.path, recursive=True)
        self.assertEqual(self.failed(), set(), "the control")

    def test_beneath(self) -> None:
        """A disk that ignores case is mounted within a folder that does not: only there names clash."""
        disk = os.path.join(self.bob.path, "disk")
        held(self, mounted(disk, "--bind", held(self, exfat(self.mktemp()))))
        for name in ("Photo.jpg", "photo.jpg"):
            self.make_remote_file(f"Docs/disk/d/{name}", name.encode())
            self.make_remote_file(f"Docs/e/{name}", name.encode())
        before = self.there()
        clashing = {"disk/d/Photo.jpg", "disk/d/photo.jpg"}
        for _ in range(2):
            self.sync(self.bob)
            self.assertEqual(self.failed(), clashing)
        self.assertEqual(self.bob.contents(), {name: node for name, node in before.items() if name not in clashing})
        self.assertEqual(self.there(), before)
        self.get("Docs", self.bob.path, recursive=True)
        self.assertEqual(self.failed(), clashing)

    def test_copied(self) -> None:
        """A folder that was moved to such a disk, which holds one of two names, deletes and changes neither there."""
        for name in ("Photo.jpg", "photo.jpg", "other"):
            self.make_remote_file(f"Docs/{name}", name.encode())
        self.sync(self.bob)
        before = self.there()
        marker = read_marker(self.bob.path)
        shutil.rmtree(self.bob.path)
        held(self, exfat(self.bob.path))
        for name, content in (("Photo.jpg", "photo.jpg"), ("other", "edited"), (".homeftp/sync", f"{marker}\n")):
            self.bob.put(name, content.encode())
        for _ in range(2):
            self.sync(self.bob)
            self.assertEqual(self.failed(), {"Photo.jpg", "photo.jpg"})
        self.assertEqual(self.there(), {**before, "other": b"edited"})
