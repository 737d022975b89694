import unittest
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from zope.interface.verify import verifyObject

from homeftp.endpoint import ROOT, parse
from homeftp.errors import Forbidden, NotFound, OperatorError
from homeftp.interfaces import IStore, StoreOptions
from homeftp.store.factory import open_store


class ZipStoreTests(unittest.TestCase):
    """What is in an archive is what is shared."""

    def setUp(self):
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name, "a.zip")
        with zipfile.ZipFile(self.path, "w") as archive:
            for name in ("notes/b.txt", "notes/a.txt", "c.jpg", "../evil.txt"):
                archive.writestr(name, f"this is {name}")

    def open(self, **options):
        store = open_store(f"zip://{self.path}", StoreOptions(**options))
        self.addCleanup(store.close)
        return store

    def test_read(self):
        """Files are listed and read; a name that leads out of the archive is not there."""
        store = self.open()
        verifyObject(IStore, store)
        names = [entry.name for page in store.list(ROOT, True) for entry in page.entries]
        self.assertEqual(names, ["c.jpg", "notes", "notes/a.txt", "notes/b.txt"])
        self.assertEqual(store.open(parse("notes/a.txt")).read(8, 99), b"notes/a.txt")
        self.assertRaises(NotFound, store.open, parse("notes/none.txt"))

    def test_options(self):
        """The owner's file types count; an option that cannot count is refused."""
        (page,) = self.open(filetypes=(".txt",)).list(ROOT, False)
        self.assertEqual([name for name, _ in page.skipped], ["c.jpg"])
        self.assertRaises(OperatorError, self.open, quota=1)

    def test_changes(self):
        """Nothing can be changed."""
        self.assertRaises(Forbidden, self.open().move, parse("c.jpg"), parse("d.jpg"), None, None)


if __name__ == "__main__":
    unittest.main()
