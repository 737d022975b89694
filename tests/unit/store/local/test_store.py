"""The local store keeps every promise of a store, whatever its options and its file system."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import Retention
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.store.local.store import LocalStore
from homeftp.syscalls import System
from homeftp.testing.contract import StoreContract
from tests.support.contracts import maintain_later
from tests.support.flips import flip
from tests.support.folders import QuickCase
from tests.support.stores import QuickSystem, Unlisted


class LocalStoreTests(StoreContract, SynchronousTestCase):
    """The contract."""

    def make_store(self, options: StoreOptions) -> LocalStore:
        """In a folder of its own."""
        self.root = self.mktemp()
        os.mkdir(self.root)
        return self.open(options)

    def reopen_store(self, store: IStore, options: StoreOptions) -> LocalStore:
        """The same folder again."""
        return self.open(options)

    def maintain_later(self, store: IStore, seconds: float) -> bool:
        """By the clock of the process."""
        return maintain_later(store, seconds)

    def damage_file(self, store: IStore, path: str, content: bytes) -> bool:
        """Beneath the file system."""
        flip(os.path.join(self.root, path), content, self.cache_path)
        return True

    def open(self, options: StoreOptions) -> LocalStore:
        """The folder."""
        self.cache_path = self.mktemp()
        cache = HashCache(self.cache_path)
        self.addCleanup(cache.close)
        store = LocalStore(self.root, cache, options, system=self.system())
        store.maintain()
        return store

    def system(self) -> System:
        """The machine's own."""
        return System()


class FullOptionsTests(QuickCase, LocalStoreTests):
    """The contract, with every option set."""

    options = StoreOptions(
        filetypes=(".txt",),
        file_size=10**8,
        quota=10**9,
        similar_names=True,
        retention=Retention(seconds=1e6, percent=None, size=10**8),
    )

    def system(self) -> System:
        """Without waiting."""
        return QuickSystem()


class _EachFile(QuickSystem):
    """A file system where each file is synced by itself."""

    def syncs_whole(self, fd: int) -> bool:
        return False


class EachFileTests(QuickCase, LocalStoreTests):
    """The contract, without versions, on a file system that cannot be synced as a whole."""

    options = StoreOptions(retention=Retention(seconds=0))

    def system(self) -> System:
        """Without syncfs."""
        return _EachFile()


class _OtherNames(QuickSystem, Unlisted):
    """A disk that may find files by other names than it lists: each name is looked for in its directory."""


class OtherNamesTests(QuickCase, LocalStoreTests):
    """The contract, on a disk that may find files by other names than it lists."""

    def system(self) -> System:
        """Without waiting."""
        return _OtherNames()
