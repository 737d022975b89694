"""Staged files: a temp file whose reserved space follows its size."""

from __future__ import annotations

import os

from homeftp.config import SLICE
from homeftp.endpoint import parse
from homeftp.errors import NoSpace
from homeftp.model import SERVER, WriteRequest
from homeftp.store.local.store import LocalStore
from homeftp.store.local.writes.staged import StagedFile
from tests.support.descriptors import count_descriptors
from tests.support.storecases import SpaceCase
from tests.support.stores import sha


class StagedTests(SpaceCase):
    """One staged file, in a store with a quota."""

    def staged(self, store: LocalStore) -> StagedFile:
        """A new one."""
        request = WriteRequest(endpoint=parse("d/file"))
        editor = store._writable.editor
        return editor.files.create(request, SERVER, editor.targets.check(request))

    def test_committed(self) -> None:
        """A committed file uses what it reserved; closing it again does nothing."""
        store = self.counted(100 * 4096)
        usage = store._writable.accounting.whole
        before = usage.left() or 0
        staged = self.staged(store)
        staged.write(0, b"content")
        self.assertEqual((usage.left(), staged.size), (before - 4096, 7))
        entry = staged.commit()
        staged.close()
        self.assertEqual((usage.left(), entry.hash), (before - 2 * 4096, sha(b"content")), "with its directory")
        self.assertEqual((self.content("d/file"), self.left()), (b"content", []))

    def test_refused(self) -> None:
        """A write that is refused for the gap before it takes no space, and leaves the file as it is."""
        store = self.counted(100 * 4096)
        usage = store._writable.accounting.whole
        staged = self.staged(store)
        staged.write(0, bytes(2 * 4096))
        before = usage.left()
        self.assertRaises(NoSpace, staged.write, 200 * 4096, bytes(10 * 4096))
        self.assertEqual((usage.left(), staged.size), (before, 2 * 4096))
        staged.write(50 * 4096, bytes(10 * 4096))
        self.assertEqual(usage.left(), (before or 0) - 10 * 4096, "the control: the gap takes none yet")
        staged.close()

    def test_copied(self) -> None:
        """It can be filled from an open file; a hash that is given is not computed again."""
        store = self.counted(100 * 4096)
        fd = os.open(self.lay("source", b"0123456789"), os.O_RDONLY)
        self.addCleanup(os.close, fd)
        staged = self.staged(store)
        self.assertEqual(list(staged.copy_from(fd, 5)), [])
        self.assertEqual(staged.commit("sha256:given").hash, "sha256:given")
        self.assertEqual(self.content("d/file"), b"01234")

    def test_hashed(self) -> None:
        """What is written in order is hashed as it comes; after a change of what was written no hash is known."""
        store = self.counted(8 * SLICE)
        piece = b"x" * (SLICE // 2 + 1)
        for changes, known in (
            ([(0, piece), (len(piece), piece)], True),
            ([(0, piece), (0, piece), (len(piece), piece)], False),
            ([(len(piece), piece), (0, piece)], False),
        ):
            staged = self.staged(store)
            for offset, data in changes:
                staged.write(offset, data)
            self.assertEqual(staged.commit().hash, sha(2 * piece) if known else None)

    def test_hashed_again(self) -> None:
        """What is cut to nothing is hashed from there on; what is cut otherwise is not."""
        store = self.counted(8 * SLICE)
        piece = b"x" * (SLICE + 1)
        for size, known in ((0, True), (1, False)):
            staged = self.staged(store)
            staged.write(0, b"yyy")
            staged.truncate(size)
            staged.write(size, piece)
            self.assertEqual(staged.commit().hash, sha(piece) if known else None)

    def test_closed(self) -> None:
        """A closed file gives its space back, and leaves no file and no descriptor."""
        store = self.counted(100 * 4096)
        usage = store._writable.accounting.whole
        before, descriptors = usage.left(), count_descriptors()
        staged = self.staged(store)
        staged.write(0, bytes(50 * 4096))
        self.assertEqual(usage.left(), (before or 0) - 50 * 4096)
        staged.close()
        staged.close()
        self.assertEqual((usage.left(), count_descriptors(), self.left()), (before, descriptors, []))
