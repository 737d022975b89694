"""Syncs that stop, or leave something, so that nothing is lost: too many deletions, a missing disk, a lost state."""

from __future__ import annotations

import os
import shutil
from unittest import mock

from homeftp.client import Outcome
from homeftp.client.sync.archive import SyncArchive
from homeftp.client.sync.model import SyncPlan
from homeftp.errors import BadEndpoint, OperatorError
from tests.support.syncs import CONFLICT_COPY, SyncedCase


class CarefulSyncTests(SyncedCase):
    """Something is wrong with a side, or with what a laptop remembers."""

    def test_empty_file(self) -> None:
        """A file that a crash has emptied replaces nothing, and is reported until a person decides."""
        self.ann.put("a.txt", b"")
        self.sync(self.ann)
        self.assertEqual(self.outcomes(), {"a.txt": Outcome.SUSPICIOUS})
        self.assertEqual(self.there(), self.before)
        self.sync(self.ann, prefer="there")
        self.assertEqual(self.ann.contents(), self.before)
        self.assert_in_step()

    def test_most_deleted(self) -> None:
        """A plan that deletes more than half of a side stops, and changes nothing; --max-delete allows it."""
        shutil.rmtree(os.path.join(self.ann.path, "d"))
        error = self.assertRaises(OperatorError, self.sync, self.ann)
        self.assertIn("2 of the 3 files on the server would be deleted", str(error))
        self.assertEqual(self.there(), self.before)
        self.sync(self.ann, max_delete=2)
        self.assertEqual(self.there(), {"a.txt": b"one"})

    def test_not_deleted(self) -> None:
        """Of a folder that stays because a file in it cannot be deleted nothing is said, but of the file."""
        shutil.rmtree(os.path.join(self.bob.path, "d"))
        self.sync(self.bob, max_delete=2)

        async def confirm(plan: SyncPlan) -> bool:
            self.ann.put("d/x", b"edited meanwhile")
            return True

        self.sync(self.ann, max_delete=2, confirm=confirm)
        self.assertEqual([result.name for result in self.results if not result.outcome.done], ["d/x"])
        self.assertEqual(set(self.ann.contents()), {"a.txt", "d", "d/x"})

    def test_forgetful(self) -> None:
        """Where what is agreed on cannot be recorded, as in a file of another user, each sync says so. Both go on."""
        self.ann.archive.close()
        self.ann.archive = SyncArchive(os.path.join(self.ann.path, "a.txt/sync.sqlite"))
        self.ann.put("new", b"new")
        for _ in range(2):
            observer, notices = self.observer(), list[str]()
            observer.on_notice = notices.append
            self.sync(self.ann, observer=observer)
            self.assertIn("a.txt/sync.sqlite cannot be written", notices[0])
            self.assertEqual(self.there(), self.ann.contents())
        notices.clear()
        self.sync(self.bob, observer=observer)
        self.assertEqual(notices, [], "the control: a database that can be written")

    def test_missing_disk(self) -> None:
        """An empty folder where the synced one was is not taken for deletions; starting over keeps both sides."""
        shutil.rmtree(self.ann.path)
        for _ in range(2):
            error = self.assertRaises(OperatorError, self.sync, self.ann)
            self.assertIn("is its disk mounted?", str(error))
            self.assertFalse(os.path.exists(self.ann.path), "the folder of a mount must not be made")
        os.mkdir(self.ann.path)
        error = self.assertRaises(OperatorError, self.sync, self.ann)
        self.assertIn("is its disk mounted?", str(error))
        self.assertEqual(os.listdir(self.ann.path), [])
        self.ann.put("new", b"new")
        self.sync(self.ann, start_over=True)
        self.assertEqual(self.ann.contents(), {**self.before, "new": b"new"})
        self.assert_in_step()

    def test_name_refused(self) -> None:
        """Where a file of a conflict cannot get its other name, both sides stay as they are until the next sync."""
        os.unlink(os.path.join(self.ann.path, "a.txt"))
        self.ann.put("a.txt/new", b"new")
        self.make_remote_file("Docs/a.txt", b"edited")
        before = self.ann.contents(), self.there()
        with mock.patch.object(self.client, "move", side_effect=BadEndpoint("not this name")):
            self.sync(self.ann)
        (failed,) = self.results
        self.assertEqual((failed.name, failed.outcome), ("a.txt", Outcome.FAILED))
        self.assertIn("not this name", failed.reason)
        self.assertEqual((self.ann.contents(), self.there()), before)
        self.sync(self.ann)
        self.assertLessEqual({b"new", b"edited"}, set(self.there().values()))
        self.assert_in_step()

    def test_missing_there(self) -> None:
        """A folder that is gone from the server is not taken for deletions either."""
        os.rename(os.path.join(self.server.root, "Docs"), os.path.join(self.server.root, "Other"))
        error = self.assertRaises(OperatorError, self.sync, self.ann)
        self.assertIn("the server no longer has a folder Docs", str(error))
        self.sync(self.ann, start_over=True)
        self.assertEqual((self.ann.contents(), self.there()), (self.before, self.before))

    def test_forgotten(self) -> None:
        """Where the state is lost, what exists on either side is kept, and the rest is agreed on again."""
        self.ann.archive = SyncArchive(None)
        self.addCleanup(self.ann.archive.close)
        self.ann.put("a.txt", b"ann's")
        os.unlink(os.path.join(self.ann.path, "d/x"))
        self.sync(self.ann)
        self.assertEqual(self.there(), {**self.before, CONFLICT_COPY: b"ann's"})
        self.assert_in_step()

    def test_expected_plan(self) -> None:
        """A plan that was made earlier is carried out where nothing has changed since, and else refused."""
        self.ann.put("a.txt", b"two")
        plan = self.sync(self.ann, dry_run=True).plan
        self.ann.put("b.txt", b"b")
        error = self.assertRaises(OperatorError, self.sync, self.ann, expected=plan)
        self.assertIn("make it again", str(error))
        self.assertEqual(self.there(), self.before)
        os.unlink(os.path.join(self.ann.path, "b.txt"))
        self.sync(self.ann, expected=plan)
        self.assertEqual(self.there(), {**self.before, "a.txt": b"two"})
