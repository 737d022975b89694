"""`homeftp cluster export` from a database and a bucket to a folder."""

from __future__ import annotations

import contextlib
import json
import os
from unittest import mock

from homeftp.accounts.database import AccountDatabase
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cluster.database import Database
from homeftp.cluster.identity import share_identity
from homeftp.crypto.ca import read_ca
from homeftp.endpoint import parse
from homeftp.errors import Busy
from homeftp.host import now
from homeftp.interfaces.store import StoreOptions
from homeftp.model import WriteRequest
from homeftp.server.cluster import bring_accounts
from homeftp.store.factory import open_store
from homeftp.store.local.store import LocalStore
from tests.support.clustercommands import ClusterCommandCase
from tests.support.engines import empty_schema


class ClusterExportTests(ClusterCommandCase):
    """A cluster with two files, of which one is in a directory that is not to be written, and versions."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = os.path.join(os.path.abspath(self.mktemp()), "exported")
        with self.opened() as store:
            store.make_directory(WriteRequest(endpoint=parse("d"), mtime_us=2_000_000, mode=0o550))
            for content in (b"1", b"22", b"333"):
                for path in ("a.txt", "d/b.txt"):
                    self.write(store, path, content)
            self.there = self.holds(store)

    def exported(self) -> list[tuple[object, ...]]:
        """All that the folder holds."""
        with contextlib.closing(open_store(self.folder, StoreOptions())) as store:
            return self.holds(store)

    def export(self, *arguments: str) -> int:
        """Run it."""
        return self.homeftp("cluster", "export", self.folder, self.url, "--objects", "s3://files", *arguments)

    def test_all(self) -> None:
        """The folder holds what the cluster does, with each time and mode; a second time nothing is written."""
        self.assertEqual(self.export(), Exit.DONE)
        self.assertEqual(self.exported(), self.there)
        self.assertIn("Copied 2 files, 1 folder and 4 versions", self.err.getvalue())
        before = os.stat(os.path.join(self.folder, "a.txt"))
        self.assertEqual(self.export("--json"), Exit.DONE)
        told = json.loads(self.out.getvalue())["summary"]
        self.assertEqual(told, {"files": 0, "directories": 0, "versions": 0, "there": 7, "failed": 0})
        self.assertEqual(os.stat(os.path.join(self.folder, "a.txt")), before)
        self.assertEqual(self.exported(), self.there)

    def test_interrupted(self) -> None:
        """One that ends early is run again, and ends right."""
        whole = LocalStore.write_many

        def stop(store: LocalStore, requests: object) -> object:
            raise Busy("the disk is not there")

        with mock.patch.object(LocalStore, "write_many", stop):
            self.assertEqual(self.export(), Exit.USAGE)
        self.assertIn("the export stopped: the disk is not there.", self.err.getvalue())
        self.assertIs(LocalStore.write_many, whole)
        self.assertEqual(self.export(), Exit.DONE)
        self.assertEqual(self.exported(), self.there)

    def test_failures(self) -> None:
        """What the bucket has lost, and what is in the way, is named, and nothing is replaced; the rest is there."""
        os.makedirs(self.folder)
        with open(os.path.join(self.folder, "a.txt"), "w", encoding="ascii") as file:
            file.write("mine")
        self.lose(b"22")
        self.assertEqual(self.export(), Exit.DIFFERS)
        shown = self.out.getvalue()
        self.assertRegex(shown, r"(?m)^failed: a\.txt: something else is at a\.txt already")
        self.assertEqual(len([line for line in shown.splitlines() if "(version of" in line]), 2)
        with open(os.path.join(self.folder, "a.txt"), encoding="ascii") as file:
            self.assertEqual(file.read(), "mine")
        with open(os.path.join(self.folder, "d/b.txt"), encoding="ascii") as file:
            self.assertEqual(file.read(), "333")

    def test_accounts(self) -> None:
        """A state folder gets the accounts and the identity, so that a server of the folder goes on."""
        old, state = os.path.abspath(self.mktemp()), os.path.abspath(self.mktemp())
        AccountDatabase(old).add_account("ann", None)
        with contextlib.closing(Database(self.url, connections=1)) as database:
            bring_accounts(old, database)
            share_identity(database, old, now=now)
        self.assertEqual(self.export("--state", state), Exit.DONE)
        self.assertEqual(AccountDatabase(state).account_names(), ["ann"])
        self.assertEqual(read_ca(state), read_ca(old))
        self.assertEqual(self.export("--state", state), Exit.DONE)
        self.assertIn("accounts already", self.err.getvalue())
        other = os.path.abspath(self.mktemp())
        with contextlib.closing(Database(empty_schema(), connections=1)):
            AccountDatabase(other).add_account("ben", None)
        self.assertEqual(self.export("--state", other), Exit.DONE)
        self.assertEqual(AccountDatabase(other).account_names(), ["ben"])

    def test_wrong(self) -> None:
        """What is no folder, or no database, is refused before anything is made."""
        for folder, database in (("postgresql://db/x", self.url), (self.folder, self.folder)):
            code = self.homeftp("cluster", "export", folder, database, "--objects", "s3://files")
            self.assertEqual(code, Exit.USAGE)
        self.assertFalse(os.path.exists(self.folder))
