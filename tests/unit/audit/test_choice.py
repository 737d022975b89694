"""Where the audit log of a server is kept."""

from __future__ import annotations

import os

from homeftp.audit.choice import reader_of
from homeftp.audit.file import FILE
from homeftp.audit.log import Audit
from homeftp.audit.table import AUDIT
from homeftp.cluster.address import CLUSTER_FILE, ClusterAddress, write_address
from homeftp.cluster.migrations import migrate
from homeftp.cluster.shared import shared_database
from homeftp.model import Actor
from tests.support.engines import empty_schema
from tests.support.folders import QuickCase


class AuditChoiceTests(QuickCase):
    """One state folder."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())

    def note(self, folder: str, account: str) -> None:
        audit = Audit(folder)
        self.addCleanup(audit.close)
        audit.note("login", Actor(account))

    def accounts(self, folder: str) -> list[str]:
        """Whose lines are read."""
        return [line.split(b'"account":"')[1].split(b'"')[0].decode() for line in reader_of(folder).lines()]

    def test_folder(self) -> None:
        """A server without a cluster has it in its folder."""
        self.note(self.folder, "ann")
        self.assertEqual(self.accounts(self.folder), ["ann"])
        self.assertEqual(os.listdir(self.folder), [FILE])

    def test_cluster(self) -> None:
        """The servers of a cluster have one log, wherever their folders are."""
        url = empty_schema()
        migrate(shared_database(url), [AUDIT])
        self.addCleanup(shared_database.cache_clear)
        self.addCleanup(shared_database(url).close)
        folders = [self.folder, os.path.abspath(self.mktemp())]
        for folder in folders:
            write_address(folder, ClusterAddress(url, "s3://files"))
        for folder, account in zip(folders, ("ann", "bob"), strict=True):
            self.note(folder, account)
        self.assertEqual([self.accounts(folder) for folder in folders], [["ann", "bob"]] * 2)
        self.assertEqual([os.listdir(folder) for folder in folders], [[CLUSTER_FILE]] * 2)
