"""Syncs of folders in which disks are mounted, with real mounts."""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

from homeftp.client.escapes import escape_name
from homeftp.client.sync.carryout import CarryOut
from homeftp.client.sync.model import Act, SyncPlan
from homeftp.client.sync.scope import Scope
from homeftp.errors import OperatorError
from tests.support.mounts import exfat, memory, mounted
from tests.support.syncs import DAY, Laptop, SyncCase


class SyncMountsTests(SyncCase):
    """A disk is mounted in the folder, and was synced."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("1", "2", "3"):
            self.ann.put(name, name.encode())
        self.others = {"1": b"1", "2": b"2", "3": b"3"}
        self.disk = os.path.join(self.ann.path, "disk")
        with memory(self.disk, "size=1m"):
            self.ann.put("disk/a", b"a")
            self.ann.put("disk/b/c", b"c")
            self.ann.put("disk/b/d", b"d")
            self.sync(self.ann)
            self.assert_in_step()
        self.before = self.there()

    def assert_left(self, reason: str) -> None:
        """A sync leaves the disk's files on the server, and says why, time and again."""
        for _ in range(2):
            self.sync(self.ann)
            self.assertEqual(self.there(), self.before)
            self.assertEqual({name for name, outcome in self.outcomes().items() if not outcome.done}, {"disk"})
            self.assertIn(reason, self.results[0].reason)

    def test_stray(self) -> None:
        """A program has written into the mount point while the disk is away."""
        self.ann.put("disk/stray", b"stray")
        self.assert_left("a disk was mounted here")
        self.sync(self.ann, max_delete=3)
        self.assertEqual(self.there(), {**self.others, "disk": None, "disk/stray": b"stray"})
        self.assert_in_step()

    def test_stray_deeper(self) -> None:
        """What was written there has made a folder of the disk again, and has all that was directly in the disk."""
        self.ann.put("disk/a", b"a")
        self.ann.put("disk/b/c", b"c")
        self.assert_left("a disk was mounted here")

    def test_start_over(self) -> None:
        """To forget what was agreed does not forget the disk that is there."""
        with memory(self.disk, "size=1m"):
            self.ann.put("disk/a", b"a")
            self.ann.put("disk/b/c", b"c")
            self.ann.put("disk/b/d", b"d")
            self.sync(self.ann, start_over=True)
        self.ann.put("disk/stray", b"stray")
        self.assert_left("a disk was mounted here")

    def test_missing(self) -> None:
        """The mount point has gone with the disk."""
        os.rmdir(self.disk)
        self.assert_left("a disk was mounted here")

    def test_other(self) -> None:
        """Another disk of the same kind is mounted: its top folder has the same inode."""
        with memory(self.disk, "size=1m"):
            os.mkdir(os.path.join(self.disk, "lost+found"))
            self.assert_left("is it the right one?")

    def test_back(self) -> None:
        """When the disk is back, with what was done on it meanwhile, that is synced. The control: deletions too."""
        self.assert_left("a disk was mounted here")
        with memory(self.disk, "size=1m"):
            self.ann.put("disk/a", b"edited")
            self.sync(self.ann)
            self.assertEqual(self.there(), {**self.others, "disk": None, "disk/a": b"edited"})
            self.assert_in_step()


