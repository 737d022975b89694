"""A store over anything that maps paths to contents keeps every promise of a store."""

from __future__ import annotations

from typing import Iterable

from twisted.trial.unittest import SynchronousTestCase

from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.store.simple import Path, SimpleStore
from homeftp.testing.contract import StoreContract


class DictStore(SimpleStore):
    """In a dictionary."""

    def __init__(self, options: StoreOptions) -> None:
        super().__init__(options)
        self.nodes: dict[Path, bytes | None] = {}

    def paths(self) -> Iterable[Path]:
        return self.nodes

    def load(self, path: Path) -> bytes | None:
        return self.nodes[path]

    def save(self, path: Path, content: bytes | None) -> None:
        self.nodes[path] = content

    def delete(self, path: Path) -> None:
        del self.nodes[path]


class SimpleStoreTests(StoreContract, SynchronousTestCase):
    """The contract."""

    def make_store(self, options: StoreOptions) -> IStore:
        """A new dictionary."""
        return DictStore(options)


class FullOptionsTests(SimpleStoreTests):
    """The contract, with other options."""

    options = StoreOptions(filetypes=(".txt",), file_size=10**8, similar_names=True)
