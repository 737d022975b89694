"""The contract wants nothing of a store that its capabilities deny."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.testing.contract import StoreContract
from tests.support.plainstores import NoMetadata, PlainStore


class NoMetadataTests(StoreContract, SynchronousTestCase):
    """The contract, without metadata."""

    def make_store(self, options: StoreOptions) -> IStore:
        """In memory."""
        return NoMetadata(options)


class PlainStoreTests(StoreContract, SynchronousTestCase):
    """The contract, without any capability."""

    def make_store(self, options: StoreOptions) -> IStore:
        """In memory."""
        return PlainStore(options)
