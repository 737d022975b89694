"""The renamer: one step for each change of a name, and a quota that follows it."""

from __future__ import annotations

import os

from homeftp.endpoint import ROOT, parse
from homeftp.errors import Changed
from homeftp.model import ABSENT, SERVER
from homeftp.store.local.commit.pending import ExistingTarget, PendingRename, PendingUnlink, PinnedFile
from homeftp.store.local.commit.renamer import Renamer, TargetAppeared
from homeftp.store.local.disk.books import Books
from homeftp.store.local.disk.fsync import Fsync
from homeftp.syscalls import System
from tests.support.stores import StoreCase

BLOCKS = 100


class RenamerTests(StoreCase):
    """One directory, and a quota."""

    def setUp(self) -> None:
        """Make files, and count them."""
        super().setUp()
        self.lay("source", b"new")
        self.lay("target", b"old")
        root, _ = self.opened_root()
        system = System()
        books = Books(root, BLOCKS * 4096)
        self.usage = books.whole
        self.usage.count()
        self.renamer = Renamer(root, system, Fsync(system, False), books)
        self.handle = root.open_directory(ROOT)
        self.addCleanup(os.close, self.handle.fd)

    def pending(self, target: str, precondition: str | None = None) -> PendingRename:
        """The source is to be renamed to the target."""
        return PendingRename(
            source=PinnedFile(-1, self.handle.fd, b"source"),
            handle=self.handle,
            endpoint=parse(target),
            precondition=precondition,
            expected=None,
            hash=None,
            hashed_ns=0,
            size=3,
            actor=SERVER,
        )

    def free(self) -> int:
        """The blocks that the quota has left."""
        return (self.usage.left() or 0) // 4096

    def test_replaced(self) -> None:
        """A file that is replaced and not archived no longer counts, unless it has another name."""
        found = os.stat(self.path("target"))
        before = self.free()
        self.renamer.rename(self.pending("target"), ExistingTarget(found, None))
        self.assertEqual((self.content("target"), self.free()), (b"new", before + 1))
        os.link(self.path("target"), self.path("linked"))
        self.lay("source", b"new")
        self.renamer.rename(self.pending("target"), ExistingTarget(os.stat(self.path("target")), None))
        self.assertEqual(self.free(), before + 1)

    def test_appeared(self) -> None:
        """A target that appeared is never replaced unseen."""
        for precondition, kind in ((None, TargetAppeared), (ABSENT, Changed)):
            with self.assertRaises(kind):
                self.renamer.rename(self.pending("target", precondition), ExistingTarget(None, None))
        self.assertEqual((self.content("target"), self.content("source")), (b"old", b"new"))

    def test_directory(self) -> None:
        """A directory is renamed only where nothing exists."""
        os.mkdir(self.path("d"))
        pending = PendingUnlink(self.handle, parse("d"), None)
        with self.assertRaises(FileExistsError):
            self.renamer.rename_directory(pending, self.handle, parse("target"))
        self.renamer.rename_directory(pending, self.handle, parse("e"))
        self.assertEqual(sorted(os.listdir(self.root)), [".homeftp", "e", "source", "target"])
