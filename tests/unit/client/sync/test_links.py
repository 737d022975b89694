"""Syncs that follow symbolic links: what these lead to is sent, and never changed."""

from __future__ import annotations

import os
import shutil
from typing import Any

from homeftp.client import Outcome
from homeftp.client.selection import Selection
from homeftp.client.sync.model import Act, SyncPlan
from homeftp.client.sync.scope import Scope
from tests.support.syncs import SyncCase, contents
from tests.support.transfers import write_file

FOLLOW = Selection(follow_links=True)


class LinkTests(SyncCase):
    """Ann's folder has a link to a file, and one to a folder, that are elsewhere."""

    def setUp(self) -> None:
        super().setUp()
        self.elsewhere = self.mktemp()
        self.write("file", b"file")
        self.write("photos/one", b"one")
        self.write("photos/sub/two", b"two")
        self.ann.put("own", b"own")
        self.link("file", "d/file")
        self.link("photos", "photos")
        self.follow()
        self.all = {"own": b"own", "d": None, "d/file": b"file"}
        self.all |= {"photos": None, "photos/one": b"one", "photos/sub": None, "photos/sub/two": b"two"}

    def write(self, name: str, content: bytes) -> None:
        """Write a file elsewhere."""
        write_file(self.elsewhere, name, content, mtime=1_700_000_000, mode=0o644)

    def link(self, target: str, name: str) -> None:
        """Make a link in ann's folder."""
        path = os.path.join(self.ann.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(os.path.join(os.path.abspath(self.elsewhere), target), path)

    def follow(self, **request: Any) -> SyncPlan:
        """Sync ann's folder, and follow links."""
        return self.sync(self.ann, selection=FOLLOW, **request).plan

    def assert_links(self) -> None:
        """The links are what they were."""
        for name in ("d/file", "photos"):
            self.assertTrue(os.path.islink(os.path.join(self.ann.path, name)))

    def test_sent(self) -> None:
        """What links lead to is sent, and edits, new files and deletions there are, too."""
        self.assertEqual(self.there(), self.all)
        self.assertEqual(list(self.follow().actions), [])
        self.write("file", b"edited")
        self.write("photos/new", b"new")
        os.unlink(os.path.join(self.elsewhere, "photos/one"))
        self.follow()
        del self.all["photos/one"]
        self.assertEqual(self.there(), {**self.all, "d/file": b"edited", "photos/new": b"new"})
        self.assertEqual(list(self.follow().actions), [])
        self.assert_links()

    def test_not_changed(self) -> None:
        """Whatever is done on the server, nothing is changed where links lead, and the links stay; it is said."""
        before = contents(self.elsewhere)
        self.make_remote_file("Docs/d/file", b"edited there")
        self.make_remote_file("Docs/photos/new", b"new")
        self.make_remote_file("Docs/photos/one", b"edited there")
        shutil.rmtree(os.path.join(self.server.root, "Docs/photos/sub"))
        os.rename(os.path.join(self.server.root, "Docs/own"), os.path.join(self.server.root, "Docs/renamed"))
        expected = self.there()
        for _ in range(2):
            self.follow()
            self.assertEqual(contents(self.elsewhere), before)
            self.assert_links()
            self.assertEqual(self.there(), expected)
            names = ["d/file", "photos/new", "photos/one", "photos/sub", "photos/sub/two"]
            self.assertEqual(self.problems(), dict.fromkeys(names, Outcome.FAILED))
        self.assertEqual(self.ann.contents()["renamed"], b"own", "the control: the rest is synced")
        self.assertEqual(sum("what a link leads to is not changed" in each.reason for each in self.results), 5)

    def test_parts(self) -> None:
        """Where only a part is compared, in which a link leads, the same holds."""
        self.make_remote_file("Docs/photos/one", b"edited there")
        self.write("photos/sub/two", b"edited here")
        self.write("file", b"edited here")
        self.follow(scope=Scope.of(["photos/one", "photos/sub/two"]))
        self.assertEqual(self.problems(), {"photos/one": Outcome.FAILED})
        self.assertEqual(self.there()["photos/sub/two"], b"edited here")
        self.assertEqual(self.there()["d/file"], b"file", "the control: the rest was not compared")
        self.follow(scope=Scope.of(["d"]))
        self.assertEqual((self.problems(), self.there()["d/file"]), ({}, b"edited here"))
        self.assert_links()

    def test_conflict(self) -> None:
        """Different edits on both sides stay as they are until a person decides."""
        self.write("file", b"edited here")
        self.make_remote_file("Docs/d/file", b"edited there")
        self.assertEqual(list(self.follow().actions), [])
        self.assertEqual(self.problems(), {"d/file": Outcome.FAILED})
        self.follow(prefer="here")
        self.assertEqual(self.there(), {**self.all, "d/file": b"edited here"})

    def test_moved_there(self) -> None:
        """A file that was moved out of a link's folder on the server, and one into it, are not moved here."""
        folder = os.path.join(self.server.root, "Docs")
        os.rename(os.path.join(folder, "photos/one"), os.path.join(folder, "one"))
        os.rename(os.path.join(folder, "own"), os.path.join(folder, "photos/own"))
        plan = self.follow()
        self.assertNotIn(Act.MOVE, [action.act for action in plan.actions])
        self.assertEqual(contents(self.elsewhere)["photos/one"], b"one")
        self.assertEqual(self.problems(), dict.fromkeys(["photos/one", "photos/own"], Outcome.FAILED))
        self.assertEqual(self.ann.contents()["one"], b"one")

    def test_removed_links(self) -> None:
        """A link that was removed here is a deletion on the server, and its target stays; a folder around it goes."""
        os.unlink(os.path.join(self.ann.path, "photos"))
        shutil.rmtree(os.path.join(self.ann.path, "d"))
        self.follow(max_delete=9)
        self.assertEqual(self.there(), {"own": b"own"})
        self.assertEqual(contents(self.elsewhere)["photos/one"], b"one")

    def test_renamed_around(self) -> None:
        """A folder with a link in it that was renamed on the server is renamed here, with the link."""
        self.ann.put("d/other", b"other")
        self.follow()
        os.rename(os.path.join(self.server.root, "Docs/d"), os.path.join(self.server.root, "Docs/e"))
        self.assertEqual([action.act for action in self.follow().actions], [Act.MOVE])
        self.assertTrue(os.path.islink(os.path.join(self.ann.path, "e/file")))
        self.assertEqual((self.problems(), list(self.follow().actions)), ({}, []))

    def test_folder_around(self) -> None:
        """A folder with a link in it that was deleted on the server stays here."""
        shutil.rmtree(os.path.join(self.server.root, "Docs/d"))
        self.follow()
        self.assert_links()
        self.assertEqual(self.problems(), {"d/file": Outcome.FAILED})

    def test_not_followed(self) -> None:
        """Without the option links are skipped again, and what was sent stays on both sides."""
        self.write("file", b"edited")
        self.sync(self.ann)
        self.assertEqual(self.there(), self.all)
        self.assertEqual(self.outcomes(), dict.fromkeys(["d/file", "photos"], Outcome.SKIPPED))

    def test_pull(self) -> None:
        """With --pull nothing is changed where links lead either."""
        before = contents(self.elsewhere)
        self.make_remote_file("Docs/photos/one", b"edited there")
        self.write("photos/new", b"new")
        self.follow(direction="pull")
        self.assertEqual(contents(self.elsewhere), {**before, "photos/new": b"new"})
        self.assertEqual(self.problems(), dict.fromkeys(["photos/new", "photos/one"], Outcome.FAILED))

    def test_metadata(self) -> None:
        """A mode that was changed on the server is not set where a link leads; one that was changed here is sent."""
        os.chmod(os.path.join(self.server.root, "Docs/photos/one"), 0o600)
        os.chmod(os.path.join(self.elsewhere, "file"), 0o600)
        self.follow()
        self.assertEqual(os.stat(os.path.join(self.elsewhere, "photos/one")).st_mode & 0o777, 0o644)
        self.assertEqual(os.stat(os.path.join(self.server.root, "Docs/d/file")).st_mode & 0o777, 0o600)
        self.assertEqual(self.problems(), {"photos/one": Outcome.FAILED})
