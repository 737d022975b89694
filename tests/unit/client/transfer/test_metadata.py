"""Metadata of local files against the server's."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.files.model import FileStat
from homeftp.client.transfer.metadata import differing, is_suspicious, wire_metadata
from homeftp.model import Entry


class MetadataTests(SynchronousTestCase):
    """A file of 7 bytes, written in 1970, with mode 0640."""

    def setUp(self) -> None:
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"content")
        os.chmod(path, 0o640)
        os.utime(path, ns=(0, 5_000_999))
        self.file = FileStat("a", path, os.stat(path))

    def test_wire_metadata(self) -> None:
        """Microseconds, and the permission bits."""
        self.assertEqual(wire_metadata(self.file.stat), [("mtime_us", 5000), ("mode", 0o640)])

    def test_differing(self) -> None:
        """Each of size, time and mode by itself, and all."""
        for size, mtime_us, mode, expected in (
            (7, 5000, 0o640, ()),
            (8, 5000, 0o640, ("size",)),
            (7, 5001, 0o640, ("mtime_us",)),
            (7, 5000, 0o600, ("mode",)),
            (0, None, None, ("size", "mtime_us", "mode")),
        ):
            entry = Entry("a", "file", size, mtime_us=mtime_us, mode=mode)
            self.assertEqual(differing(self.file, entry), expected)

    def test_suspicious(self) -> None:
        """Another content with the same size and time; the mode says nothing."""
        for differs, expected in (
            (("hash",), True),
            (("hash", "mode"), True),
            (("hash", "size"), False),
            (("hash", "mtime_us"), False),
            (("mode",), False),
            ((), False),
        ):
            self.assertIs(is_suspicious(differs), expected, differs)
