"""Syncs of two laptops and a server: what people do, and what they must not lose by it."""

from __future__ import annotations

import os
import shutil
from unittest import mock

from homeftp.client import Outcome
from homeftp.client.selection import Selection
from homeftp.client.sync.archive import SyncArchive
from homeftp.client.sync.model import Act, Side, SyncPlan, Unsynced
from homeftp.client.sync.run import SyncDeclined
from homeftp.errors import NotFound, OperatorError
from homeftp.syscalls import System
from tests.support.syncs import CONFLICT_COPY, Laptop, SyncCase, SyncedCase, versions_in
from tests.support.transfers import BIG


class FirstSyncTests(SyncCase):
    """A folder that was never synced."""

    def test_to_server(self) -> None:
        """A folder goes to a server that does not have it, with empty directories, modes and times."""
        self.ann.put("a/b/x", b"x", mtime=1_600_000_000, mode=0o640)
        self.ann.put("big", BIG)
        os.mkdir(os.path.join(self.ann.path, "empty"))
        self.sync(self.ann)
        self.assertEqual(self.there(), {"a": None, "a/b": None, "empty": None, "a/b/x": b"x", "big": BIG})
        found = os.stat(os.path.join(self.server.root, "Docs/a/b/x"))
        self.assertEqual((found.st_mtime, found.st_mode & 0o777), (1_600_000_000, 0o640))
        self.assert_in_step()

    def test_to_laptop(self) -> None:
        """A folder of the server comes to a laptop that does not have it."""
        for name in ("a/b/x", "y"):
            self.make_remote_file(f"Docs/{name}", name.encode())
        shutil.rmtree(self.ann.path)
        self.sync(self.ann)
        self.assertEqual(self.ann.contents(), {"a": None, "a/b": None, "a/b/x": b"a/b/x", "y": b"y"})
        self.assert_in_step()

    def test_remembered(self) -> None:
        """After a first sync the next one records no folder anew, wherever the files came from."""
        few = mock.patch("homeftp.client.plan.remember.FEW_FILES", 1)
        few.start()
        self.addCleanup(few.stop)
        self.ann.put("a/b/x")
        self.make_remote_file("Docs/c/y")
        inodes: dict[str, int] = {}
        for laptop in (self.ann, self.bob):
            inodes.clear()
            with mock.patch.object(SyncArchive, "record_inodes", side_effect=lambda _, rows: inodes.update(rows)):
                self.sync(laptop)
            self.assertEqual(inodes["c/y"], os.stat(os.path.join(laptop.path, "c/y")).st_ino)
            self.assertEqual(set(inodes), set(laptop.contents()))
            with mock.patch.object(SyncArchive, "record_folder") as record:
                self.sync(laptop)
            self.assertEqual(record.call_count, 0)
            self.assertEqual(len(self.sync(laptop).plan.actions), 0)

    def test_mistyped(self) -> None:
        """The folder that the other one is made like has to exist; so has one of both, where each gets the other's."""
        missing = Laptop("ann-laptop", self.mktemp())
        for laptop, direction in ((missing, "pull"), (missing, "both"), (missing, "push"), (self.ann, "pull")):
            for dry_run in (True, False):
                with self.assertRaisesRegex((NotFound, OperatorError), "does not exist|neither"):
                    self.sync(laptop, direction=direction, dry_run=dry_run)
                self.assertFalse(os.path.exists(missing.path))
        self.make_remote_file("Docs/a")
        self.sync(missing, direction="pull")
        self.assertEqual(list(missing.contents()), ["a"], "the control")

    def test_memory(self) -> None:
        """What planning and transfers leave behind is given back where there is much; the control: else it is not."""
        for most, calls in ((1000, 0), (2, 2)):
            self.setUp()
            for name in "abc":
                self.ann.put(name)
            with (
                mock.patch("homeftp.client.sync.run.PLAIN_ROWS", most),
                mock.patch("homeftp.client.sync.run.is_worthwhile", return_value=True),
                mock.patch.object(System, "release_memory") as release,
            ):
                self.sync(self.ann)
            self.assertEqual(release.call_count, calls)

    def test_both(self) -> None:
        """What either side has is kept; of a file that both have, with other contents, both are."""
        self.ann.put("a.txt", b"ann's")
        self.ann.put("same", b"same")
        self.ann.put("hers", b"hers")
        for name, content in (("a.txt", b"the server's"), ("same", b"same"), ("d/theirs", b"theirs")):
            self.make_remote_file(f"Docs/{name}", content)
        self.sync(self.ann)
        expected = {"a.txt": b"the server's", CONFLICT_COPY: b"ann's", "same": b"same", "hers": b"hers", "d": None}
        self.assertEqual(self.there(), {**expected, "d/theirs": b"theirs"})
        self.assert_in_step()

    def test_dry_run(self) -> None:
        """A dry run changes nothing, not even the folder; it gives the plan."""
        self.ann.put("a.txt")
        found = self.sync(self.ann, dry_run=True)
        self.assertEqual(
            [(each.act, each.target, each.name) for each in found.plan.actions], [(Act.COPY, Side.THERE, "a.txt")]
        )
        self.assertEqual((os.listdir(self.ann.path), os.listdir(self.server.root)), (["a.txt"], [".homeftp"]))

    def test_declined(self) -> None:
        """A plan that the user does not want is not carried out; one that has nothing to do is not asked about."""
        asked: list[SyncPlan] = []

        async def no(plan: SyncPlan) -> bool:
            asked.append(plan)
            return False

        self.ann.put("a.txt")
        self.assertRaises(SyncDeclined, self.sync, self.ann, confirm=no)
        self.assertFalse(os.path.exists(os.path.join(self.server.root, "Docs")))
        self.sync(self.ann)
        self.sync(self.ann, confirm=no)
        self.assertEqual(len(asked), 1)


