"""A server that is to belong to a cluster."""

from __future__ import annotations

import os
import sys
from unittest import mock

from msgspec import structs

from homeftp.accounts.database import AccountDatabase
from homeftp.cluster.address import ClusterAddress, read_address
from homeftp.cluster.database import Database
from homeftp.cluster.migrations import migrate
from homeftp.cluster.shared import shared_database
from homeftp.config import Settings
from homeftp.crypto.ca import open_identity, read_ca
from homeftp.errors import OperatorError
from homeftp.host import now
from homeftp.server import cluster
from homeftp.server.clusterschema import SCHEMA
from tests.support.engines import empty_schema
from tests.support.folders import QuickCase


class JoinTests(QuickCase):
    """Before anything in the state folder is opened."""

    def setUp(self) -> None:
        self.state = os.path.abspath(self.mktemp())
        self.url = empty_schema()
        self.addCleanup(shared_database.cache_clear)
        self.addCleanup(shared_database(self.url).close)

    def settings(self, root: str) -> Settings:
        return Settings(root=root, state=self.state, objects="s3://files")

    def migrate(self) -> None:
        database = Database(self.url, connections=1)
        self.addCleanup(database.close)
        migrate(database, SCHEMA)

    def test_folder(self) -> None:
        """A server of a folder joins nothing."""
        cluster.join(self.settings("/srv"))
        self.assertIsNone(cluster.member_of(self.settings("/srv")))
        self.assertIsNone(read_address(self.state))

    def test_joined(self) -> None:
        """The state folder says to which cluster the server belongs; it may start again."""
        self.migrate()
        for _ in range(2):
            cluster.join(self.settings(self.url))
        self.assertEqual(read_address(self.state), ClusterAddress(self.url, "s3://files"))
        self.assertIn("identity", os.listdir(self.state))

    def test_not_made(self) -> None:
        """Without the tables it does not start, and stays free."""
        with self.assertRaisesRegex(OperatorError, "homeftp cluster init"):
            cluster.join(self.settings(self.url))
        self.assertIsNone(read_address(self.state))

    def test_accounts(self) -> None:
        """The accounts of a server of a folder become those of the cluster, which has its identity, too."""
        self.assertRaises(OperatorError, cluster.expect_accounts, self.state)
        AccountDatabase(self.state).add_account("ann", None)
        open_identity(self.state, now=now)
        before = read_ca(self.state)
        cluster.expect_accounts(self.state)
        self.migrate()
        self.assertEqual(cluster.bring_accounts(self.state, shared_database(self.url)), (1, 0))
        cluster.join(self.settings(self.url))
        self.assertEqual(AccountDatabase(self.state).account_names(), ["ann"])
        other = self.settings(self.url)
        other = structs.replace(other, state=os.path.abspath(self.mktemp()))
        cluster.join(other)
        self.assertEqual((read_ca(other.state), AccountDatabase(other.state).account_names()), (before, ["ann"]))

    def test_taken(self) -> None:
        """A server with a folder of its own gets accounts and identity of a cluster; one of a cluster has them."""
        self.migrate()
        cluster.join(self.settings(self.url))
        AccountDatabase(self.state).add_account("ann", None)
        with self.assertRaisesRegex(OperatorError, "of a cluster"):
            cluster.take_accounts(self.state, shared_database(self.url))
        own = os.path.abspath(self.mktemp())
        self.assertEqual(cluster.take_accounts(own, shared_database(self.url)), (1, 0))
        self.assertEqual((read_ca(own), AccountDatabase(own).account_names()), (read_ca(self.state), ["ann"]))
        self.assertIsNone(cluster.take_accounts(own, shared_database(self.url)))
        other = os.path.abspath(self.mktemp())
        open_identity(other, now=now)
        with self.assertRaisesRegex(OperatorError, "another home"):
            cluster.take_accounts(other, shared_database(self.url))

    def test_without_packages(self) -> None:
        """Where the packages of a cluster are missing the owner is told how to install them."""
        with (
            mock.patch.dict(sys.modules, {"homeftp.server.clustermember": None}),
            self.assertRaisesRegex(OperatorError, "pip install"),
        ):
            cluster.member_of(self.settings(self.url))

    def test_folder_of_a_cluster(self) -> None:
        """The state folder of a server of a cluster serves no folder: its accounts would be others."""
        self.migrate()
        cluster.join(self.settings(self.url))
        with self.assertRaisesRegex(OperatorError, "belongs to the cluster"):
            cluster.join(self.settings("/srv"))
