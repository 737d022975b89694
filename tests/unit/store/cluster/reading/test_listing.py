"""Directories are walked in the order of their names' bytes, with few statements, and little in memory."""

from __future__ import annotations

from typing import Any

from homeftp.endpoint import NO_FOLDERS, FolderSet
from homeftp.model import WriteRequest
from homeftp.store.cluster.reading.listing import CHUNK, TreeReader
from tests.support.clustercase import ClusterCase, request


class Counting:
    """Counts the statements of a database."""

    def __init__(self, whole: Any) -> None:
        self.whole = whole
        self.count = 0

    def rows(self, query: Any, parameters: Any = ()) -> list[Any]:
        """One statement."""
        self.count += 1
        found: list[Any] = self.whole.rows(query, parameters)
        return found

    def row(self, query: Any, parameters: Any = ()) -> Any:
        """None is asked for."""
        raise NotImplementedError


class ListingTests(ClusterCase):
    """Walks."""

    def walk(self, recursive: bool = True, hidden: FolderSet = NO_FOLDERS) -> tuple[list[str], int]:
        """The paths, and how many statements it took."""
        queries = Counting(self.context.database)
        reader = TreeReader(queries)
        walk = (reader.tree if recursive else reader.children)(self.context.share.root, (), hidden)
        return ["/".join(names) for names, _ in walk], queries.count

    def test_few_statements(self) -> None:
        """Small directories are read together: a thousand of them do not take a thousand statements."""
        folders: list[tuple[WriteRequest, bytes | None]] = [(request(f"d/{n:03}/e", size=0), b"") for n in range(300)]
        self.store.write_many(folders)
        paths, count = self.walk()
        self.assertEqual(len(paths), 601)
        self.assertEqual(paths, sorted(paths, key=lambda path: path.split("/")))
        self.assertLess(count, 20)

    def test_large(self) -> None:
        """A directory with more entries than are read at once is read on from where it was."""
        self.store.write_many([(request(f"d/e/{n:05}", size=0), b"") for n in range(CHUNK + 5)])
        self.store.write_many([(request(f"d/f/{n:05}", size=0), b"") for n in range(150)])
        paths, _ = self.walk()
        self.assertEqual(paths, sorted(set(paths)))
        self.assertEqual(len(paths), 3 + CHUNK + 5 + 150)
        self.assertEqual(self.walk(recursive=False)[0], ["d"])

    def test_hidden(self) -> None:
        """What is hidden is neither given nor read."""
        self.write("a/secret/x.txt", "a/b.txt", "c.txt")
        self.assertEqual(self.walk(hidden=FolderSet(frozenset({("a", "secret")})))[0], ["a", "a/b.txt", "c.txt"])
