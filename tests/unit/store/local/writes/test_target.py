"""Writes that are refused before the disk is touched."""

from __future__ import annotations

import os
from typing import Any

from homeftp.errors import BadEndpoint, BadRequest, FiletypeNotAllowed, NoSpace, Refusal, TooLarge, WrongKind
from homeftp.model import WriteRequest
from homeftp.syscalls import System
from tests.support.stores import StoreCase, put_of


class TargetTests(StoreCase):
    """Refused at once."""

    def refused(self, put: WriteRequest, content: bytes = b"", **settings: Any) -> Refusal:
        """The refusal of an upload and of a batch, which is the same; nothing is left behind."""
        store = self.store(System(), **settings)
        (first,), (second,) = self.together(store, (put, content)), self.streamed(store, (put, content))
        store.close()
        assert isinstance(first, Refusal)
        self.assertEqual((type(first), str(first)), (type(second), str(second)))
        self.assertEqual(os.listdir(self.root), [".homeftp"])
        return first

    def test_root(self) -> None:
        """The root is not a file."""
        self.assertIsInstance(self.refused(put_of("", b"")[0]), WrongKind)

    def test_too_large(self) -> None:
        """A file over the limit is refused, and the message names the limit."""
        refused = self.refused(*put_of("a", b"x" * 1001), file_size=1000)
        self.assertIsInstance(refused, TooLarge)
        self.assertIn("1.0 kB", str(refused))

    def test_filetype(self) -> None:
        """A file type that is not allowed is refused, and the message names the allowed ones."""
        refused = self.refused(*put_of("a/b.exe", b""), filetypes=(".txt", ".md"))
        self.assertIsInstance(refused, FiletypeNotAllowed)
        self.assertIn(".txt, .md", str(refused))

    def test_mtime(self) -> None:
        """An mtime that no disk can store is refused, not truncated."""
        for mtime_us in (2**63, -(2**63), 10**30):
            self.assertIsInstance(self.refused(*put_of("a", b"", mtime_us=mtime_us)), BadRequest)

    def test_no_space(self) -> None:
        """More than the disk has is refused at once, with what is needed and free."""
        store = self.store(System())
        put = put_of("a/b", b"", size=2**62)[0]
        (refused,) = self.streamed(store, (put, b""))
        self.assertIsInstance(refused, NoSpace)
        self.assertRegex(str(refused), r"it needs 4611686\.0 TB, about [\d.]+ .?B are free")
        self.assertEqual((self.left(), os.listdir(self.root)), ([], [".homeftp"]))

    def test_similar(self) -> None:
        """A new name that some systems take for another one is refused, also that of a directory; the control: its own.

        So it is if that name appears while the content arrives.
        """
        store = self.store(System())
        self.together(store, put_of("d/A", b"old"), put_of("late", b""))
        for wrong in ("d/a", "D/new", "D/e/new"):
            with self.assertRaises(BadEndpoint):
                store.upload(put_of(wrong, b"")[0])
        for right in ("d/A", "d/b", "e/a"):
            store.upload(put_of(right, b"")[0]).abort()
        upload = store.upload(put_of("d/c", b"")[0])
        self.together(store, put_of("d/C", b""))
        with self.assertRaises(BadEndpoint):
            upload.commit(None)
        self.assertEqual(self.left(), [])
        store.close()
        store = self.store(System(), similar_names=True)
        store.upload(put_of("d/a", b"")[0]).abort()
