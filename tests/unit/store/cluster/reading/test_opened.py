"""A content is read by its parts, whatever the offsets, and what the bucket lost is said to be damaged."""

from __future__ import annotations

import random

from obstore.store import MemoryStore as BucketInMemory
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.objects import Bucket
from homeftp.errors import Damaged
from homeftp.model import Entry
from homeftp.store.cluster.base.rows import ContentPart
from homeftp.store.cluster.reading.opened import ClusterFile, StoredContent


class StoredContentTests(SynchronousTestCase):
    """Three parts in two objects."""

    def setUp(self) -> None:
        """Write them."""
        self.bucket = Bucket(BucketInMemory())
        self.bucket.put("one", b"..abcdef..")
        self.bucket.put("two", b"ghij")
        self.parts = [ContentPart("one", 2, 4), ContentPart("one", 6, 2), ContentPart("two", 0, 4)]
        self.whole = b"abcdefghij"

    def test_ranges(self) -> None:
        """Every range is what it would be of the whole."""
        stored = StoredContent(self.bucket, self.parts)
        self.assertEqual(stored.size, 10)
        for offset in range(12):
            for length in range(12):
                self.assertEqual(stored.read(offset, length), self.whole[offset : offset + length])
        self.assertEqual(StoredContent(self.bucket, []).read(0, 5), b"")

    def test_large(self) -> None:
        """Only the parts that a range touches are fetched."""
        parts = [ContentPart("two", 0, 4)] * 1000
        stored = StoredContent(self.bucket, parts)
        for _ in range(50):
            offset = random.randrange(4000)
            self.assertLessEqual(len(stored.range(offset, 4)), 2)
        self.assertEqual(len(stored.range(0, 4000)), 1000)

    def test_missing(self) -> None:
        """An object that is gone is a damage, in words that name no object."""
        file = ClusterFile(Entry("", "file", 4), StoredContent(self.bucket, [ContentPart("gone", 0, 4)]))
        refused = self.assertRaises(Damaged, file.read, 0, 4)
        self.assertNotIn("gone", refused.message)
