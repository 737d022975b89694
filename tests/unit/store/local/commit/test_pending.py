"""Pending changes: what the audit log records of them."""

from __future__ import annotations

import os

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.model import PRESENT, Actor, Change
from homeftp.store.local.commit.pending import (
    ExistingTarget,
    PendingRename,
    PendingUnlink,
    PinnedFile,
    PreparedFile,
    RenameTarget,
    rename_change,
    unlink_change,
)
from homeftp.store.local.disk.handles import DirHandle

ANN = Actor("ann")
HANDLE = DirHandle(-1, same_mount=True)
OLD = os.stat_result((0, 0, 0, 0, 0, 0, 30, 0, 0, 0))
FILE = PreparedFile(PinnedFile(-1, -1, b"x"), 20, "h", 0)
TARGET = RenameTarget(HANDLE, parse("new"), None, None)
PENDING = PendingRename(FILE, TARGET, ANN)


class PendingTests(SynchronousTestCase):
    """Renames and removals."""

    def test_renamed(self) -> None:
        """A new file is added; an old one is replaced, with its size, and its hash if that was the precondition."""
        self.assertEqual(
            rename_change(PENDING, ExistingTarget(None, None)),
            Change("add", "file", parse("new"), ANN, size=20, hash="h"),
        )
        replaced = Change("replace", "file", parse("new"), ANN, size=20, hash="h", old_size=30)
        self.assertEqual(rename_change(PENDING, ExistingTarget(OLD, None)), replaced)
        present = PendingRename(FILE, structs.replace(TARGET, precondition=PRESENT), ANN)
        self.assertEqual(rename_change(present, ExistingTarget(OLD, None)), replaced, "PRESENT is no hash")
        known = PendingRename(FILE, RenameTarget(HANDLE, parse("new"), "old", "signature"), ANN)
        self.assertEqual(rename_change(known, ExistingTarget(OLD, None)), structs.replace(replaced, old_hash="old"))

    def test_moved(self) -> None:
        """A moved file has its old name, and its hash if that was the precondition."""
        unlink = PendingUnlink(HANDLE, parse("from"), None, "h")
        moved = PendingRename(structs.replace(FILE, hash=None), TARGET, ANN, unlink)
        expected = Change("move", "file", parse("from"), ANN, parse("new"), 20, "h")
        self.assertEqual(rename_change(moved, ExistingTarget(None, None)), expected)
        self.assertEqual(rename_change(moved, ExistingTarget(OLD, None)), structs.replace(expected, old_size=30))
        self.assertEqual((moved.known_hash, PENDING.known_hash), ("h", "h"))

    def test_removed(self) -> None:
        """A removed file had a size."""
        change = unlink_change(PendingUnlink(HANDLE, parse("a"), None), OLD, ANN)
        self.assertEqual(change, Change("delete", "file", parse("a"), ANN, old_size=30))
