"""Which times count as the same."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.metadata.kept import EXACT, KeptMetadata, in_range, same_mtime
from homeftp.model import MAX_MTIME_US

FAT = KeptMetadata(False, 2_000_000, 315_532_800_000_000, 4_354_819_198_000_000)


class KeptMetadataTests(SynchronousTestCase):
    """What a file system keeps, as rules."""

    def test_exact(self) -> None:
        """Where every microsecond is kept, only the same time is the same."""
        self.assertIsNone(EXACT.span(1))
        self.assertTrue(same_mtime(1, None, 1))
        self.assertFalse(same_mtime(1, None, 2))

    def test_coarse(self) -> None:
        """Every time counts as the same that the file system may have rounded to the one it shows, up or down."""
        span = FAT.span(1_000_000_000_000_000)
        self.assertEqual(span, (999_999_998_000_001, 1_000_000_001_999_999))
        for wanted, expected in ((1_000_000_001_999_999, True), (1_000_000_002_000_000, False)):
            self.assertIs(same_mtime(1_000_000_000_000_000, span, wanted), expected)
            self.assertIs(same_mtime(wanted, None, 1_000_000_000_000_000, span), expected, "whichever side it is")

    def test_edges(self) -> None:
        """The first and the last time that are kept stand for all beyond them; the ones beside them do not."""
        for edge, beyond in ((FAT.first_us, -MAX_MTIME_US), (FAT.last_us, MAX_MTIME_US)):
            self.assertEqual(FAT.nearest(beyond), edge)
            self.assertTrue(same_mtime(edge, FAT.span(edge), beyond))
        self.assertFalse(same_mtime(FAT.first_us + 2_000_000, FAT.span(FAT.first_us + 2_000_000), 0))
        self.assertFalse(same_mtime(FAT.last_us - 2_000_000, FAT.span(FAT.last_us - 2_000_000), MAX_MTIME_US))

    def test_bounded(self) -> None:
        """A time that cannot be told to a server becomes the nearest one that can."""
        self.assertEqual([in_range(each) for each in (-(10**30), 5, 10**30)], [-MAX_MTIME_US, 5, MAX_MTIME_US])