class MovedOntoDiskTests(SyncCase):
    """A disk is mounted in the folder, or in the server's, and something is moved onto it on the other side."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("1", "2", "3", "d/x", "d/e/y", "disk/a"):
            self.ann.put(name, name.encode())
        self.disk = os.path.join(self.ann.path, "disk")

    def sync_both(self) -> None:
        """Both laptops sync what the server has."""
        self.sync(self.ann)
        self.sync(self.bob)

    def move(self, laptop: Laptop) -> dict[str, bytes | None]:
        """Move a file and a folder on a laptop, and edit in it; gives what it has then."""
        laptop.rename("1", "disk/1")
        laptop.rename("d", "disk/d")
        laptop.rename("disk/d/x", "disk/d/z")
        laptop.put("disk/d/e/y", b"edited")
        laptop.put("disk/d/new", b"new")
        return laptop.contents()

    def test_here(self) -> None:
        """What cannot be renamed onto the disk here is copied there, and deleted where it was."""
        with memory(self.disk, "size=1m"):
            self.ann.put("disk/a", b"a")
            self.sync_both()
            expected = self.move(self.bob)
            self.sync(self.bob)
            self.sync(self.ann)
            self.assertEqual([result for result in self.results if not result.outcome.done], [])
            self.assertEqual(self.ann.contents(), expected)
            self.assert_in_step()

    def test_there(self) -> None:
        """What the server cannot rename onto its disk is copied there, and deleted where it was."""
        self.sync_both()
        with memory(os.path.join(self.server.root, "Docs/disk"), "size=1m"):
            self.make_remote_file("Docs/disk/a", b"disk/a")
            expected = self.move(self.ann)
            self.sync(self.ann)
            self.assertEqual([result for result in self.results if not result.outcome.done], [])
            self.assertEqual(self.there(), expected)
            self.assert_in_step()

    def test_edited(self) -> None:
        """An edit here of what was moved there stays under the old name, and the sides agree after a second sync."""
        with memory(self.disk, "size=1m"):
            self.ann.put("disk/a", b"a")
            self.sync_both()
            self.bob.rename("d", "disk/d")
            self.bob.rename("1", "disk/1")
            self.sync(self.bob)
            self.ann.put("d/x", b"edited here")
            self.ann.put("1", b"edited here too")
            for _ in range(2):
                self.sync(self.ann)
            found = self.ann.contents()
            self.assertEqual((found["d/x"], found["1"]), (b"edited here", b"edited here too"))
            self.assertEqual((found["disk/d/x"], found["disk/d/e/y"], found["disk/1"]), (b"d/x", b"d/e/y", b"1"))
            self.assertNotIn("d/e", found)
            self.assert_in_step()

    def test_full_here(self) -> None:
        """Where the disk here has no space, the sync ends, and nothing is deleted."""
        self.ann.put("big/x", b"x" * 200_000)
        with memory(self.disk, "size=64k"):
            self.ann.put("disk/a", b"a")
            self.sync_both()
            before = self.ann.contents()
            self.bob.rename("big/x", "disk/x")
            self.sync(self.bob)
            for _ in range(2):
                error = self.assertRaises(OperatorError, self.sync, self.ann, max_delete=0)
                self.assertIn("disk/x cannot be written: No space left on device", str(error))
                self.assertEqual(self.ann.contents(), before)
                self.assertEqual(self.there(), self.bob.contents())

    def test_name_here(self) -> None:
        """What cannot have its new name on the disk here keeps the old one here; on the server it has the new one."""
        with exfat(self.mktemp()) as made, mounted(self.disk, "--bind", made):
            self.ann.put("disk/a", b"a")
            self.sync_both()
            before = self.ann.contents()
            self.bob.rename("1", "disk/what?")
            self.bob.rename("d", "disk/d")
            self.bob.rename("disk/d/e/y", "disk/d/e/y: 1")
            self.sync(self.bob)
            for _ in range(2):
                self.sync(self.ann, max_delete=0)
                failed = set(self.problems())
                self.assertEqual(failed, {"1", escape_name("disk/what?"), "d/e/y", escape_name("disk/d/e/y: 1")})
                kept = {name: content for name, content in before.items() if name != "d/x"}
                self.assertEqual(self.ann.contents(), {**kept, "disk/d": None, "disk/d/x": b"d/x", "disk/d/e": None})
                renamed = {escape_name(name): content for name, content in self.bob.contents().items()}
                self.assertEqual(self.there(), renamed)

    def test_full_there(self) -> None:
        """What the server's disk has no space for keeps its old name there, and each laptop has what it had."""
        self.ann.put("big/x", b"x" * 200_000)
        self.ann.put("big/y", b"y")
        self.sync_both()
        with memory(os.path.join(self.server.root, "Docs/disk"), "size=64k"):
            self.make_remote_file("Docs/disk/a", b"disk/a")
            self.ann.rename("big", "disk/big")
            expected = self.ann.contents()
            for old in ("big", "big/x"):
                self.sync(self.ann, max_delete=0)
                failed = set(self.problems())
                self.assertEqual(failed, {old, "disk/big/x"})
                self.assertEqual(self.ann.contents(), expected)
                self.assertEqual(self.there()["big/x"], b"x" * 200_000)
                self.assertNotIn("big/y", self.there())
                self.assertEqual(self.there()["disk/big/y"], b"y")
            self.sync(self.bob)
            self.assertEqual(self.bob.contents(), self.there())

    def test_changed(self) -> None:
        """What was made here meanwhile under the new name stays, and so does what would get that name."""
        with memory(self.disk, "size=1m"):
            self.sync_both()
            self.bob.rename("d", "disk/d")
            self.sync(self.bob)
            made: list[SyncPlan] = []

            async def confirm(plan: SyncPlan) -> bool:
                made.append(plan)
                self.ann.put("disk/d", b"here")
                return True

            self.sync(self.ann, confirm=confirm)
            self.assertEqual([(each.act, each.to) for each in made[0].actions], [(Act.MOVE, "disk/d")])
            reasons = {result.name: result.reason for result in self.results if not result.outcome.done}
            self.assertIn("something is called disk/d already", reasons.pop("d"))
            self.assertEqual(
                set(reasons), {f"disk/d (conflict from ann-laptop {DAY})"}, "what a new plan would do about it"
            )
            self.assertEqual(self.ann.contents()["disk/d"], b"here")
            self.assertEqual(self.ann.contents()["d/x"], b"d/x")


class FirstSyncTests(SyncCase):
    """A disk is mounted in a folder of which no sync has come to its end since."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("1", "2", "3", "4"):
            self.ann.put(name, name.encode())
        self.disk = os.path.join(self.ann.path, "disk")

    def assert_left(self, **given: Any) -> None:
        """The disk is away, and a program has written to its mount point: what the server has of it stays."""
        before = self.there()
        self.assertLessEqual({"disk/a", "disk/b"}, set(before), "the control: it was stored")
        self.ann.put("disk/stray", b"stray")
        self.sync(self.ann, **given)
        self.assertEqual(self.there(), before)
        self.sync(self.ann)
        self.assertEqual(self.there(), before)

    def test_interrupted(self) -> None:
        """The only sync that has seen the disk was interrupted when it had stored its files."""

        async def lost(*given: object) -> None:
            raise ConnectionError

        with memory(self.disk, "size=1m"):
            self.ann.put("disk/a", b"a")
            self.ann.put("disk/b", b"b")
            with mock.patch.object(CarryOut, "merge", lost):  # it is called behind the transfers
                self.assertRaises(ConnectionError, self.sync, self.ann)
        self.assert_left()

    def test_parts(self) -> None:
        """Only syncs of parts have seen the disk, as in a watch; another sync of parts does not forget it."""
        os.mkdir(self.disk)
        self.sync(self.ann)
        with memory(self.disk, "size=1m"):
            self.ann.put("disk/a", b"a")
            self.ann.put("disk/b", b"b")
            self.sync(self.ann, scope=Scope.of(["disk/a", "disk/b"]))
            self.ann.put("1", b"edited")
            self.sync(self.ann, scope=Scope.of(["1"]))
        self.assert_left(scope=Scope.of(["disk/stray", "disk/a", "disk/b"]))
