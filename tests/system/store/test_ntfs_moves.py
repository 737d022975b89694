"""A file gets another name on a disk whose driver finds what is open by its path."""

from __future__ import annotations

from homeftp.endpoint import parse
from homeftp.errors import NotFound
from homeftp.model import ABSENT
from tests.support.mounts import held, ntfs
from tests.support.stores import StoreCase, sha


class MoveTests(StoreCase):
    """MOVE and RESTORE are answered with the entry: the driver loses a file that is open when its old name goes."""

    driver = "lowntfs-3g"

    def setUp(self) -> None:
        """A root on NTFS."""
        super().setUp()
        held(self, ntfs(self.root, driver=self.driver))

    def test_move(self) -> None:
        """A file is moved to a new name, in the same directory and another, and over another file."""
        store = self.store()
        self.put(store, "d/a.txt", b"content")
        for source, target in (("d/a.txt", "d/b.txt"), ("d/b.txt", "new/c.txt")):
            moved = store.move(parse(source), parse(target), sha(b"content"), ABSENT)
            self.assertEqual((moved.size, moved.hash), (7, sha(b"content")))
            self.assertEqual(self.content(target), b"content")
        self.put(store, "other.txt", b"other")
        moved = store.move(parse("new/c.txt"), parse("other.txt"), None, None)
        self.assertEqual((moved.size, self.content("other.txt")), (7, b"content"))
        self.assertEqual([version.size for page in store.versions(parse("other.txt")) for version in page], [5])
        self.assertRaises(NotFound, store.move, parse("new/c.txt"), parse("d/a.txt"), None, None)

    def test_restore(self) -> None:
        """A version is restored where nothing is, and over a file."""
        store = self.store()
        self.put(store, "a.txt", b"old")
        list(store.remove(parse("a.txt"), None, False))
        self.assertEqual(store.restore(parse("a.txt"), None, ABSENT).size, 3)
        self.put(store, "a.txt", b"content")
        self.assertEqual(store.restore(parse("a.txt"), None, None).size, 3)
        self.assertEqual(self.content("a.txt"), b"old")


class OtherDriverTests(MoveTests):
    """The same by the other driver."""

    driver = "ntfs-3g"
