"""The cluster store keeps every promise of a store, over a real database and a bucket in memory."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.model import SECOND_US
from homeftp.store.cluster.store import ClusterStore
from homeftp.testing.contract import StoreContract
from tests.support.clustercase import ClusterCase, request
from tests.support.clusters import Cluster


class MakesClusters:
    """Makes stores of a cluster for the contract."""

    cluster: Cluster

    def make_store(self, options: StoreOptions) -> IStore:
        """A share of its own."""
        self.cluster = Cluster()
        return self.cluster.open(options)

    def reopen_store(self, store: IStore, options: StoreOptions) -> IStore:
        """Another server."""
        return self.cluster.open(options)

    def maintain_later(self, store: IStore, seconds: float) -> bool:
        """Have all that it kept been there for longer."""
        for table in ("version", "upload"):
            self.cluster.execute(f"UPDATE {table} SET at_us = at_us - %s", int(seconds * SECOND_US))
        store.maintain()
        return True

    def damage_file(self, store: IStore, path: str, content: bytes) -> bool:
        """In the bucket."""
        assert isinstance(store, ClusterStore)
        self.cluster.damage(path, content)
        return True


class EditTests(ClusterCase):
    """A draft is committed over what is there by then."""

    def test_mode_set_meanwhile(self) -> None:
        """A mode that a file is given while a draft of it is open stays, unless the draft is given one, too."""
        for mode, expected in ((None, 0o600), (0o640, 0o640)):
            self.write("a.txt", mode=0o644)
            draft = self.store.edit(request("a.txt"))
            self.store.set_metadata(parse("a.txt"), mtime_us=None, mode=0o600, precondition=None)
            self.assertEqual(draft.commit(mode=mode).mode, expected)

    def test_removed_meanwhile(self) -> None:
        """Where the file was removed the new one has the mode of the one that the draft began with."""
        self.write("a.txt", mode=0o600)
        draft = self.store.edit(request("a.txt"))
        list(self.store.remove(parse("a.txt"), None, False))
        self.assertEqual(draft.commit().mode, 0o600)


class ClusterStoreTests(MakesClusters, StoreContract, SynchronousTestCase):
    """The contract."""
