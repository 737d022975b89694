"""The contract of read-only stores is passed by one that keeps it, and notices one that does not."""

from __future__ import annotations

import os
from typing import Iterator, Mapping

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces.store import IOpenFile, IStore, StoreOptions
from homeftp.model import Entry, ListingPage
from homeftp.store.local.store import LocalStore
from homeftp.store.memory import MemoryStore
from homeftp.store.readonly import ReadOnlyStore
from homeftp.testing.contract.readonly import ReadOnlyContract, ReadOnlyStoreContract
from tests.support.contracts import ControlCase
from tests.support.folders import QuickCase


class _View(ReadOnlyStore):
    """Reads another store. Has only what a read-only backend must write."""

    def __init__(self, store: IStore) -> None:
        super().__init__("it is only a view")
        self.store = store

    def stat(self, endpoint: Endpoint) -> Entry | None:
        return self.store.stat(endpoint)

    def open(self, endpoint: Endpoint) -> IOpenFile:
        return self.store.open(endpoint)

    def list(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        return self.store.list(endpoint, recursive, hidden)

    def close(self) -> None:
        self.store.close()


class ViewTests(ReadOnlyStoreContract, QuickCase):
    """The contract holds for a backend that writes only `stat`, `open` and `list`."""

    def make_read_only_store(self, files: Mapping[str, bytes], options: StoreOptions) -> IStore:
        """A view of a folder that was filled before."""
        root = self.mktemp()
        os.mkdir(root)
        for path, content in files.items():
            where = os.path.join(root, path)
            os.makedirs(os.path.dirname(where), exist_ok=True)
            with open(where, "wb") as file:
                file.write(content)
        cache = HashCache(None)
        self.addCleanup(cache.close)
        return _View(LocalStore(root, cache, options))


class ReadOnlyControls(ControlCase):
    """Each wrong store is caught."""

    contract = ReadOnlyContract

    def test_changes(self) -> None:
        """A read-only store that is changed."""

        class Writable(MemoryStore):
            def _check_writable(self) -> None:
                pass

        self.assert_caught("test_read_only", Writable)

    def test_to_be_written(self) -> None:
        """A suite without `make_read_only_store` fails with a message that says so."""

        class Case(ReadOnlyStoreContract, SynchronousTestCase):
            pass

        error = self.assertRaises(NotImplementedError, Case("test_empty").test_empty)
        self.assertIn("write make_read_only_store", str(error))
