"""Small files that were written together are fetched together."""

from __future__ import annotations

from typing import Callable, Sequence
from unittest import mock

from homeftp.cluster.database import IQueries
from homeftp.cluster.objects import Bucket
from homeftp.config import Retention
from homeftp.endpoint import parse
from homeftp.errors import Busy, Damaged, NotFound
from homeftp.history.changes import VersionId
from homeftp.interfaces.store import StoreOptions
from homeftp.model import WriteRequest
from homeftp.store.cluster.base.rows import ContentPart
from homeftp.store.cluster.history import ClusterHistory
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables import contents
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


class ReplacedMeanwhileTests(ClusterCase):
    """Another server replaces or removes what is looked at, and no version keeps its content."""

    options = StoreOptions(retention=Retention(seconds=0))

    def setUp(self) -> None:
        """Write a file; `meanwhile` is done each time between the statements that find a file and its parts."""
        super().setUp()
        self.other = ClusterStore(self.server())
        self.write("a.txt", content=b"old content")
        self.meanwhile: list[Callable[[], object]] = []
        whole = contents.parts_of

        def later(queries: IQueries, asked: Sequence[int]) -> dict[int, list[ContentPart]]:
            while self.meanwhile:
                self.meanwhile.pop(0)()
            return whole(queries, asked)

        patch = mock.patch.object(contents, "parts_of", later)
        patch.start()
        self.addCleanup(patch.stop)

    def replace(self, content: bytes = b"the new content") -> None:
        """Replace the file by the other server."""
        (result,) = self.other.write_many([(WriteRequest(endpoint=parse("a.txt"), size=len(content)), content)])
        self.done(result)

    def test_opened(self) -> None:
        """A file that is opened is the old one or the new one, and whole; one that was removed is not found."""
        for inline in (-1, 100):
            self.meanwhile = [self.replace]
            (file,) = self.store.open_many([parse("a.txt")], inline)
            assert not isinstance(file, Exception)
            self.assertEqual(file.read(0, 100), b"the new content")
            self.assertEqual((file.entry.size, file.content is None), (15, inline < 0))
            self.write("a.txt", content=b"old content")
        self.meanwhile = [lambda: list(self.other.remove(parse("a.txt"), None, False))]
        self.assertRaises(NotFound, self.store.open, parse("a.txt"))

    def test_edited(self) -> None:
        """A draft begins with a whole content, never with an empty one; a file that was removed is begun anew."""
        self.meanwhile = [self.replace]
        draft = self.store.edit(WriteRequest(endpoint=parse("a.txt")))
        self.assertEqual(draft.size, 15)
        draft.write(8, b"CONTENT")
        draft.commit()
        self.assertEqual(self.content("a.txt"), b"the new CONTENT")
        self.meanwhile = [lambda: list(self.other.remove(parse("a.txt"), None, False))]
        self.assertEqual(self.store.edit(WriteRequest(endpoint=parse("a.txt"))).size, 0)
        self.assert_sound()

    def test_versions(self) -> None:
        """A version that goes meanwhile is not found, and not an empty one."""
        kept = ClusterStore(self.server(StoreOptions()))
        (result,) = kept.write_many([(WriteRequest(endpoint=parse("a.txt"), size=3), b"new")])
        self.done(result)
        (version,) = self.kept("a.txt")
        found = VersionId(parse("a.txt"), version.at_us)
        history = ClusterHistory(self.context, self.store.actor)
        self.assertEqual(history.open_version(found.endpoint, found.at_us).read(0, 100), b"old content")
        self.meanwhile = [lambda: history.remove_versions([found])]
        self.assertRaises(NotFound, history.open_version, found.endpoint, found.at_us)

    def test_always(self) -> None:
        """One that is replaced at every look is refused for now."""
        whole = contents.parts_of

        def each_time(queries: IQueries, asked: Sequence[int]) -> dict[int, list[ContentPart]]:
            self.replace()
            return whole(queries, asked)

        with mock.patch.object(contents, "parts_of", each_time):
            self.assertRaises(Busy, self.store.open, parse("a.txt"))

    def test_lost_parts(self) -> None:
        """A file whose parts the database itself has lost is damaged, and neither shorter nor changed."""
        self.cluster.execute("DELETE FROM part")
        (file,) = self.store.open_many([parse("a.txt")], 100)
        self.assertIsInstance(file, Damaged)
        self.assertRaises(Damaged, self.store.edit, WriteRequest(endpoint=parse("a.txt")))
        self.assertEqual(self.store.edit(WriteRequest(endpoint=parse("a.txt"), empty=True)).size, 0)
