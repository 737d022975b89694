"""Names that patterns leave out for a while are synced on as they were agreed when they are included again."""

from __future__ import annotations

import os
from unittest import mock

from homeftp.client import Outcome
from homeftp.client.selection import IGNORE_FILE, Selection
from homeftp.client.sync import leftout
from homeftp.client.sync.scope import Scope
from tests.support.syncs import SyncedCase


class LeftOutTests(SyncedCase):
    """Both laptops have synced `a.txt`, `d/x` and `d/y`."""

    def exclude(self, *patterns: str) -> None:
        """Write an ignore file, and sync."""
        self.ann.put(IGNORE_FILE, "\n".join(patterns).encode())
        self.sync(self.ann)

    def include(self) -> None:
        """Remove the ignore file, and sync."""
        os.unlink(os.path.join(self.ann.path, IGNORE_FILE))
        self.sync(self.ann)
        self.assert_in_step()

    def edit_there(self) -> None:
        """Edit all on the server."""
        for name in ("a.txt", "d/x", "d/y"):
            self.make_remote_file(f"Docs/{name}", b"edited there")

    def test_edited_there(self) -> None:
        """What the server has changed meanwhile comes here, and is no conflict; files in a folder, too."""
        for patterns in (("a.txt", "d"), ("a.txt", "d/*")):
            self.exclude(*patterns)
            self.edit_there()
            self.sync(self.ann)
            self.assertNotIn(b"edited there", self.ann.contents().values(), "the control")
            self.include()
            self.assertEqual(set(self.ann.contents()), set(self.before))
            self.assertEqual(self.ann.contents()["d/x"], b"edited there")
            self.setUp()

    def test_edited_here_and_deleted(self) -> None:
        """An edit here goes to the server, and a deletion there comes here."""
        self.exclude("*.txt", "d/x")
        self.ann.put("a.txt", b"edited")
        os.unlink(os.path.join(self.server.root, "Docs/d/x"))
        self.sync(self.ann)
        self.include()
        self.assertEqual(self.there(), {"a.txt": b"edited", "d": None, "d/y": b"yy"})

    def test_conflict(self) -> None:
        """Edits on both sides are a conflict."""
        self.exclude("*.txt")
        self.ann.put("a.txt", b"edited")
        self.edit_there()
        self.include()
        self.assertEqual(len(self.there()), len(self.before) + 1)

    def test_same_folder(self) -> None:
        """A folder of which all else is the same, and is recorded anew, keeps what was agreed of the rest."""
        self.exclude("d/x")
        os.unlink(os.path.join(self.server.root, "Docs/d/x"))
        self.ann.put("d/y", b"new")
        for _ in range(3):
            self.sync(self.ann)
        self.include()
        self.assertEqual(self.there(), {"a.txt": b"one", "d": None, "d/y": b"new"})

    def test_deleted_before(self) -> None:
        """What the server had deleted already when it was left out is deleted here when it is included again."""
        os.unlink(os.path.join(self.server.root, "Docs/d/x"))
        self.sync(self.ann, selection=Selection(("d/x",)))
        self.assertIn("d/x", self.ann.contents(), "the control")
        self.sync(self.ann)
        self.assertEqual(self.there(), {"a.txt": b"one", "d": None, "d/y": b"yy"})
        self.assert_in_step()

    def test_included_unchanged(self) -> None:
        """What was included again, and had not changed, is synced on; a whole folder, too."""
        for pattern in ("d/*", "d"):
            self.sync(self.ann, selection=Selection((pattern,)))
            self.sync(self.ann)
            self.ann.put("d/x", pattern.encode())
            os.unlink(os.path.join(self.ann.path, "d/y"))
            self.sync(self.ann)
            self.assertEqual(self.there(), {"a.txt": b"one", "d": None, "d/x": pattern.encode()})
            self.ann.put("d/y", b"again")
            self.sync(self.ann)
            self.assert_in_step()

    def test_renamed_folder(self) -> None:
        """What is left out in a folder that is renamed goes with it; what gets the old name later is new."""
        for new in (b"", b"other"):
            self.ann.put("d/x.log", b"")
            self.sync(self.ann)
            self.sync(self.ann, selection=Selection(("*.log",)))
            self.ann.rename("d", "e")
            self.sync(self.ann, selection=Selection(("*.log",)))
            self.ann.put("d/x.log", new)
            self.ann.put("e/x.log", b"edited")
            self.sync(self.ann)
            self.assertEqual(self.there(), {**self.before_in_e(), "e/x.log": b"edited", "d": None, "d/x.log": new})
            self.assert_in_step()
            self.setUp()

    def before_in_e(self) -> dict[str, bytes | None]:
        """What was there before, once `d` is renamed to `e`."""
        return {name.replace("d", "e", 1): content for name, content in self.before.items()}

    def test_parts(self) -> None:
        """A watch, which compares what events name, knows it as well."""
        self.exclude("*.txt")
        self.edit_there()
        os.unlink(os.path.join(self.ann.path, IGNORE_FILE))
        self.sync(self.ann, scope=Scope.of([IGNORE_FILE, "a.txt", "d"]))
        self.assert_in_step()
        self.assertEqual(set(self.ann.contents()), set(self.before))

    def test_plan(self) -> None:
        """A plan that is only shown forgets nothing, and includes nothing."""
        for dry_run in (True, False):
            self.sync(self.ann, selection=Selection(("*.txt",)), dry_run=dry_run)
        self.edit_there()
        for dry_run in (True, True, False):
            plan = self.sync(self.ann, dry_run=dry_run).plan
            self.assertEqual({action.act.value for action in plan.actions}, {"copy"})

    def test_bound(self) -> None:
        """Of very many names the ones that were left out last are remembered; of the others there is a conflict."""
        with mock.patch.object(leftout, "MOST_NAMES", 1):
            self.exclude("a.txt")
            self.exclude("a.txt", "d/x")
        self.edit_there()
        self.include()
        copies = [name for name in self.there() if "conflict" in name]
        self.assertEqual([copy[0] for copy in copies], ["a"])

    def test_start_over(self) -> None:
        """To start over forgets it, too: there is a conflict."""
        self.exclude("a.txt")
        self.sync(self.ann, start_over=True)
        self.edit_there()
        self.include()
        self.assertEqual(len([name for name in self.there() if "conflict" in name]), 1)

    def test_files_that_count(self) -> None:
        """What is left out does not count among the files of which half may be deleted."""
        for number in range(10):
            self.ann.put(f"out/{number}")
        self.sync(self.ann)
        self.exclude("out")
        for name in ("a.txt", "d/x", "d/y", IGNORE_FILE):
            os.unlink(os.path.join(self.ann.path, name))
        self.ann.put(IGNORE_FILE, b"out")
        for scope in (Scope.of(["a.txt", "d"]), Scope.of([""])):
            with self.assertRaisesRegex(Exception, "would be deleted"):
                self.sync(self.ann, scope=scope)
        self.assertNotIn(Outcome.DELETED, self.outcomes().values())
