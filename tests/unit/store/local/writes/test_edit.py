"""Drafts: nothing is visible before the commit, and no space, file or descriptor is left behind."""

from __future__ import annotations

import errno
import os
import stat

from zope.interface.verify import verifyObject

from homeftp.config import SLICE
from homeftp.endpoint import parse
from homeftp.errors import Changed, NoSpace, TooLarge, WrongKind
from homeftp.interfaces import IDraft
from homeftp.model import ABSENT, PRESENT, WriteRequest
from tests.support.descriptors import count_descriptors
from tests.support.storecases import SpaceCase, VersionsCase
from tests.support.stores import Failing, StoreCase, sha


class DraftTests(VersionsCase):
    """Editing one file."""

    def test_interface(self) -> None:
        """A draft is what front ends are told that it is."""
        draft = self.store().edit(WriteRequest(endpoint=parse("a")))
        verifyObject(IDraft, draft)
        draft.abort()

    def test_edited(self) -> None:
        """The draft starts with the content and the mode; the old content stays until the commit, and as a version."""
        path = self.lay("d/file", b"0123456789")
        os.chmod(path, 0o640)
        store = self.store()
        draft = store.edit(WriteRequest(endpoint=parse("d/file")))
        self.assertEqual((draft.size, draft.read(2, 3), draft.read(8, 100)), (10, b"234", b"89"))
        draft.write(3, b"xyz")
        draft.write(12, b"!")
        self.assertEqual(draft.read(0, 100), b"012xyz6789\0\0!")
        draft.truncate(5)
        draft.truncate(6)
        self.assertEqual(self.content("d/file"), b"0123456789")
        entry = draft.commit()
        self.assertEqual((self.content("d/file"), entry.hash, entry.size), (b"012xy\0", sha(b"012xy\0"), 6))
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o640)
        self.assertEqual((self.contents(), self.left()), ([b"0123456789"], []))

    def test_new(self) -> None:
        """A file that does not exist is made, with its directories."""
        draft = self.store().edit(WriteRequest(endpoint=parse("d/e/file"), precondition=ABSENT))
        draft.write(0, b"new")
        self.assertEqual(os.listdir(self.root), [".homeftp"])
        draft.commit()
        self.assertEqual(self.content("d/e/file"), b"new")

    def test_aborted(self) -> None:
        """An aborted draft leaves nothing, however often it is aborted; a committed one stays."""
        store = self.store()
        before = count_descriptors()
        draft = store.edit(WriteRequest(endpoint=parse("a")))
        draft.write(0, b"x")
        draft.abort()
        draft.abort()
        self.assertEqual((self.left(), os.listdir(self.root)), ([], [".homeftp"]))
        draft = store.edit(WriteRequest(endpoint=parse("a")))
        draft.commit()
        draft.abort()
        self.assertEqual(self.content("a"), b"")
        self.assertEqual(count_descriptors(), before)

    def test_preconditions(self) -> None:
        """Preconditions are checked at the start and at the commit."""
        self.lay("file", b"old")
        self.lay("d/x", b"")
        store = self.store()
        for name, precondition in (("file", ABSENT), ("file", sha(b"other")), ("none", PRESENT), ("none", sha(b""))):
            with self.assertRaises(Changed):
                store.edit(WriteRequest(endpoint=parse(name), precondition=precondition))
        with self.assertRaises(WrongKind):
            store.edit(WriteRequest(endpoint=parse("d")))
        draft = store.edit(WriteRequest(endpoint=parse("file"), precondition=sha(b"old")))
        self.put(store, "file", b"new")
        with self.assertRaises(Changed):
            draft.commit()
        self.assertEqual((self.content("file"), self.left()), (b"new", []))

    def test_large(self) -> None:
        """A draft too large to be hashed in one step is committed without a hash."""
        store = self.store()
        draft = store.edit(WriteRequest(endpoint=parse("a")))
        draft.truncate(SLICE + 1)
        self.assertEqual((draft.commit().hash, os.stat(self.path("a")).st_size), (None, SLICE + 1))

    def test_too_large(self) -> None:
        """A draft past the owner's limit is refused, and unchanged."""
        draft = self.store(file_size=10).edit(WriteRequest(endpoint=parse("a")))
        draft.write(0, b"0123456789")
        for refuse in (lambda: draft.write(8, b"abc"), lambda: draft.truncate(11)):
            with self.assertRaises(TooLarge):
                refuse()
        draft.commit()
        self.assertEqual(self.content("a"), b"0123456789")


class FullTests(StoreCase):
    """A disk that fails."""

    def test_full(self) -> None:
        """A write for which the disk has no space is refused, and the draft has the size that it had."""
        draft = self.store(Failing(2, errno.ENOSPC)).edit(WriteRequest(endpoint=parse("a")))
        draft.write(0, b"one")
        with self.assertRaises(NoSpace):
            draft.write(3, b"two")
        self.assertEqual((draft.size, draft.read(0, 10)), (3, b"one"))
        draft.commit()
        self.assertEqual(self.content("a"), b"one")


class QuotaTests(SpaceCase):
    """A store with a quota."""

    def test_given_back(self) -> None:
        """Space is reserved as the draft grows, and given back as it shrinks, and when it is aborted."""
        store = self.counted(100 * 4096)
        usage = store._writable.accounting.whole
        before = usage.left() or 0
        draft = store.edit(WriteRequest(endpoint=parse("a")))
        draft.write(0, bytes(3 * 4096))
        self.assertEqual(usage.left(), before - 3 * 4096)
        draft.truncate(1)
        self.assertEqual(usage.left(), before - 4096)
        with self.assertRaises(NoSpace):
            draft.truncate(101 * 4096)
        self.assertEqual(usage.left(), before - 4096)
        draft.abort()
        self.assertEqual(usage.left(), before)
        draft = store.edit(WriteRequest(endpoint=parse("a")))
        draft.write(0, bytes(4097))
        draft.commit()
        self.assertEqual((usage.left(), self.used()), (before - 2 * 4096, 2 * 4096))
