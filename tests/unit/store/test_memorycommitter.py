"""The committing half of the store in memory: a change is made and recorded, or refused and neither."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.errors import Changed, Forbidden
from homeftp.interfaces.store import StoreOptions
from homeftp.model import ABSENT, SERVER, Change
from homeftp.store.memorycommitter import MemoryCommitter
from homeftp.testing.contract.case import request, sha


class MemoryCommitterTests(SynchronousTestCase):
    """An empty tree, and the changes that are recorded of it."""

    def setUp(self) -> None:
        super().setUp()
        self.changes: list[Change] = []
        self.committer = MemoryCommitter(StoreOptions(record_changes=self.changes.extend), lambda: 7, None)

    def place(self, name: str, content: bytes, precondition: str | None = None) -> None:
        """Put a file in place, as a write does."""
        node = self.committer._tree.new("file", request(name), content, sha(content))
        with self.committer._changing() as changed:
            self.committer._place(parse(name), node, precondition, SERVER, changed)

    def test_placed(self) -> None:
        """A new file gets its directories; one that is replaced becomes a version; each change is recorded."""
        self.place("d/a.txt", b"one")
        self.place("d/a.txt", b"two")
        self.assertEqual([(each.what, each.kind) for each in self.changes[:2]], [("add", "directory"), ("add", "file")])
        self.assertEqual([(each.what, each.old_size) for each in self.changes[2:]], [("replace", 3)])
        ((version,),) = self.committer.versions(parse("d/a.txt"))
        self.assertEqual(version.hash, sha(b"one"))

    def test_refused(self) -> None:
        """What is refused changes nothing, and is not recorded."""
        self.place("a.txt", b"one")
        before, recorded = dict(self.committer._tree.nodes), list(self.changes)
        self.assertRaises(Changed, self.place, "a.txt", b"two", ABSENT)
        self.committer.read_only = "it is a test"
        self.assertRaises(Forbidden, self.place, "b.txt", b"two")
        self.assertEqual((self.committer._tree.nodes, self.changes), (before, recorded))
