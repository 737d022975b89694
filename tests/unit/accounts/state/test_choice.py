"""Which engine keeps the accounts of a server."""

from __future__ import annotations

import os

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.state.choice import engine_of
from homeftp.accounts.state.postgresql import ACCOUNTS
from homeftp.accounts.state.sqlite import FILE, SqliteState
from homeftp.cluster.address import CLUSTER_FILE, ClusterAddress, write_address
from homeftp.cluster.migrations import migrate
from homeftp.cluster.shared import shared_database
from homeftp.errors import OperatorError
from tests.support.engines import empty_schema
from tests.support.folders import QuickCase


class ChoiceTests(QuickCase):
    """One state folder."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())

    def test_folder(self) -> None:
        """A server without a cluster has them in its folder."""
        self.assertIsInstance(engine_of(self.folder), SqliteState)
        AccountDatabase(self.folder).add_account("ann", None)
        self.assertIn(FILE, os.listdir(self.folder))

    def test_cluster(self) -> None:
        """The servers of a cluster have the same ones, wherever their folders are, and nothing of them is there."""
        url = empty_schema()
        migrate(shared_database(url), [ACCOUNTS])
        self.addCleanup(shared_database.cache_clear)
        self.addCleanup(shared_database(url).close)
        folders = [self.folder, os.path.abspath(self.mktemp())]
        for folder in folders:
            write_address(folder, ClusterAddress(url, "s3://files"))
        AccountDatabase(folders[0]).add_account("ann", None)
        self.assertEqual(AccountDatabase(folders[1]).account_names(), ["ann"])
        self.assertEqual([os.listdir(folder) for folder in folders], [[CLUSTER_FILE]] * 2)

    def test_damaged(self) -> None:
        """Where it is not known there are no accounts."""
        write_address(self.folder, ClusterAddress("postgresql:///x", "s3://files"))
        with open(os.path.join(self.folder, CLUSTER_FILE), "wb") as file:
            file.write(b"{")
        with self.assertRaisesRegex(OperatorError, "is damaged"):
            AccountDatabase(self.folder).account_names()
