"""The local directories of a get: their modes and times, and what cannot be set."""

from __future__ import annotations

import os

from homeftp.client import Outcome, TransferContext
from homeftp.workers import InlineWorkers
from tests.support.coarsedisks import AnothersFiles
from tests.support.transfers import NEW, OLD, TransferCase, stamp


class LocalDirectoryTests(TransferCase):
    """A tree `lib` on the server, with a folder that only its owner may read."""

    def setUp(self) -> None:
        super().setUp()
        self.make_remote_file("lib/private/a", mtime=OLD)
        self.private = f"{self.server.root}/lib/private"
        os.chmod(self.private, 0o500)
        os.utime(self.private, (OLD, OLD))

    def test_new(self) -> None:
        """A new one gets the server's time, and its mode with all rights for the owner, and is the same then."""
        self.get("lib", f"{self.here}/lib", recursive=True)
        self.assertEqual(stamp(f"{self.here}/lib/private"), (OLD * 10**6, 0o700))
        self.assertEqual(self.outcomes()["private"], Outcome.NEW)
        self.assertEqual(dict(self.get("lib", f"{self.here}/lib", recursive=True).counts), {Outcome.SAME: 1})
        self.assertEqual(dict(self.cmp(f"{self.here}/lib", "lib", perms=True).counts), {Outcome.SAME: 1})

    def test_existing(self) -> None:
        """One that exists gets the time, and the mode only where that is asked for."""
        os.makedirs(f"{self.here}/lib/private")
        os.chmod(f"{self.here}/lib/private", 0o755)
        self.get("lib", f"{self.here}/lib", recursive=True)
        self.assertEqual(stamp(f"{self.here}/lib/private"), (OLD * 10**6, 0o755))
        self.get("lib", f"{self.here}/lib", recursive=True, perms=True)
        self.assertEqual(stamp(f"{self.here}/lib/private"), (OLD * 10**6, 0o700))

    def test_anothers(self) -> None:
        """Where the local ones belong to another user, the files are fetched; what could not be set is said once."""
        os.makedirs(f"{self.here}/lib/private")
        os.utime(f"{self.here}/lib/private", (NEW, NEW))
        self.context = TransferContext(InlineWorkers(), AnothersFiles())
        observer = self.observer()
        notices: list[str] = []
        observer.on_notice = notices.append
        observer.add_unapplied(["private", "private/a", "b"], "this machine")
        self.assertIn("private and 2 others: the time or mode could not be set on this machine", notices[0])
        observer = self.get("lib", f"{self.here}/lib", recursive=True)
        self.assertEqual(dict(observer.counts), {Outcome.NEW: 1})
        self.assertEqual(dict(self.get("lib", f"{self.here}/lib", recursive=True).counts), {Outcome.SAME: 1})

    def test_failed(self) -> None:
        """One that cannot be made fails, and so does what is in it; the rest is fetched."""
        self.make_remote_file("lib/other/b")
        self.make_file("lib/private", b"a file")
        self.get("lib", f"{self.here}/lib", recursive=True)
        self.assertEqual(self.outcomes()["private"], Outcome.FAILED)
        self.assertEqual(self.outcomes()["other/b"], Outcome.NEW)
