"""A rename that the other side refuses loses nothing: what is not copied to its new name keeps the old one."""

from __future__ import annotations

import os

from homeftp.accounts.access import AccessTable, parse_folder
from homeftp.client import Outcome
from homeftp.store.policy.rights import parse_rights
from tests.support.syncs import SyncCase


class RefusedRenameTests(SyncCase):
    """Something is moved to where the account may only read."""

    def setUp(self) -> None:
        super().setUp()
        self.accesses = AccessTable(self.server.state)
        self.server.state.add_account("ann", None)
        self.grant("read")
        for name in ("rw/1", "rw/2", "rw/d/x", "rw/d/e/y", "rw/d/e/z", "rw/d/v", "rw/d/w", "rw/other"):
            self.ann.put(name, name.encode())
        os.makedirs(os.path.join(self.ann.path, "rw/none/deep"))
        self.make_remote_file("Docs/ro/a", b"a")
        self.sync(self.ann)
        self.sync(self.bob)
        self.before = self.there()

    def grant(self, rights: str) -> None:
        """Change what the account may do in the folder, and log in again."""
        self.accesses.grant("ann", parse_folder("Docs/ro"), parse_rights(rights))
        self.start_client()
        self.new_cache()

    def move(self) -> dict[str, bytes | None]:
        """Move files and folders, with edits; gives what Ann has then."""
        self.ann.rename("rw/1", "ro/1")
        self.ann.rename("rw/2", "ro/2")
        self.ann.rename("rw/d", "ro/d")
        self.ann.rename("ro/d/x", "ro/d/moved")
        self.ann.put("ro/d/e/y", b"edited")
        self.ann.rename("rw/none", "ro/none")
        return self.ann.contents()

    def test_refused(self) -> None:
        """Nothing is deleted on the server, however often it is tried; once permitted, both sides agree."""
        expected = self.move()
        for _ in range(3):
            self.sync(self.ann, max_delete=0)
            self.assertEqual(self.there(), self.before)
            self.assertEqual(self.ann.contents(), expected)
            self.assertNotIn(Outcome.DELETED, self.outcomes().values())
            stays = [each.name for each in self.results if each.reason.startswith("not renamed to ro/")]
            self.assertEqual(sorted(stays), ["rw/1", "rw/2", "rw/d", "rw/none/deep"], "each is said once")
            self.assertEqual(self.outcomes()["ro/1"], Outcome.REFUSED)
        self.sync(self.bob)
        self.assertEqual(self.bob.contents(), self.before)
        self.grant("all")
        self.sync(self.ann, max_delete=0)
        self.assertEqual(self.ann.contents(), expected)
        self.assert_in_step()

    def test_one_way(self) -> None:
        """Where only the server is changed what the plan has said is deleted there is deleted, and nothing else."""
        self.make_remote_file("Docs/rw/d/extra", b"only there")
        self.ann.rename("rw/d", "ro/d")
        os.unlink(os.path.join(self.ann.path, "rw/other"))
        self.sync(self.ann, direction="push", max_delete=2)
        expected = {name: content for name, content in self.before.items() if name != "rw/other"}
        self.assertEqual(self.there(), expected)
