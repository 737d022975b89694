"""The store of a server: what the settings choose, and where its changes are recorded."""

from __future__ import annotations

import os

from homeftp.config import Limits
from homeftp.endpoint import parse
from homeftp.errors import FiletypeNotAllowed, OperatorError, TooLarge
from homeftp.interfaces import IStore
from homeftp.model import WriteRequest
from tests.unit.server.test_wiring import WiringCase


class StoreHandleTests(WiringCase):
    """The store of the settings."""

    def open(self, **settings: object) -> IStore:
        """The store of a server of these settings, open."""
        server = self.compose(**settings)
        server.audit.open()
        self.addCleanup(server.audit.close)
        opened = server.store.open()
        self.addCleanup(server.store.close)
        self.assertIs(server.store.get(), opened)
        return opened

    def test_closed(self) -> None:
        """After `close` there is no store; closing again does nothing."""
        server = self.compose()
        server.audit.open()
        self.addCleanup(server.audit.close)
        server.store.open()
        server.store.close()
        server.store.close()
        self.assertRaises(AssertionError, server.store.get)

    def test_options(self) -> None:
        """The settings for file types and file sizes reach the store."""
        store = self.open(filetypes=frozenset({".txt"}), limits=Limits(file_size=3))
        store.write_many([(WriteRequest(endpoint=parse("a.txt"), size=3), b"abc")])
        found = store.stat(parse("a.txt"))
        assert found is not None
        self.assertEqual(found.size, 3)
        wrong_type, too_large = store.write_many(
            [
                (WriteRequest(endpoint=parse("a.exe"), size=3), b"abc"),
                (WriteRequest(endpoint=parse("b.txt"), size=4), b"abcd"),
            ]
        )
        self.assertIsInstance(wrong_type, FiletypeNotAllowed)
        self.assertIsInstance(too_large, TooLarge)

    def test_recorded(self) -> None:
        """Changes of the store are written to the audit log."""
        self.open().make_directory(WriteRequest(endpoint=parse("new")))
        with open(os.path.join(self.state, "audit.jsonl"), encoding="ascii") as log:
            self.assertIn('"endpoint":"new"', log.read())

    def test_check(self) -> None:
        """`check` refuses a folder that does not exist; it passes, and opens nothing, where one does."""
        self.compose().store.check()
        self.assertEqual(os.listdir(self.root), [])
        self.assertRaises(OperatorError, self.compose(root=os.path.join(self.folder, "missing")).store.check)
