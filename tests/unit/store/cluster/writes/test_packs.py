"""Contents that come together are few objects, none of them larger than a part."""

from __future__ import annotations

from homeftp.store.cluster.reading.opened import StoredContent
from homeftp.store.cluster.writes import packs
from tests.support.clustercase import ClusterCase


class PackTests(ClusterCase):
    """Objects of at most 100 bytes."""

    cluster_options = {"part_bytes": 100}  # noqa: RUF012 (read only)

    def test_packed(self) -> None:
        """Each content is what it was, whatever the sizes; an empty one has no parts."""
        pieces = [b"a" * 60, b"", b"b" * 60, b"c" * 250, b"d", b"e" * 29]
        stored = packs.store(self.context, pieces)
        self.assertEqual(len(stored.parts), len(pieces))
        for content, parts in zip(pieces, stored.parts, strict=True):
            self.assertEqual(StoredContent(self.cluster.bucket, parts).read(0, 1000), content)
        self.assertEqual(stored.parts[1], [])
        self.assertEqual((sum(stored.objects.values()), set(stored.objects)), (400, self.objects()))
        self.assertEqual(len(stored.objects), 4)
        self.assertGreater(stored.since_us, 0)

    def test_nothing(self) -> None:
        """Where there is no byte nothing is written."""
        self.assertEqual(packs.store(self.context, [b"", b""]).objects, {})
        self.assertEqual(self.objects(), set())
