"""A store over anything that maps paths to contents keeps every promise of a store."""

from __future__ import annotations

from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import ROOT, parse
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.model import WriteRequest
from homeftp.store.simple import Path
from homeftp.testing.contract import StoreContract
from tests.support.plainstores import DictStore


class LoadTests(SynchronousTestCase):
    """What a backend is asked for."""

    def test_loads(self) -> None:
        """A content is loaded once to be opened, and only where it is listed."""
        loaded: list[Path] = []

        class Watched(DictStore):
            def load(self, path: Path) -> bytes | None:
                loaded.append(path)
                return super().load(path)

        store = Watched(StoreOptions())
        for path in ("a", "d/b"):
            store.write_many([(WriteRequest(endpoint=parse(path), size=7), b"content")])
        for act, expected in (
            (lambda: store.open(parse("d/b")), [("d", "b")]),
            (lambda: list(store.list(ROOT, False)), [("a",), ("d",)]),
            (lambda: list(store.list(ROOT, True)), [("a",), ("d",), ("d", "b")]),
        ):
            loaded.clear()
            act()
            self.assertEqual(loaded, expected)

    def test_hashed(self) -> None:
        """A content is hashed once to be stored, and once to be moved: hashing is most of the work."""
        hashed: list[bytes] = []

        def watched(content: bytes) -> str:
            hashed.append(content)
            return hash_bytes(content)

        store = DictStore(StoreOptions())
        with mock.patch("homeftp.store.simple.hash_bytes", watched):
            store.write_many([(WriteRequest(endpoint=parse("a"), size=7), b"content")])
            self.assertEqual(hashed, [b"content"])
            hashed.clear()
            store.move(parse("a"), parse("b"), None, None)
            self.assertEqual(hashed, [b"content"])


class SimpleStoreTests(StoreContract, SynchronousTestCase):
    """The contract."""

    def make_store(self, options: StoreOptions) -> IStore:
        """A new dictionary."""
        return DictStore(options)


class FullOptionsTests(SimpleStoreTests):
    """The contract, with other options."""

    options = StoreOptions(filetypes=(".txt",), file_size=10**8, similar_names=True)
