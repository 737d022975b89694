"""get that deletes what only this machine has."""

from __future__ import annotations

import os

from homeftp.client import DeletionPlan, Outcome, Selection
from homeftp.errors import OperatorError
from tests.support.transfers import TransferCase, folders, stamp, tree


class MirrorTests(TransferCase):
    """get with `delete`."""

    def setUp(self) -> None:
        super().setUp()
        self.local = os.path.join(self.here, "lib")
        for name in ("a", "sub/c", "sub/d"):
            self.make_remote_file(f"lib/{name}")
        self.get("lib", self.local, recursive=True)

    def here_now(self) -> set[str]:
        return set(tree(self.local))

    def test_deleted(self) -> None:
        """What is gone there goes here, with its folders; the folders that are left have the server's times."""
        for name in ("extra", "old/x/e", "2019: Rome"):
            self.make_file(f"lib/{name}")
        self.get("lib", self.local, recursive=True)
        self.assertIn("extra", self.here_now(), "the control")
        self.get("lib", self.local, recursive=True, delete=True)
        self.assertEqual((self.here_now(), folders(self.local)), ({"a", "sub/c", "sub/d"}, {"sub"}))
        deleted = {name for name, outcome in self.outcomes().items() if outcome is Outcome.DELETED}
        self.assertEqual(deleted, {"extra", "old", "old/x", "old/x/e", "2019\u201b\uff1a Rome"})
        self.assertEqual(stamp(self.local)[0], stamp(os.path.join(self.server.root, "lib"))[0])

    def test_dry_run(self) -> None:
        """A dry run only reports."""
        self.make_file("lib/extra")
        self.get("lib", self.local, recursive=True, delete=True, dry_run=True)
        self.assertEqual(self.outcomes()["extra"], Outcome.DELETED)
        self.assertIn("extra", self.here_now())

    def test_guard(self) -> None:
        """A wrong source deletes nothing."""
        self.make_remote_file("wrong/new")
        with self.assertRaisesRegex(OperatorError, "3 of the 3 files in .* would be deleted"):
            self.get("wrong", self.local, recursive=True, delete=True)
        self.assertEqual(self.here_now(), {"a", "sub/c", "sub/d"})

    def test_several(self) -> None:
        """Two folders that go to one target are refused, and so is a file."""
        self.make_remote_file("two/x")
        for sources in (("lib/", "two/"), ("lib/", "lib/a")):
            with self.assertRaises(OperatorError):
                self.get(*sources, self.local, recursive=True, delete=True, max_delete=9)
        self.assertEqual(self.here_now(), {"a", "sub/c", "sub/d"})
        self.get("lib", "two", os.path.join(self.here, "both"), recursive=True, delete=True)
        self.assertEqual(set(tree(os.path.join(self.here, "both"))), {"lib/a", "lib/sub/c", "lib/sub/d", "two/x"})

    def test_stays(self) -> None:
        """What the selection leaves out stays, and links, and a file that changes meanwhile."""
        for name in ("extra", "keep.tmp", "old/keep.tmp", "linked/x"):
            self.make_file(f"lib/{name}")
        os.symlink("../a", os.path.join(self.local, "linked", "link"))

        async def confirm(plan: DeletionPlan) -> bool:
            self.make_file("lib/extra", b"changed meanwhile")
            return True

        options = {"recursive": True, "delete": True, "selection": Selection(("*.tmp",)), "confirm_deletion": confirm}
        self.get("lib", self.local, **options)
        self.assertEqual(self.outcomes()["extra"], Outcome.FAILED)
        kept = {"a", "sub/c", "sub/d", "extra", "keep.tmp", "old/keep.tmp"}
        self.assertEqual(self.here_now() - {"linked/link"}, kept)
        self.assertTrue(os.path.islink(os.path.join(self.local, "linked", "link")))
