"""The store in memory keeps every promise of a store."""

from __future__ import annotations

import time
from typing import Mapping

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.model import WriteRequest
from homeftp.store.memory import MemoryStore
from homeftp.testing.contract import StoreContract


class MemoryStoreTests(StoreContract, SynchronousTestCase):
    """The contract."""

    def make_store(self, options: StoreOptions) -> IStore:
        """In memory."""
        self.later_us = 0
        return MemoryStore(options, clock=lambda: time.time_ns() // 1000 + self.later_us)

    def maintain_later(self, store: IStore, seconds: float) -> bool:
        """Set its clock forward."""
        self.later_us = int(seconds * 1_000_000)
        store.maintain()
        return True

    def damage_file(self, store: IStore, path: str, content: bytes) -> bool:
        """In its place."""
        assert isinstance(store, MemoryStore)
        store.damage(parse(path), content)
        return True

    def make_read_only_store(self, files: Mapping[str, bytes], options: StoreOptions) -> IStore:
        """One that was changed for the last time."""
        store = MemoryStore(options)
        store.write_many([(WriteRequest(endpoint=parse(path), size=len(data)), data) for path, data in files.items()])
        store.read_only = "it is only looked at"
        return store


class FullOptionsTests(MemoryStoreTests):
    """The contract, with every option set."""

    options = StoreOptions(filetypes=(".txt",), file_size=10**8, quota=10**9, similar_names=True)
