"""What is in the store and is about to be moved or removed: opened only if it is what it must be."""

from __future__ import annotations

import os

from homeftp.endpoint import ROOT, parse
from homeftp.errors import BadRequest, Changed, FiletypeNotAllowed, NotFound, WrongKind
from homeftp.model import ABSENT, PRESENT
from homeftp.store.local.commit.existing import ExistingEntries, raise_first
from tests.support.descriptors import count_descriptors
from tests.support.stores import StoreCase, sha


class ExistingTests(StoreCase):
    """Entries of a store."""

    def existing(self) -> ExistingEntries:
        """A new store's."""
        return self.store(filetypes=(".txt",))._writable.mover.existing

    def test_opened(self) -> None:
        """The open directory of an entry, which is closed in the end, whatever happens."""
        self.lay("d/file.txt", b"content")
        existing = self.existing()
        before = count_descriptors()
        with existing.open_parent(parse("d/file.txt")) as (handle, found):
            self.assertEqual(found.st_size, 7)
            self.assertEqual(os.fstat(handle.fd).st_ino, os.stat(self.path("d")).st_ino)
        with self.assertRaises(NotFound), existing.open_parent(parse("d/file.txt")) as (handle, _):
            os.stat("none", dir_fd=handle.fd)
        self.assertEqual(count_descriptors(), before)

    def test_refused(self) -> None:
        """The root, what does not exist, and what is neither a file nor a directory."""
        os.mkfifo(self.path("fifo"))
        os.symlink(self.outside, self.path("link"))
        existing = self.existing()
        for endpoint, kind in (
            (ROOT, BadRequest),
            (parse("none"), NotFound),
            (parse("none/none"), NotFound),
            (parse("fifo"), WrongKind),
            (parse("link"), WrongKind),
        ):
            with self.assertRaises(kind), existing.open_parent(endpoint):
                pass

    def test_preconditions(self) -> None:
        """A file may lose its name only under its precondition, and if its type is allowed."""
        self.lay("file.txt", b"content")
        self.lay("file.exe", b"content")
        existing = self.existing()
        with existing.open_parent(parse("file.txt")) as (handle, _):
            pending = existing.pending_unlink(handle, parse("file.txt"), sha(b"content"))
            self.assertEqual(pending.hash, sha(b"content"))
            self.assertIsNotNone(pending.expected)
            pending = existing.pending_unlink(handle, parse("file.txt"), PRESENT)
            self.assertEqual((pending.hash, pending.expected), (None, None))
            for precondition in (ABSENT, sha(b"other")):
                with self.assertRaises(Changed):
                    existing.pending_unlink(handle, parse("file.txt"), precondition)
            with self.assertRaises(FiletypeNotAllowed):
                existing.pending_unlink(handle, parse("file.exe"), None)

    def test_raise_first(self) -> None:
        """The first exception among results is raised."""
        raise_first([None, 1])
        with self.assertRaises(KeyError):
            raise_first([1, KeyError(), ValueError()])
