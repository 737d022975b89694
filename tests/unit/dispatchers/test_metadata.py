"""Metadata from the wire."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.dispatchers.metadata import parse_meta_data
from homeftp.errors import BadRequest, ContentMismatch
from homeftp.model import MAX_MTIME_US, MAX_SIZE
from homeftp.wire.messages import MetaData


class ParseTests(SynchronousTestCase):
    """`parse_meta_data`."""

    def test_values(self) -> None:
        """Values by name, at the ends of their ranges too."""
        for pairs in ([], [("size", 0), ("mode", 0o777)], [("mtime_us", -MAX_MTIME_US), ("size", MAX_SIZE)]):
            given: MetaData = list(pairs)  # type: ignore[arg-type]
            self.assertEqual(parse_meta_data(given), dict(given))

    def test_refused(self) -> None:
        """Invalid metadata is refused with the name of the value."""
        for pairs, name in (
            ([("mode", 1), ("mode", 1)], "mode twice"),
            ([("mode", 0o1000)], "mode"),
            ([("mode", -1)], "mode"),
            ([("mtime_us", MAX_MTIME_US + 1)], "mtime_us"),
            ([("size", -1)], "size"),
        ):
            given: MetaData = list(pairs)  # type: ignore[arg-type]
            self.assertIn(name, self.assertRaises(BadRequest, parse_meta_data, given).message)

    def test_size(self) -> None:
        """The size is that of the content, where both are known."""
        self.assertEqual(parse_meta_data([("size", 8)], 8), {"size": 8})
        self.assertEqual(parse_meta_data([], 8), {})
        self.assertIn("8 bytes", self.assertRaises(ContentMismatch, parse_meta_data, [("size", 8)], 7).message)
