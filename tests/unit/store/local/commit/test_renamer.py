"""The renamer: one step for each change of a name, and a quota that follows it."""

from __future__ import annotations

import errno
import os
from unittest import mock

from homeftp.config import Retention
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Changed
from homeftp.model import ABSENT, SERVER
from homeftp.store.local.commit.pending import (
    ExistingTarget,
    PendingRename,
    PendingUnlink,
    PinnedFile,
    PreparedFile,
    RenameTarget,
)
from homeftp.store.local.commit.renamer import NO_VERSIONS, Renamer, TargetAppeared, can_keep_versions
from homeftp.store.local.disk.accounting import QuotaAccounting
from homeftp.store.local.disk.fsync import Fsync
from homeftp.syscalls import System
from tests.support.stores import StoreCase

BLOCKS = 100


class OldContentTests(StoreCase):
    """Whether a disk can keep what is replaced."""

    def test_can(self) -> None:
        """One of an exchange and a hard link suffices; nothing is left. The owner is told where there is neither."""

        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

        for lacking, seconds, expected in (
            ((), 60, []),
            (("exchange",), 60, []),
            (("link",), 60, []),
            (("exchange", "link"), 60, [NO_VERSIONS]),
            (("exchange", "link"), 0, []),
        ):
            system = System()
            for name in lacking:
                setattr(system, name, refuse)
            store = self.store(system, retention=Retention(seconds=seconds))
            self.assertEqual((list(store.problems()), self.left()), (expected, []), lacking)
            store.close()

    def test_full(self) -> None:
        """On a full disk nothing can be found out, and nothing is said."""
        _, metadata_dir = self.opened_root()
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with mock.patch("os.open", side_effect=full):
            self.assertTrue(can_keep_versions(System(), metadata_dir.incoming))


class RenamerTests(StoreCase):
    """One directory, and a quota."""

    def setUp(self) -> None:
        """Make files, and count them."""
        super().setUp()
        self.lay("source", b"new")
        self.lay("target", b"old")
        root, _ = self.opened_root()
        system = System()
        accounting = QuotaAccounting(root, BLOCKS * 4096)
        self.usage = accounting.whole
        self.usage.count()
        self.renamer = Renamer(root, system, Fsync(system, False), accounting)
        self.handle = root.open_directory(ROOT)
        self.addCleanup(os.close, self.handle.fd)

    def pending(self, target: str, precondition: str | None = None) -> PendingRename:
        """The source is to be renamed to the target."""
        file = PreparedFile(PinnedFile(-1, self.handle.fd, b"source"), 3, None, 0)
        return PendingRename(file, RenameTarget(self.handle, parse(target), precondition, None), SERVER)

    def free(self) -> int:
        """The blocks that the quota has left."""
        return (self.usage.left() or 0) // 4096

    def test_replaced(self) -> None:
        """A file that is replaced and not archived no longer counts, unless it has another name."""
        found = os.stat(self.path("target"))
        before = self.free()
        self.renamer.rename(self.pending("target"), ExistingTarget(found, None), b"target")
        self.assertEqual((self.content("target"), self.free()), (b"new", before + 1))
        os.link(self.path("target"), self.path("linked"))
        self.lay("source", b"new")
        self.renamer.rename(self.pending("target"), ExistingTarget(os.stat(self.path("target")), None), b"target")
        self.assertEqual(self.free(), before + 1)

    def test_appeared(self) -> None:
        """A target that appeared is never replaced unseen."""
        for precondition, kind in ((None, TargetAppeared), (ABSENT, Changed)):
            with self.assertRaises(kind):
                self.renamer.rename(self.pending("target", precondition), ExistingTarget(None, None), b"target")
        self.assertEqual((self.content("target"), self.content("source")), (b"old", b"new"))

    def test_directory(self) -> None:
        """A directory is renamed only where nothing exists."""
        os.mkdir(self.path("d"))
        pending = PendingUnlink(self.handle, parse("d"), None)
        with self.assertRaises(FileExistsError):
            self.renamer.rename_directory(pending, b"d", self.handle, parse("target"))
        self.renamer.rename_directory(pending, b"d", self.handle, parse("e"))
        self.assertEqual(sorted(os.listdir(self.root)), [".homeftp", "e", "source", "target"])
