"""Directories are walked in the order of their names' bytes, with few statements, and little in memory."""

from __future__ import annotations

from homeftp.endpoint import NO_FOLDERS, FolderSet
from homeftp.model import WriteRequest
from homeftp.store.cluster.base.rows import LISTED
from homeftp.store.cluster.reading.listing import CHUNK, TreeReader
from tests.support.clustercase import ClusterCase, Counting, request


class ListingTests(ClusterCase):
    """Walks."""

    def walk(self, hidden: FolderSet = NO_FOLDERS) -> tuple[list[str], int]:
        """The paths, and how many statements it took."""
        queries = Counting(self.context.database)
        walk = TreeReader(queries, LISTED).tree(self.context.share.root, (), hidden)
        return ["/".join(names) for names, _ in walk], queries.count

    def children(self, directory: str, hidden: FolderSet = NO_FOLDERS) -> list[str]:
        """The names directly in a directory."""
        (node,) = self.context.database.row("SELECT id FROM node WHERE name = %s", (directory,))
        reader = TreeReader(self.context.database, LISTED)
        return [each.name for each in reader.children(node, (directory,), hidden)]

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
        self.assertEqual(self.children("d"), ["e", "f"])
        self.assertEqual(self.children("e"), [f"{n:05}" for n in range(CHUNK + 5)])

    def test_hidden(self) -> None:
        """What is hidden is neither given nor read."""
        self.write("a/secret/x.txt", "a/b.txt", "c.txt")
        hidden = FolderSet(frozenset({("a", "secret")}))
        self.assertEqual(self.walk(hidden)[0], ["a", "a/b.txt", "c.txt"])
        self.assertEqual((self.children("a"), self.children("a", hidden)), (["b.txt", "secret"], ["b.txt"]))

    def test_hidden_unread(self) -> None:
        """How much is in a hidden directory makes no difference: nothing of it is read ahead."""
        self.write("a/b.txt", "secret/d/e.txt", "z/b.txt")
        hidden = FolderSet(frozenset({("secret",)}))
        read = []
        for _ in range(2):
            queries = Counting(self.context.database)
            self.assertEqual(len(list(TreeReader(queries, LISTED).tree(self.context.share.root, (), hidden))), 4)
            read.append((queries.count, queries.read))
            self.write(*(f"secret/{number}/f.txt" for number in range(50)))
        self.assertEqual(read[0], read[1])
