"""What an account may no longer read, and what is on a disk that is away, is not taken for deleted."""

from __future__ import annotations

import os
import shutil

from msgspec import structs

from homeftp.accounts.access import AccessChange, AccessTable, parse_folder, parse_folders
from homeftp.client import Outcome
from homeftp.client.sync.local.marker import FolderLock
from homeftp.client.sync.scope import Scope
from homeftp.errors import InUse, OperatorError
from homeftp.store.policy.rights import parse_rights
from tests.support.syncs import SyncCase, contents, versions_in


class HiddenTests(SyncCase):
    """Ann's laptop has synced all of "Docs"."""

    def setUp(self) -> None:
        super().setUp()
        self.accesses = AccessTable(self.server.state)
        self.server.state.add_account("ann", None)
        self.log_in()
        for name in ("a", "b", "c", "d/x", "e/f/y", "e/z"):
            self.ann.put(name, name.encode())
        self.sync(self.ann)
        self.before = self.ann.contents()
        self.assertEqual(self.there(), self.before)

    def log_in(self) -> None:
        """Log in again, as a client does whose rights were changed."""
        self.start_client()
        self.new_cache()

    def grant(self, folder: str, rights: str) -> None:
        """Change what the account may do at most in a folder."""
        self.accesses.grant("ann", parse_folder(folder), parse_rights(rights))
        self.log_in()

    def test_grant(self) -> None:
        """A folder that was hidden stays here, with all edits in it; that is said, and the rest is synced."""
        self.grant("Docs/e/f", "none")
        self.ann.put("e/f/y", b"edited")
        self.ann.put("e/f/new", b"new")
        self.ann.put("a", b"edited too")
        os.unlink(os.path.join(self.ann.path, "b"))
        os.unlink(os.path.join(self.server.root, "Docs/d/x"))
        expected = {**self.ann.contents()}
        for _ in range(2):
            self.sync(self.ann)
            self.assertEqual(self.ann.contents(), expected)
            self.assertEqual({name for name, outcome in self.outcomes().items() if not outcome.done}, {"e/f", "d/x"})
        self.assertIn("sync with --max-delete N", self.results[0].reason)
        self.assertEqual(self.there()["a"], b"edited too")
        self.assertEqual(self.there()["e/f/y"], b"e/f/y")
        self.assertNotIn("b", self.there())

    def test_confirmed(self) -> None:
        """What was hidden and what was deleted is deleted here when a person says so, and is kept as a version."""
        self.grant("Docs/e/f", "none")
        self.sync(self.ann)
        self.sync(self.ann, max_delete=1)
        self.assertNotIn("e/f", self.ann.contents())
        self.assertEqual(versions_in(self.ann.path), {"e/f/y": b"e/f/y"})
        os.unlink(os.path.join(self.server.root, "Docs/d/x"))
        self.sync(self.ann)
        self.assertNotIn("d/x", self.ann.contents(), "the rights are known now: this is a deletion")

    def test_given_back(self) -> None:
        """A folder that was hidden for a while is synced as before, with what either side has changed meanwhile."""
        self.grant("Docs/e", "none")
        self.sync(self.ann)
        self.ann.put("e/z", b"edited here")
        self.make_remote_file("Docs/e/f/y", b"edited there")
        self.grant("Docs/e", "read,add,replace,delete")
        self.sync(self.ann)
        self.assertEqual((self.there()["e/z"], self.ann.contents()["e/f/y"]), (b"edited here", b"edited there"))
        self.assert_in_step()

    def test_control(self) -> None:
        """The control: with the same rights, and after changes that hide nothing, a deletion is one."""
        for number, name in enumerate(("d/x", "e/f/y")):
            os.unlink(os.path.join(self.server.root, "Docs", name))
            if number:
                self.grant("Docs/e", "read,add,delete")
            self.sync(self.ann)
            self.assertNotIn(name, self.ann.contents())

    def test_folders(self) -> None:
        """An account that gets folders in place of the whole share keeps what is in none of them."""
        self.accesses.change("ann", AccessChange(folders=parse_folders(["Docs/e:all"])))
        self.log_in()
        self.sync(self.ann)
        self.assertEqual(self.ann.contents(), self.before)
        self.assertEqual({result.name for result in self.results if not result.outcome.done}, {"a", "b", "c", "d"})

    def test_home(self) -> None:
        """An account that gets another home, in which there is such a folder too, takes all it has there."""
        self.make_remote_file("other/Docs/new", b"new")
        self.accesses.change("ann", AccessChange(home=parse_folder("other")))
        self.log_in()
        self.sync(self.ann)
        self.assertEqual(self.ann.contents(), {**self.before, "new": b"new"})
        self.assertEqual(self.there(), self.before, "the former home stays")
        self.assertEqual(contents(os.path.join(self.server.root, "other/Docs")), self.ann.contents())

    def test_other_account(self) -> None:
        """After a removed account, one of the same name that sees less deletes nothing."""
        self.server.state.remove_account("ann")
        self.server.state.add_account("ann", None)
        self.grant("Docs/e", "none")
        self.sync(self.ann)
        self.assertEqual(self.ann.contents(), self.before)

    def test_another_account(self) -> None:
        """Where another account is logged in to the server, nothing is agreed yet: what either side has is kept."""
        os.unlink(os.path.join(self.server.root, "Docs/a"))
        self.client.server_info = structs.replace(self.client.server_info, account="bob", view="bob's")
        self.sync(self.ann)
        self.assertEqual((self.ann.contents(), self.there()), (self.before, self.before))

    def test_no_folder(self) -> None:
        """Where the whole folder is hidden the sync stops."""
        self.grant("Docs", "none")
        with self.assertRaisesRegex(OperatorError, "Docs is hidden from your account.*ask the server's owner"):
            self.sync(self.ann)
        self.assertEqual(self.ann.contents(), self.before)
        self.grant("Docs", "all")
        os.rename(os.path.join(self.server.root, "Docs"), os.path.join(self.server.root, "Other"))
        self.log_in()
        with self.assertRaisesRegex(OperatorError, "the server no longer has a folder Docs.*--start-over"):
            self.sync(self.ann)  # the control: the rights are those of before

    def test_read_only(self) -> None:
        """Where the account may only read, what was changed here is refused, and stays here."""
        self.grant("Docs", "read")
        self.ann.put("a", b"edited")
        self.ann.put("new", b"new")
        shutil.rmtree(os.path.join(self.ann.path, "d"))
        self.make_remote_file("Docs/b", b"edited there")
        self.sync(self.ann)
        self.assertEqual(self.outcomes()["a"], Outcome.REFUSED)
        self.assertEqual(self.there(), {**self.before, "b": b"edited there"})
        expected = {**self.before, "a": b"edited", "new": b"new", "b": b"edited there"}
        del expected["d"], expected["d/x"]
        self.assertEqual(self.ann.contents(), expected)


