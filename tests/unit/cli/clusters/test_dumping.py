"""`homeftp cluster dump`, `recover` and `release`: from a database to an empty one, by way of the bucket."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from unittest import mock

from msgspec import structs

from homeftp.accounts.database import AccountDatabase
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cluster.database import Database
from homeftp.cluster.dumps.manifest import read_manifest, write_manifest
from homeftp.cluster.identity import share_identity
from homeftp.errors import Busy
from homeftp.host import now
from homeftp.server.cluster import bring_accounts
from homeftp.store.cluster.upkeep.ownership import expect_own
from tests.support.clustercommands import ClusterCommandCase
from tests.support.engines import empty_schema


class DumpTests(ClusterCommandCase):
    """A cluster with a file and an account."""

    def setUp(self) -> None:
        super().setUp()
        self.state = os.path.abspath(self.mktemp())
        AccountDatabase(self.state).add_account("ann", None)
        with contextlib.closing(Database(self.url, connections=1)) as database:
            bring_accounts(self.state, database)
        self.clear()

    def join(self) -> None:
        """Start a server, as far as its identity goes."""
        with contextlib.closing(Database(self.url, connections=1)) as database:
            share_identity(database, self.state, now=now)

    def cluster(self, action: str, *arguments: str, url: str = "") -> int:
        """One command for a database, and the bucket."""
        engines = () if action == "release" else ("--objects", "s3://files")
        return self.homeftp("cluster", action, url or self.url, *engines, *arguments)

    def store(self, path: str, content: bytes) -> None:
        """Store a file."""
        with self.opened() as store:
            self.write(store, path, content)

    def test_dumps(self) -> None:
        """A dump needs a key for the accounts; dumps are listed, and the oldest removed where that is asked for."""
        self.assertEqual(self.cluster("dump"), Exit.USAGE)
        self.assertIn("start a server first", self.err.getvalue())
        self.join()
        names = []
        for _ in range(3):
            self.clear()
            self.assertEqual(self.cluster("dump", "--json"), Exit.DONE)
            names.append(str(self.printed_json()[0]["dump"]))
        self.clear()
        self.assertEqual(self.cluster("dump", "--list"), Exit.DONE)
        self.assertEqual(self.out.getvalue().split(), sorted(names))
        self.clear()
        self.assertEqual(self.cluster("dump", "--keep", "2"), Exit.DONE)
        self.assertRegex(self.out.getvalue(), r"^Wrote the dump .*: \d+ rows, .*\. Removed 2 older dumps\.$")
        self.clear()
        self.assertEqual(self.cluster("dump", "--list", "--json"), Exit.DONE)
        self.assertEqual(len(json.loads(self.out.getvalue())["dumps"]), 2)
        self.assertEqual(self.cluster("dump", "--keep", "0"), Exit.USAGE)

    def test_recovered(self) -> None:
        """Files and accounts are back; what is missing in the bucket is named, and what was stored later stays."""
        self.join()
        self.store("a.txt", b"kept")
        self.store("lost.txt", b"lost")
        self.assertEqual(self.cluster("dump"), Exit.DONE)
        self.store("later.txt", b"later")
        self.lose(b"lost")
        new = empty_schema()
        self.clear()
        self.assertEqual(self.cluster("recover", "--state", self.state, url=new), Exit.DIFFERS)
        shown = self.out.getvalue()
        self.assertRegex(shown, r"(?m)^Recovered the dump of .*: 2 files and folders, 0 versions, 1 account\.$")
        self.assertRegex(shown, r"(?m)^damaged: lost\.txt: the bucket has not kept all of it$")
        self.assertIn("The bucket has not kept 1 content.", shown)
        self.assertIn("named by no file: 1 object with 5 B.", shown)
        self.assertIn(f"homeftp cluster release {shlex.quote(new)}\n", shown)
        self.assertNotEqual(shlex.quote(new), new)  # the control: it has characters that a shell would take for its own
        with contextlib.closing(Database(new, connections=1)) as database:
            share_identity(database, self.state, now=now)  # would be refused, if it were another one
            self.assertEqual(database.rows("SELECT name FROM accounts"), [("ann",)])
        self.assertEqual(self.homeftp("cluster", "status", new), Exit.DONE)
        self.assertIn("recovered: objects that no file names stay", self.out.getvalue())
        self.assertEqual(self.cluster("release", url=new), Exit.DONE)
        self.clear()
        self.assertEqual(self.cluster("release", "--json", url=new), Exit.DONE)
        self.assertEqual(self.printed_json(), [{"released": False}])
        self.clear()
        self.assertEqual(self.cluster("recover", "--state", self.state, url=new), Exit.USAGE)
        self.assertIn("name an empty database", self.err.getvalue())

    def test_foreign_bucket(self) -> None:
        """Whether the bucket has become another database's since the dump is said; it is not taken over by looking."""
        self.join()
        self.store("a.txt", b"kept")
        self.assertEqual(self.cluster("dump"), Exit.DONE)
        first = empty_schema()
        self.clear()
        self.assertEqual(self.cluster("recover", "--no-accounts", url=first), Exit.DONE)
        self.assertNotIn("another database", self.out.getvalue(), "the control")
        with contextlib.closing(Database(first, connections=1)) as database:
            expect_own(database, self.bucket)  # a server starts
        self.clear()
        self.assertEqual(self.cluster("recover", "--no-accounts", url=empty_schema()), Exit.DONE)
        self.assertRegex(self.out.getvalue(), "(?m)^No server will start on it yet: the bucket belongs to another")
        self.clear()
        self.assertEqual(self.cluster("recover", "--no-accounts", "--json", url=empty_schema()), Exit.DONE)
        self.assertIn("another database", str(self.printed_json()[0]["refused"]))

    def test_lacking(self) -> None:
        """What a dump lacks that a server of an older version wrote is said; the control: a whole one lacks nothing."""
        self.join()
        self.assertEqual(self.cluster("dump"), Exit.DONE)
        older = read_manifest(self.bucket)
        self.assertEqual(self.cluster("dump"), Exit.DONE)
        kept = tuple(table for table in older.tables if table.name != "restored")
        write_manifest(self.bucket, structs.replace(older, tables=kept))
        asked = ("recover", "--no-accounts")
        self.clear()
        self.assertEqual(self.cluster(*asked, url=empty_schema()), Exit.DONE)
        self.assertNotIn("It lacks", self.out.getvalue())
        self.assertEqual(self.cluster(*asked, "--dump", older.name, url=empty_schema()), Exit.DONE)
        self.assertRegex(self.out.getvalue(), "(?m)^It lacks restored: a server of an older version .* wrote it")
        self.clear()
        self.assertEqual(self.cluster(*asked, "--json", "--dump", older.name, url=empty_schema()), Exit.DONE)
        self.assertEqual(self.printed_json()[0]["lacking"], ["restored"])

    def test_without_accounts(self) -> None:
        """It is said which, never chosen for the owner; the files alone need no state folder."""
        self.join()
        self.store("a.txt", b"kept")
        self.assertEqual(self.cluster("dump"), Exit.DONE)
        new = empty_schema()
        self.assertEqual(self.cluster("recover", url=new), Exit.USAGE)
        self.assertEqual(self.cluster("recover", "--state", self.mktemp(), url=new), Exit.USAGE)
        self.assertIn("holds no identity", self.err.getvalue())
        self.clear()
        self.assertEqual(self.cluster("recover", "--no-accounts", "--json", url=new), Exit.DONE)
        rows = self.printed_json()[0]["rows"]
        assert isinstance(rows, dict)
        self.assertEqual((rows["node"], "accounts" in rows), (2, False))

    def test_away(self) -> None:
        """A bucket that does not answer is named; a dump is not there, and a database stays empty."""
        self.join()
        with mock.patch.object(self.bucket, "put", side_effect=Busy("the object store is away")):
            self.assertEqual(self.cluster("dump"), Exit.USAGE)
        self.assertIn("not written: the object store is away", self.err.getvalue())
        self.assertEqual(self.cluster("dump"), Exit.DONE)
        new = empty_schema()
        with mock.patch.object(self.bucket, "get", side_effect=Busy("the object store is away")):
            self.assertEqual(self.cluster("recover", "--no-accounts", url=new), Exit.USAGE)
        self.assertIn("nothing was recovered: the object store is away", self.err.getvalue())
        self.assertEqual(self.cluster("recover", "--no-accounts", url=new), Exit.DONE)

    def test_named(self) -> None:
        """Another dump than the newest can be named."""
        self.join()
        self.assertEqual(self.cluster("dump", "--json"), Exit.DONE)
        first = str(self.printed_json()[0]["dump"])
        self.store("later.txt", b"later")
        self.assertEqual(self.cluster("dump"), Exit.DONE)
        self.assertEqual(self.cluster("recover", "--no-accounts", "--dump", "x", url=empty_schema()), Exit.USAGE)
        self.assertIn(first, self.err.getvalue())
        self.clear()
        asked = ("recover", "--no-accounts", "--json", "--dump", first)
        self.assertEqual(self.cluster(*asked, url=empty_schema()), Exit.DONE)
        self.assertEqual(self.printed_json()[0]["recovered"], first)