class LaterSyncTests(SyncedCase):
    """What the laptops do to the folder."""

    def both(self) -> None:
        """Sync both laptops until what each did has reached the other."""
        for laptop in (self.ann, self.bob, self.ann):
            self.sync(laptop)
        self.assert_in_step(self.ann, self.bob)

    def test_nothing(self) -> None:
        """Where nothing has changed nothing is done, and nothing is sent or listed."""
        self.both()
        self.assertEqual(self.there(), self.before)
        self.ann.put("d/new", b"new")
        self.assertEqual(self.sync(self.ann, dry_run=True).files, 4)

    def test_edits(self) -> None:
        """Edits, new files and deletions of both laptops reach the other; a deleted file is kept where it was."""
        self.ann.put("a.txt", b"two")
        os.unlink(os.path.join(self.bob.path, "d/x"))
        self.bob.put("new/z", b"z")
        self.both()
        expected = {"a.txt": b"two", "d": None, "d/y": b"yy", "new": None, "new/z": b"z"}
        self.assertEqual(self.ann.contents(), expected)
        self.assertEqual(versions_in(self.ann.path), {"d/x": b"x"})
        self.assertEqual(versions_in(self.bob.path), {"a.txt": b"one"})

    def test_conflict(self) -> None:
        """Both edits of a file are kept, once, however often both sync."""
        self.ann.put("a.txt", b"ann's")
        self.bob.put("a.txt", b"bob's")
        self.sync(self.bob)
        self.both()
        self.assertEqual(self.ann.contents(), {**self.before, "a.txt": b"bob's", CONFLICT_COPY: b"ann's"})

    def test_edit_and_deletion(self) -> None:
        """A file that one laptop edits and the other deletes stays."""
        self.ann.put("d/x", b"edit")
        shutil.rmtree(os.path.join(self.bob.path, "d"))
        self.both()
        self.assertEqual(self.there(), {"a.txt": b"one", "d": None, "d/x": b"edit"})

    def test_renames(self) -> None:
        """A file and a folder that were renamed cross without being transferred."""
        self.ann.put("big", BIG)
        self.both()
        self.ann.rename("big", "d/large")
        self.ann.rename("d", "e")
        moved = self.observer()
        self.sync(self.ann, observer=moved)
        self.assertEqual(moved.bytes_moved, 0)
        moved = self.observer()
        self.sync(self.bob, observer=moved)
        self.assertEqual(moved.bytes_moved, 0)
        self.both()
        self.assertEqual(set(self.bob.contents()), {"a.txt", "e", "e/x", "e/y", "e/large"})
        self.assertEqual(versions_in(self.bob.path), {})

    def test_reported(self) -> None:
        """Each rename is reported under the new name; that of a conflict under the old one, with the new one."""
        self.ann.rename("d", "e")
        self.ann.put("a.txt", b"ann's")
        self.sync(self.ann)
        self.assertEqual(self.outcomes(), {"e": Outcome.RENAMED, "a.txt": Outcome.REPLACED})
        self.bob.put("a.txt", b"bob's")
        self.sync(self.bob)
        renamed = {each.name: (each.kind, each.reason) for each in self.results if each.outcome is Outcome.RENAMED}
        copy = "a (conflict from bob-laptop 2026-05-01).txt"
        reason = f"both sides had changed it; what was here is {copy} now"
        self.assertEqual(renamed, {"e": ("directory", ""), "a.txt": ("file", reason)})

    def test_rename_into_new_folders(self) -> None:
        """What is renamed into folders that are new, too, gets there in one sync, with the modes of the folders."""
        os.makedirs(os.path.join(self.ann.path, "new/deep"))
        os.chmod(os.path.join(self.ann.path, "new"), 0o700)
        self.ann.rename("d", "new/deep/d")
        self.both()
        self.assertEqual(self.bob.contents(), self.ann.contents())
        self.assertEqual(os.stat(os.path.join(self.bob.path, "new")).st_mode & 0o777, 0o700)
        self.assert_in_step()

    def test_renames_within_renamed(self) -> None:
        """A file is renamed, or a conflict, in a folder that was renamed, whatever its local name is."""
        self.ann.put("d/2019: x", b"2019")
        kept = {f"{number}:": f"kept {number}".encode() for number in range(4)}
        for name, content in kept.items():
            self.ann.put(f"d/{name}", content)
        for laptop in (self.ann, self.bob):
            self.sync(laptop)
        self.ann.rename("d", "e:")
        self.ann.rename("e:/x", "f")
        self.ann.put("e:/y", b"ann's")
        self.ann.rename("e:/2019: x", "e:/2020: x")
        self.bob.put("d/y", b"bob's")
        for laptop in (self.ann, self.bob, self.ann):
            self.sync(laptop)
        self.assertEqual([result for result in self.results if not result.outcome.done], [])
        copy = "e:/y (conflict from bob-laptop 2026-05-01)"
        expected = {"a.txt": b"one", "e:": None, "e:/2020: x": b"2019", "e:/y": b"ann's", copy: b"bob's", "f": b"x"}
        expected.update((f"e:/{name}", content) for name, content in kept.items())
        self.assertEqual((self.ann.contents(), self.bob.contents()), (expected, expected))

    def test_rename_and_edit(self) -> None:
        """A file that one laptop renames and the other edits has the new name and the edit."""
        self.ann.rename("a.txt", "b.txt")
        self.bob.put("a.txt", b"edit")
        self.both()
        self.assertEqual(self.there(), {"b.txt": b"edit", "d": None, "d/x": b"x", "d/y": b"yy"})

    def test_kinds(self) -> None:
        """A file becomes a folder on one laptop, and a folder a file on the other."""
        os.unlink(os.path.join(self.ann.path, "a.txt"))
        self.ann.put("a.txt/inside", b"in")
        shutil.rmtree(os.path.join(self.bob.path, "d"))
        self.bob.put("d", b"file")
        self.sync(self.ann, max_delete=9)
        self.sync(self.bob, max_delete=9)
        self.sync(self.ann, max_delete=9)
        self.assert_in_step(self.ann, self.bob)
        self.assertEqual(self.there(), {"a.txt": None, "a.txt/inside": b"in", "d": b"file"})

    def test_metadata(self) -> None:
        """A mode and a time cross without the content."""
        os.chmod(os.path.join(self.ann.path, "a.txt"), 0o600)
        os.chmod(os.path.join(self.ann.path, "d"), 0o700)
        os.utime(os.path.join(self.ann.path, "d/x"), ns=(1_500_000_000 * 10**9, 1_500_000_000 * 10**9))
        moved = self.observer()
        self.sync(self.ann, observer=moved)
        self.sync(self.bob, observer=moved)
        self.assertEqual(moved.bytes_moved, 0)
        self.both()
        for name, mode in (("a.txt", 0o600), ("d", 0o700)):
            self.assertEqual(os.stat(os.path.join(self.bob.path, name)).st_mode & 0o777, mode)
        self.assertEqual(os.stat(os.path.join(self.bob.path, "d/x")).st_mtime, 1_500_000_000)

    def test_directions(self) -> None:
        """In one direction what the target alone has is deleted, and kept as a version."""
        self.ann.put("mine", b"mine")
        self.ann.put("a.txt", b"mine too")
        self.sync(self.ann, direction="pull")
        self.assertEqual(self.ann.contents(), self.before)
        self.assertEqual(versions_in(self.ann.path), {"mine": b"mine", "a.txt": b"mine too"})
        os.unlink(os.path.join(self.ann.path, "d/x"))
        self.make_remote_file("Docs/theirs", b"theirs")
        self.sync(self.ann, direction="push")
        self.assertEqual(self.there(), {"a.txt": b"one", "d": None, "d/y": b"yy"})
        self.assert_in_step()

    def test_left_out(self) -> None:
        """A directory that holds something that is left out stays, also where the other side has deleted it."""
        self.make_remote_file("Docs/d/there.tmp", b"there")
        selection = Selection(("*.tmp",))
        shutil.rmtree(os.path.join(self.ann.path, "d"))
        for direction, expected in (("push", {"a.txt"}), ("both", {"a.txt", "d"})):
            self.sync(self.ann, direction=direction, selection=selection, max_delete=2)
            self.assertEqual([each for each in self.results if not each.outcome.done], [])
            self.assertEqual(set(self.ann.contents()), expected)
            self.assertEqual(set(self.there()), {"a.txt", "d", "d/there.tmp"})
        os.rename(os.path.join(self.server.root, "Docs/d"), os.path.join(self.server.root, "d"))
        self.ann.put("d/here.tmp", b"here")
        for _ in range(2):
            self.assertEqual(self.sync(self.ann, selection=selection).files, 1)
        self.assertEqual(set(self.ann.contents()), {"a.txt", "d", "d/here.tmp"})
        self.assertEqual(set(self.there()), {"a.txt", "d"})
        self.assertEqual(self.results, [])

    def test_nothing_written(self) -> None:
        """A sync that finds nothing changed writes nothing down, which would take an fsync; another one does."""
        self.sync(self.ann)
        changes: list[int] = []
        for edits in (False, False, True):
            if edits:
                self.ann.put("a.txt", b"ann's")
            self.sync(self.ann)
            self.ann.archive.database.run(lambda connection: changes.append(connection.total_changes))
        self.assertTrue(changes[0] == changes[1] < changes[2], changes)

    def test_links(self) -> None:
        """A symbolic link is reported, and it, and what it hides, stays on both sides."""
        os.unlink(os.path.join(self.ann.path, "d/x"))
        os.symlink("y", os.path.join(self.ann.path, "d/x"))
        result = self.sync(self.ann)
        self.assertEqual(dict(result.plan.opaque), {"d/x": Unsynced("is a symbolic link", False)})
        self.assertEqual(self.outcomes(), {"d/x": Outcome.SKIPPED})
        self.assertEqual(self.there(), self.before)
        self.assertTrue(os.path.islink(os.path.join(self.ann.path, "d/x")))
