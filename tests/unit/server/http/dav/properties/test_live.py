"""The live properties."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.model import Entry
from homeftp.server.http.dav.properties.live import LIVE, PROTECTED, SETS_MTIME, Described, content_type


class LiveTests(SynchronousTestCase):
    """What is told of an entry."""

    def test_file(self) -> None:
        """A file has a length, a type, a tag and a time; its name is escaped."""
        entry = Entry("a&b.jpg", "file", 5, 1_714_560_000_000_000, tag="t")
        of = Described(entry, "a&b.jpg", "")
        told = {name[1]: value(of) for name, value in LIVE.items()}
        self.assertEqual((told["getcontentlength"], told["getcontenttype"]), ("5", "image/jpeg"))
        self.assertEqual((told["displayname"], told["resourcetype"]), ("a&amp;b.jpg", ""))
        self.assertEqual(told["creationdate"], "2024-05-01T10:40:00Z")
        self.assertIsNotNone(told["getetag"])

    def test_folder(self) -> None:
        """A folder is a collection without a length."""
        of = Described(Entry("d", "directory"), "d", "")
        told = {name[1]: value(of) for name, value in LIVE.items()}
        self.assertEqual((told["resourcetype"], told["getcontentlength"]), ("<D:collection/>", None))

    def test_unknown(self) -> None:
        """What the store does not keep is not told; a time that no calendar has is none."""
        for mtime_us in (None, 2**62):
            of = Described(Entry("a", "file", mtime_us=mtime_us), "a", "")
            self.assertIsNone(LIVE["DAV:", "creationdate"](of))
        self.assertIsNone(LIVE["DAV:", "getetag"](of))

    def test_types(self) -> None:
        """The media type is that of the suffix; a compressed file is one of its own."""
        for name, found in (
            ("a.png", "image/png"),
            ("a", "application/octet-stream"),
            ("a.txt.gz", "application/octet-stream"),
        ):
            self.assertEqual(content_type(name), found)

    def test_protected(self) -> None:
        """No property is both protected and set."""
        self.assertEqual(PROTECTED & SETS_MTIME, frozenset())
