"""Small files that were written together are fetched together."""

from __future__ import annotations

from unittest import mock

from homeftp.cluster.objects import Bucket
from homeftp.endpoint import parse
from homeftp.errors import Damaged
from tests.support.clustercase import ClusterCase


class ReaderTests(ClusterCase):
    """`open_many`."""

    def test_together(self) -> None:
        """One request to the bucket for all files of a pack; large files are opened and not fetched."""
        names = [f"d/{number}.txt" for number in range(20)]
        self.write(*names, content=b"content")
        self.write("d/large.txt", content=b"more than is wanted inline")
        whole = Bucket.get_many
        asked: list[str] = []

        def counted(bucket: Bucket, name: str, ranges: list[tuple[int, int]]) -> list[bytes]:
            asked.append(name)
            return whole(bucket, name, ranges)

        with mock.patch.object(Bucket, "get_many", counted):
            files = self.store.open_many([*map(parse, names), parse("d/large.txt")], 10)
        self.assertEqual(len(asked), 1)
        contents = [None if isinstance(file, Exception) else file.content for file in files]
        self.assertEqual(contents, [b"content"] * 20 + [None])

    def test_lost(self) -> None:
        """Of files that are opened together the one whose object is gone is damaged, and the others are not."""
        self.write("a.txt", content=b"one")
        (lost,) = self.objects()
        self.write("b.txt", content=b"two")
        self.cluster.bucket.delete([lost])
        first, second = self.store.open_many([parse("a.txt"), parse("b.txt")], 10)
        assert not isinstance(first, Exception) and not isinstance(second, Exception)
        self.assertRaises(Damaged, first.read, 0, 3)
        self.assertEqual(second.content, b"two")
