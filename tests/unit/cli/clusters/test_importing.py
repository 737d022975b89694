"""`homeftp cluster import` from a folder to a database and a bucket."""

from __future__ import annotations

import contextlib
import json
import os
from unittest import mock

from homeftp.accounts.database import AccountDatabase
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.errors import Busy
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.factory import open_store
from tests.support.clustercommands import ClusterCommandCase


class ClusterImportTests(ClusterCommandCase):
    """A shared folder with two files, and two versions of each."""

    def setUp(self) -> None:
        super().setUp()
        self.folder, self.state = self.mktemp(), self.mktemp()
        os.mkdir(self.folder)
        os.mkdir(self.state, 0o700)
        AccountDatabase(self.state).open().close()
        with self.shared() as store:
            for content in (b"1", b"22", b"333"):
                for path in ("a.txt", "d/b.txt"):
                    self.write(store, path, content)
            self.there = self.holds(store)

    def shared(self) -> contextlib.closing[IStore]:
        """The store of the folder, until the block ends."""
        return contextlib.closing(open_store(self.folder, StoreOptions(state_dir=self.state)))

    def cluster(self) -> list[tuple[object, ...]]:
        with self.opened() as store:
            return self.holds(store)

    def bring(self, *arguments: str) -> int:
        return self.homeftp("cluster", "import", self.folder, self.url, "--objects", "s3://files", *arguments)

    def test_all(self) -> None:
        """The cluster has then all that the folder has, with the times and the modes; the folder is as it was."""
        self.assertEqual(self.bring("--state", self.state), Exit.DONE)
        self.assertIn("Copied 2 files, 1 folder and 4 versions, 12 B", self.err.getvalue())
        self.assertEqual(self.cluster(), self.there)
        with self.shared() as store:
            self.assertEqual(self.holds(store), self.there)

    def test_accounts(self) -> None:
        """With the state folder its accounts come along, once; it is said where the cluster has some already."""
        AccountDatabase(self.state).add_account("ann", "stored")
        self.assertEqual(self.bring(), Exit.DONE)
        self.assertNotIn("account", self.err.getvalue())
        self.assertEqual(self.bring("--state", self.state), Exit.DONE)
        self.assertIn("Copied 1 account with 0 logins.", self.err.getvalue())
        database = self.database()
        self.assertEqual(database.rows("SELECT name, password FROM accounts"), [("ann", "stored")])
        self.assertEqual(self.bring("--state", self.state), Exit.DONE)
        self.assertIn("The cluster has accounts already", self.err.getvalue())
        self.assertEqual(self.bring("--state", self.state, "--json"), Exit.DONE)
        self.assertEqual(json.loads(self.out.getvalue().splitlines()[-1]), {"accounts": None})

    def test_recorded(self) -> None:
        """The audit log of the cluster has a line for each file and folder."""
        self.bring()
        database = self.database()
        lines = [json.loads(line) for (line,) in database.rows("SELECT line FROM audit ORDER BY seq")]
        shown = [(each["event"], each["change"], each["request"], each["endpoint"]) for each in lines]
        paths = ("a.txt", "d", "d/b.txt")
        self.assertEqual(shown, [("change", "add", "import", path) for path in paths])

    def test_again(self) -> None:
        """A second time everything is there already, with and without what the state folder knows."""
        self.bring()
        for arguments in ((), ("--state", self.state)):
            self.assertEqual(self.bring(*arguments), Exit.DONE)
            self.assertIn("Copied 0 files, 0 folders and 0 versions", self.err.getvalue())
            self.assertIn("7 were there already", self.err.getvalue())

    def test_interrupted(self) -> None:
        """Where the database stops answering the message says how to go on, and going on ends right."""
        with mock.patch.object(ClusterStore, "add_many", side_effect=Busy("it does not answer")):
            self.assertEqual(self.bring(), Exit.USAGE)
        self.assertIn("it does not answer", self.err.getvalue())
        self.assertIn("run the same command again", self.err.getvalue())
        self.assertEqual(self.bring(), Exit.DONE)
        self.assertEqual(self.cluster(), self.there)

    def test_failures(self) -> None:
        """What cannot be copied is printed with the reason, all else is copied, and the exit code says so."""
        os.symlink("a.txt", os.path.join(self.folder, "link"))
        self.assertEqual(self.bring("--quiet"), Exit.DIFFERS)
        self.assertRegex(self.out.getvalue(), r"(?m)^failed: link: .+$")
        self.assertEqual((len(self.out.getvalue().splitlines()), self.err.getvalue()), (1, ""))
        self.assertEqual(self.cluster(), self.there)
        self.assertEqual(self.bring("--json"), Exit.DIFFERS)
        failed, summary = map(json.loads, self.out.getvalue().splitlines())
        self.assertEqual((failed["outcome"], failed["name"]), ("failed", "link"))
        self.assertEqual((summary["summary"]["there"], summary["summary"]["failed"]), (7, 1))

    def test_occupied(self) -> None:
        """A file of the cluster is not replaced, and the new version is added."""
        self.bring()
        with self.shared() as store:
            self.write(store, "a.txt", b"444")
        self.assertEqual(self.bring(), Exit.DIFFERS)
        self.assertRegex(self.out.getvalue(), r"(?m)^failed: a\.txt: something else is at")
        self.assertIn("Copied 0 files, 0 folders and 1 version", self.err.getvalue())

    def test_served(self) -> None:
        """A folder that a server has open is refused."""
        with self.shared():
            self.assertEqual(self.bring(), Exit.USAGE)
        self.assertIn("another", self.err.getvalue())

    def test_wrong(self) -> None:
        """What is no folder, no database or no state folder is refused before anything is opened."""
        for folder, database, more in (
            ("s3://x", self.url, ()),
            (self.folder, self.folder, ()),
            (self.folder, self.url, ("--state", self.mktemp())),
        ):
            code = self.homeftp("cluster", "import", folder, database, "--objects", "s3://files", *more)
            self.assertEqual(code, Exit.USAGE)
        self.assertEqual(self.cluster(), [])
