"""The history merges the tree with what was there: the contract has its promises, here are its pages."""

from __future__ import annotations

from unittest import mock

from homeftp.config import LISTING_PAGE
from homeftp.endpoint import parse
from homeftp.errors import Damaged, NotFound
from homeftp.history.changes import VersionId
from homeftp.history.timeline import Timeline
from homeftp.store.cluster.history import ClusterHistory
from tests.support.clustercase import ClusterCase


class HistoryTests(ClusterCase):
    """Timelines."""

    def pages(self, path: str = "", depth: int | None = None) -> list[list[Timeline]]:
        """The pages of a path."""
        history = ClusterHistory(self.context, self.store.actor)
        return [list(page) for page in history.timelines(parse(path), depth=depth)]

    def test_many_restorations(self) -> None:
        """A name with more restorations than a page has comes in parts; what has nothing else is left out."""
        self.write("a.txt", "b.txt", content=b"1")
        self.cluster.execute(
            "INSERT INTO restored SELECT %s, name, n, 1 FROM generate_series(1, %s) n, (VALUES ('a.txt'), ('c')) AS"
            " names (name)",
            self.context.share.id,
            LISTING_PAGE + 10,
        )
        parts = [each for page in self.pages() for each in page]
        self.assertEqual([each.name for each in parts], ["", "a.txt", "a.txt", "b.txt"])
        self.assertEqual([len(each.restored) for each in parts], [0, LISTING_PAGE, 10, 0])
        self.assertEqual([each.current is not None for each in parts], [True, False, True, True])

    def test_many_versions(self) -> None:
        """A name with more versions than a page has comes in parts, the oldest first, and what is there last."""
        self.write("a.txt", "b.txt", content=b"1")
        self.write("a.txt", content=b"2")
        self.cluster.execute(
            "INSERT INTO version SELECT v.share, v.path, v.at_us + n, v.mtime_us, v.mode, v.size, v.hash, NULL,"
            " v.made_us, NULL, 0 FROM version v, generate_series(1, %s) n WHERE v.share = %s",
            LISTING_PAGE + 10,
            self.context.share.id,
        )
        pages = self.pages()
        self.assertTrue(all(len(each.versions) <= LISTING_PAGE for page in pages for each in page))
        parts = [each for page in pages for each in page if each.name == "a.txt"]
        times = [version.at_us for each in parts for version in each.versions]
        self.assertEqual((len(times), times), (LISTING_PAGE + 11, sorted(times)))
        self.assertEqual([each.current is not None for each in parts], [False, True])

    def test_between(self) -> None:
        """What is gone stands where it was, among what is there."""
        self.write("d/a.txt", "d/b.txt", "d/c.txt", "e/f.txt")
        for path in ("d/b.txt", "e/f.txt"):
            list(self.store.remove(parse(path), None, False))
        names = [each.name for page in self.pages() for each in page]
        self.assertEqual(names, ["", "d", "d/a.txt", "d/b.txt", "d/c.txt", "e", "e/f.txt"])
        self.assertEqual([each.name for page in self.pages("", 1) for each in page], ["", "d", "e"])

    def test_damaged_version(self) -> None:
        """A version whose content was not kept is not opened."""
        self.write("a.txt", content=b"1")
        self.write("a.txt", content=b"2")
        (version,) = self.kept()
        self.cluster.execute("UPDATE version SET found = '' WHERE share = %s", self.context.share.id)
        history = ClusterHistory(self.context, self.store.actor)
        self.assertRaises(Damaged, history.open_version, parse("a.txt"), version.at_us)

    def test_open_versions(self) -> None:
        """Several versions take as few statements and requests as one; what one of them lacks is its own."""
        for content in (b"1", b"22", b"333", b"last"):
            self.write("a.txt", "d/b.txt", content=content)
        list(self.store.remove(parse("d"), None, True))
        history = ClusterHistory(self.context, self.store.actor)
        asked = [VersionId(parse(each.name), each.at_us) for each in self.kept()]
        asked += [VersionId(parse("none.txt"), 1), VersionId(parse("a.txt"), 1)]
        self.context.bucket.get_many = mock.Mock(wraps=self.context.bucket.get_many)  # type: ignore[method-assign]
        opened = history.open_versions(asked, 3)
        self.assertEqual([type(each) for each in opened[-2:]], [NotFound, NotFound])
        files = [each for each in opened if not isinstance(each, Exception)]
        self.assertEqual([file.content for file in files], [b"333", b"22", b"1", None, b"333", b"22", b"1"])
        self.assertEqual(self.context.bucket.get_many.call_count, 3)
        self.assertEqual([file.read(0, 9) for file in files[2:4]], [b"1", b"last"])
