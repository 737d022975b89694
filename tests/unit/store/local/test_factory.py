"""The local store is opened by a path or a file: URL."""

from __future__ import annotations

import os

from homeftp.endpoint import parse
from homeftp.errors import OperatorError
from homeftp.interfaces.store import StoreOptions
from homeftp.model import WriteRequest
from homeftp.store.factory import check_store, open_store
from homeftp.store.local.store import LocalStore
from tests.support.folders import QuickCase


class FolderTests(QuickCase):
    """Folders."""

    def open(self, location: str) -> LocalStore:
        store = open_store(location, StoreOptions(filetypes=(".txt",)))
        self.addCleanup(store.close)
        assert isinstance(store, LocalStore)
        return store

    def fault(self, location: str) -> str:
        """The one line that says why a location cannot be opened, the same before and when it is opened."""
        checked = self.assertRaises(OperatorError, check_store, location, StoreOptions())
        opened = self.assertRaises(OperatorError, open_store, location, StoreOptions())
        self.assertEqual(str(checked), str(opened))
        return str(opened)

    def test_folder(self) -> None:
        """A folder is opened by its path and by its URL, with the options."""
        folder = os.path.abspath(self.mktemp())
        os.mkdir(folder)
        os.mkdir(os.path.join(folder, "a b"))
        for location in (folder, f"file://{folder}", f"file:{folder}", f"file://localhost{folder}/a%20b"):
            store = self.open(location)
            request = WriteRequest(endpoint=parse("a.exe"), size=0)
            self.assertIn(".txt", str(store.write_many([(request, b"")])[0]))
            store.close()

    def test_index(self) -> None:
        """Hashes are remembered in the state folder; without one, nowhere."""
        folder, state = os.path.abspath(self.mktemp()), os.path.abspath(self.mktemp())
        os.mkdir(folder)
        store = open_store(folder, StoreOptions(state_dir=state))
        store.close()
        self.assertIn("index.sqlite", os.listdir(state))
        self.open(folder)
        self.assertEqual(os.listdir(folder), [".homeftp"])

    def test_refused(self) -> None:
        """A folder that is missing or another machine's is told in one line, before it is opened."""
        self.assertIn("no such folder", self.fault(os.path.abspath(self.mktemp())))
        self.assertIn("file:///path", self.fault("file://elsewhere/folder"))
        self.assertIn("file:///path", self.fault("file:relative"))

    def test_not_mounted(self) -> None:
        """A known folder that has lost its metadata directory is told in one line, before it is opened."""
        folder = os.path.abspath(self.mktemp())
        os.mkdir(folder)
        known = StoreOptions(known=True)
        self.assertIn("not mounted", str(self.assertRaises(OperatorError, check_store, folder, known)))
        os.mkdir(os.path.join(folder, ".homeftp"))
        check_store(folder, known)

    def test_keys_inside(self) -> None:
        """A folder that has the state folder in it is not shared."""
        folder = os.path.abspath(self.mktemp())
        os.mkdir(folder)
        inside = StoreOptions(state_dir=os.path.join(folder, "state"))
        self.assertIn("must not be inside", str(self.assertRaises(OperatorError, check_store, folder, inside)))
        check_store(folder, StoreOptions(state_dir=f"{folder}-state"))