class RestoredTests(SyncCase):
    """A server that was restored from a backup, which lacks what was changed since."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("deleted since", "edited since", "same"):
            self.ann.put(name, b"before")
        self.sync(self.ann)
        self.backup = self.mktemp()
        shutil.copytree(os.path.join(self.server.root, "Docs"), self.backup)
        self.ann.put("edited since", b"after")
        self.ann.put("new since", b"new")
        os.unlink(os.path.join(self.ann.path, "deleted since"))
        self.sync(self.ann)
        self.lost = self.ann.contents()

    def restore(self, share: str = "another") -> None:
        """Restore the files of the backup; the server says then that its share is this one."""
        shutil.rmtree(os.path.join(self.server.root, "Docs"))
        shutil.copytree(self.backup, os.path.join(self.server.root, "Docs"))
        self.client.server_info = structs.replace(self.client.server_info, share=share)

    def test_restored(self) -> None:
        """Nothing of what is here is lost: what the backup lacks comes back, and what differs is kept twice."""
        self.restore()
        notices: list[str] = []
        planned = self.sync(self.ann, dry_run=True).plan
        self.assertEqual(self.ann.contents(), self.lost)
        observer = self.observer()
        observer.on_notice = notices.append
        lock = FolderLock(self.ann.path)
        self.addCleanup(lock.release)
        with self.assertRaises(InUse):
            self.sync(self.ann, observer=observer)
        self.assertEqual(notices, [], "it begins anew when another sync has ended, and says it then")
        lock.release()
        self.assertEqual(list(self.sync(self.ann, observer=observer).plan.actions), list(planned.actions))
        self.assertIn("the server was restored", notices[0])
        copy = "edited since (conflict from ann-laptop 2026-05-01)"
        expected = {"edited since": b"before", copy: b"after", "new since": b"new", "same": b"before"}
        self.assertEqual(self.there(), {**expected, "deleted since": b"before"})
        self.assert_in_step()
        os.unlink(os.path.join(self.ann.path, "same"))
        self.sync(self.ann)
        self.assertNotIn("same", self.there(), "from now on deletions count again")

    def test_control(self) -> None:
        """The control: where the server does not know, the files of the backup count as changes there."""
        self.restore(self.client.server_info.share or "")
        self.sync(self.ann)
        self.assertNotIn("new since", self.ann.contents())

    def test_unmounted(self) -> None:
        """A local folder that is not the synced one stops the sync then, too."""
        self.restore()
        shutil.rmtree(self.ann.path)
        os.mkdir(self.ann.path)
        with self.assertRaisesRegex(OperatorError, "is its disk mounted"):
            self.sync(self.ann)
        self.assertEqual(os.listdir(self.ann.path), [])


class UnmountedTests(SyncCase):
    """A disk is mounted in the folder."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("disk/a", "disk/b/c", "other/x", "1", "2", "3"):
            self.ann.put(name, name.encode())
        self.sync(self.ann)
        self.before = self.ann.contents()
        self.disk, self.away = os.path.join(self.ann.path, "disk"), self.mktemp()

    def unmount(self) -> None:
        """The disk is away: its mount point is an empty folder."""
        os.rename(self.disk, self.away)
        os.mkdir(self.disk)

    def test_away(self) -> None:
        """What is on the disk stays on the server, and that is said; the rest is synced. Then the disk comes back."""
        self.unmount()
        self.ann.put("1", b"edited")
        for direction in ("both", "push", "both"):
            self.sync(self.ann, direction=direction)
            self.assertEqual(self.there(), {**self.before, "1": b"edited"})
            self.assertEqual({name for name, outcome in self.outcomes().items() if not outcome.done}, {"disk"})
        self.assertIn("is its disk mounted?", self.results[0].reason)
        os.rmdir(self.disk)
        os.rename(self.away, self.disk)
        self.assert_in_step()

    def test_watch(self) -> None:
        """An event for one name in it has the same outcome."""
        self.unmount()
        self.make_remote_file("Docs/disk/a", b"changed there")
        for scope in (Scope.of(["disk/a"]), Scope.of(["disk/b/c"]), Scope.of(["disk"])):
            self.sync(self.ann, scope=scope)
            self.assertEqual(self.there(), {**self.before, "disk/a": b"changed there"})
            self.assertEqual(os.listdir(self.disk), [])

    def test_confirmed(self) -> None:
        """What was on it is deleted when a person says so."""
        self.unmount()
        self.sync(self.ann, max_delete=2)
        self.assertEqual(
            self.there(), {name: self.before[name] for name in ("other", "other/x", "1", "2", "3")} | {"disk": None}
        )

    def test_pull(self) -> None:
        """A folder that is made like the server's is filled again."""
        self.unmount()
        self.sync(self.ann, direction="pull")
        self.assertEqual(self.ann.contents(), self.before)

    def test_emptied(self) -> None:
        """The controls: a folder that is the same one was emptied, and one that was renamed has left its name."""
        os.unlink(os.path.join(self.disk, "a"))
        shutil.rmtree(os.path.join(self.disk, "b"))
        self.ann.rename("other", "renamed")
        os.mkdir(os.path.join(self.ann.path, "other"))
        self.sync(self.ann)
        self.assertEqual(set(self.there()), {"disk", "other", "renamed", "renamed/x", "1", "2", "3"})
        self.assert_in_step()
