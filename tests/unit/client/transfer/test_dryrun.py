"""A transfer that only says what it would do."""

from __future__ import annotations

import os
from typing import Callable

from homeftp.client import Outcome
from tests.support.transfers import NEW, OLD, TransferCase, folders, stamp, tree


class DryRunTests(TransferCase):
    """push and get with `dry_run`: the results of the transfer itself, and nothing that it does."""

    def setUp(self) -> None:
        super().setUp()
        self.local = os.path.join(self.here, "lib")

    def test_push(self) -> None:
        """Results are those of a push, and the server stays as it was; the control is the push."""
        self.make_file("lib/same")
        self.make_file("lib/changed", b"newer", mtime=NEW)
        self.make_file("lib/older", b"older!", mtime=OLD)
        self.make_file("lib/time", mtime=NEW)
        self.make_file("lib/new/sub/file")
        self.make_remote_file("lib/same")
        self.make_remote_file("lib/changed", b"old", mtime=OLD)
        self.make_remote_file("lib/older", b"newest", mtime=NEW)
        self.make_remote_file("lib/time", mtime=OLD)
        self.have_seen("lib/changed", b"old")
        self.have_seen("lib/older", b"newest")
        before = self.remote_files(), folders(self.server.root)
        times = {name: stamp(os.path.join(self.server.root, name)) for name in before[0]}
        observer = self.push(self.local, "lib", recursive=True, dry_run=True)
        planned = self.outcomes()
        self.assertEqual((self.remote_files(), folders(self.server.root)), before)
        self.assertEqual({name: stamp(os.path.join(self.server.root, name)) for name in before[0]}, times)
        self.assertEqual(observer.bytes_moved, 0)
        self.assertEqual((planned["new/sub"], planned["older"]), (Outcome.NEW, Outcome.NEWER))
        self.push(self.local, "lib", recursive=True)
        self.assertEqual(self.outcomes(), planned)
        self.assertNotEqual((self.remote_files(), folders(self.server.root)), before)

    def test_get(self) -> None:
        """The same for a get; nothing is made, not even the target folder."""
        for name in ("same", "new/sub/file", "changed", "time"):
            self.make_remote_file(f"lib/{name}")
        self.get("lib", self.local, recursive=True, dry_run=True)
        self.assertEqual(self.outcomes()["new/sub"], Outcome.NEW)
        self.assertFalse(os.path.exists(self.local))
        self.make_file("lib/same")
        self.make_file("lib/changed", b"old", mtime=OLD)
        self.make_file("lib/time", mtime=OLD)
        before = tree(self.here), stamp(os.path.join(self.local, "time"))
        self.get("lib", self.local, recursive=True, dry_run=True)
        planned = self.outcomes()
        self.assertEqual((tree(self.here), stamp(os.path.join(self.local, "time"))), before)
        self.get("lib", self.local, recursive=True)
        self.assertEqual(self.outcomes(), planned)
        self.assertNotEqual(tree(self.here), before[0])

    def test_force(self) -> None:
        """With `force` it says that everything would be replaced."""
        self.make_file("lib/a", b"old", mtime=OLD)
        self.make_remote_file("lib/a", b"newer", mtime=NEW)
        for transfer, source, target in ((self.push, self.local, "lib"), (self.get, "lib", self.local)):
            transfer(source, target, recursive=True, force=True, dry_run=True)
            self.assertEqual(self.outcomes()["a"], Outcome.REPLACED)
        self.assertEqual((self.server.read("lib/a"), tree(self.local)["a"]), (b"newer", b"old"))

    def check_obstacle(self, transfer: Callable[..., object], source: str, target: str, outcome: Outcome) -> None:
        """What cannot be stored, as a file has the name of one of its folders, is told beforehand in the same words."""
        found = []
        for dry_run in (True, False):
            transfer(source, target, recursive=True, dry_run=dry_run)
            found.append({(result.name, result.kind): (result.outcome, result.reason) for result in self.results})
        self.assertEqual(found[0], found[1])
        names = {("taken", "directory"), ("taken/sub", "directory"), ("taken/sub/file", "file"), ("other", "file")}
        self.assertEqual(set(found[0]), names)
        self.assertEqual(found[0].pop(("other", "file")), (Outcome.NEW, ""))
        for found_outcome, reason in found[0].values():
            self.assertEqual(found_outcome, outcome)
            self.assertIn("file where this needs a folder: move or remove it", reason)

    def test_file_where_push_needs_folder(self) -> None:
        """A push is refused what is beneath a file of the server, and sends the rest."""
        self.make_file("lib/taken/sub/file")
        self.make_file("lib/other")
        self.make_remote_file("lib/taken")
        self.check_obstacle(self.push, self.local, "lib", Outcome.REFUSED)

    def test_file_where_get_needs_folder(self) -> None:
        """A get fails for what is beneath a local file, and fetches the rest."""
        self.make_remote_file("lib/taken/sub/file")
        self.make_remote_file("lib/other")
        self.make_file("lib/taken")
        self.check_obstacle(self.get, "lib", self.local, Outcome.FAILED)

    def test_large(self) -> None:
        """Large files are planned without being sent or fetched."""
        big = bytes(5_000_000)
        self.make_file("lib/up", big)
        self.push(self.local, "lib", recursive=True, dry_run=True)
        self.assertEqual((self.outcomes()["up"], self.remote_files()), (Outcome.NEW, {}))
        self.make_remote_file("lib/down", big)
        self.get("lib", self.local, recursive=True, dry_run=True)
        self.assertEqual((self.outcomes()["down"], set(tree(self.local))), (Outcome.NEW, {"up"}))
