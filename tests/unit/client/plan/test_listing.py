"""What the server lists, as a plan sees it."""

from __future__ import annotations

import os

from homeftp.client import (
    Outcome,
)
from tests.support.transfers import TransferCase, tree


class ListingTests(TransferCase):
    """Entries that cannot be fetched."""

    def test_skipped(self) -> None:
        """A link on the server is skipped, with a reason."""
        self.make_remote_file("lib/a")
        os.symlink("a", f"{self.server.root}/lib/link")
        observer = self.get("lib", f"{self.here}/out", recursive=True)
        self.assertEqual(observer.counts, {Outcome.SKIPPED: 1, Outcome.NEW: 2})
        self.assertEqual(tree(f"{self.here}/out"), {"a": b"content"})

    def test_illegal_name(self) -> None:
        """A name that the wire cannot carry fails, in get and in cmp."""
        self.make_remote_file("lib/a")
        self.make_remote_file("lib/what?")
        os.close(os.open(os.fsencode(f"{self.server.root}/lib/") + b"\xff", os.O_CREAT))
        observer = self.get("lib", f"{self.here}/out", recursive=True)
        self.assertEqual(observer.counts, {Outcome.FAILED: 2, Outcome.NEW: 2})
        self.assertEqual(self.cmp(f"{self.here}/out", "lib").counts, {Outcome.FAILED: 2, Outcome.SAME: 1})
