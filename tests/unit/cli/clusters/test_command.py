"""`homeftp cluster` on a database and a bucket."""

from __future__ import annotations

import json
import re
import shlex
import uuid
from unittest import mock

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cluster import objects
from homeftp.cluster import state as state_module
from homeftp.cluster.database import Database
from homeftp.cluster.servers import ClusterServer, report_server
from homeftp.cluster.state import ClusterState
from homeftp.errors import Busy, OperatorError
from homeftp.store.cluster.tables import holdings
from homeftp.store.cluster.upkeep.ownership import OWNER
from tests.support.clusters import memory_bucket
from tests.support.commandline import CommandCase
from tests.support.engines import empty_schema

ANSWERS_AT = 42
"""The column at which all answers of `homeftp cluster check` begin."""


class ClusterCommandTests(CommandCase):
    """The command line."""

    def setUp(self) -> None:
        super().setUp()
        self.url = empty_schema()
        self.bucket = memory_bucket()
        patched = mock.patch.object(objects, "open_bucket", lambda url, environment: self.bucket)
        patched.start()
        self.addCleanup(patched.stop)

    def cluster(self, action: str, *arguments: str) -> int:
        return self.homeftp("cluster", action, self.url, *arguments)

    def test_init(self) -> None:
        """The tables are made once, and the next step is said; a second time nothing is changed."""
        self.assertEqual(self.cluster("init", "--objects", "s3://files"), Exit.DONE)
        self.assertIn("Next: homeftp serve", self.out.getvalue())
        self.assertEqual(self.cluster("init", "--objects", "s3://files"), Exit.DONE)
        self.assertIn("there already", self.out.getvalue())
        self.assertEqual(self.cluster("migrate"), Exit.DONE)
        self.assertIn("nothing to do", self.out.getvalue())

    def test_init_next(self) -> None:
        """The next step can be typed as it is shown: a shell takes the URL for one word, and for no pattern."""
        self.cluster("init", "--objects", "s3://files")
        (said,) = re.findall("Next: (.*)", self.out.getvalue())
        self.assertEqual(shlex.split(said, posix=True), ["homeftp", "serve", self.url, "--objects", "s3://files"])
        self.assertIn(f"'{self.url}'", said)  # the control: it has characters that a shell would take for its own

    def test_not_made(self) -> None:
        """Without the tables there is no status, and the command that makes them is named."""
        self.assertEqual(self.cluster("status"), Exit.USAGE)
        self.assertIn("homeftp cluster init", self.err.getvalue())

    def test_check(self) -> None:
        """Each look is a line; a database that is not durable is a problem, and the exit code says so."""
        self.cluster("init", "--objects", "s3://files")
        self.assertEqual(self.cluster("check", "--objects", "s3://files"), Exit.DIFFERS)
        shown = self.out.getvalue()
        self.assertRegex(shown, r"(?m)^bucket +the five requests +ok$")
        self.assertIn("fsync is off", shown)
        self.assertEqual({len(line[: -len("ok")]) for line in shown.splitlines() if line.endswith("ok")}, {ANSWERS_AT})
        self.assertEqual(self.cluster("check", "--objects", "s3://files", "--json"), Exit.DIFFERS)
        self.assertIs(json.loads(self.out.getvalue().splitlines()[-1])["sound"], False)

    def test_check_silent_bucket(self) -> None:
        """Where the bucket does not do what it must, nothing is said about its owner, which was not looked at."""
        self.cluster("init", "--objects", "s3://files")
        self.patch(self.bucket, "check", mock.Mock(side_effect=OperatorError("the keys are wrong")))
        self.assertEqual(self.cluster("check", "--objects", "s3://files"), Exit.DIFFERS)
        shown = self.out.getvalue()
        self.assertRegex(shown, r"(?m)^bucket +the five requests +the keys are wrong$")
        self.assertRegex(shown, r"(?m)^bucket +the database that it belongs to +not looked at: the bucket")

    def test_foreign_bucket(self) -> None:
        """A bucket that another database has is refused, before a file of it is taken for one that nobody needs."""
        self.cluster("init", "--objects", "s3://files")
        self.url = empty_schema()
        self.assertEqual(self.cluster("init", "--objects", "s3://files"), Exit.USAGE)
        self.assertIn("the bucket belongs to another database", self.err.getvalue())
        self.assertEqual(self.cluster("check", "--objects", "s3://files"), Exit.DIFFERS)
        self.assertRegex(
            self.out.getvalue(), r"(?m)^bucket +the database that it belongs to +the bucket belongs to another"
        )

    def test_foreign_status(self) -> None:
        """Asked about a bucket, the status says whether it is this database's."""
        self.cluster("init", "--objects", "s3://files")
        self.assertEqual(self.cluster("status"), Exit.DONE)
        self.assertNotRegex(self.out.getvalue(), r"(?m)^bucket")
        self.assertEqual(self.cluster("status", "--objects", "s3://files"), Exit.DONE)
        self.assertRegex(self.out.getvalue(), r"(?m)^bucket +belongs to this database$")
        self.bucket.delete([OWNER])
        self.bucket.put(OWNER, str(uuid.uuid4()).encode())
        self.assertEqual(self.cluster("status", "--objects", "s3://files"), Exit.DIFFERS)
        self.assertRegex(self.out.getvalue(), r"(?m)^bucket +the bucket belongs to another database")
        self.cluster("status", "--objects", "s3://files", "--json")
        self.assertIn("another database", json.loads(self.out.getvalue().splitlines()[-1])["bucket"])
        self.assertEqual(self.cluster("dump", "--objects", "s3://files"), Exit.USAGE)
        self.assertIn("another database", self.err.getvalue())

    def test_status_silent_bucket(self) -> None:
        """Where the bucket does not answer, or refuses the keys, that is said of it, and the rest is shown."""
        self.cluster("init", "--objects", "s3://files")
        self.patch(self.bucket, "get", mock.Mock(side_effect=Busy("the object store does not answer")))
        self.assertEqual(self.cluster("status", "--objects", "s3://files"), Exit.DIFFERS, self.err.getvalue())
        self.assertRegex(self.out.getvalue(), r"(?m)^server +none runs$")
        self.assertRegex(self.out.getvalue(), r"(?m)^bucket +not looked at: .*: homeftp cluster check$")
        self.assertEqual(self.err.getvalue(), "")
        self.assertEqual(self.cluster("status", "--objects", "s3://files", "--json"), Exit.DIFFERS)
        self.assertIn("not looked at", json.loads(self.out.getvalue().splitlines()[-1])["bucket"])

    def test_status_unclaimed_bucket(self) -> None:
        """A bucket that no database has is not said to belong to this one, though it may use it."""
        self.cluster("init", "--objects", "s3://files")
        self.bucket.delete([OWNER])
        self.assertEqual(self.cluster("status", "--objects", "s3://files"), Exit.DONE)
        self.assertRegex(self.out.getvalue(), r"(?m)^bucket +belongs to no database yet")

    def test_status_counts(self) -> None:
        """One thing is counted as one, and not as many."""
        self.cluster("init", "--objects", "s3://files")
        holds = holdings.ClusterHoldings(*[1] * len(holdings.ClusterHoldings._fields))
        with mock.patch.object(holdings, "read_status", return_value=holds):
            self.assertEqual(self.cluster("status"), Exit.DONE)
        self.assertIn("1 folder\n", self.out.getvalue())
        self.assertIn("1 pack; 1 object waits to be removed\n", self.out.getvalue())

    def test_status(self) -> None:
        """The servers are listed with their addresses, and what there is is counted."""
        self.cluster("init", "--objects", "s3://files")
        database = Database(self.url, connections=1)
        self.addCleanup(database.close)
        report_server(database, ClusterServer(id="1", host="attic", address="192.0.2.1", version="1.2"))
        self.assertEqual(self.cluster("status"), Exit.DONE, self.err.getvalue())
        self.assertRegex(self.out.getvalue(), r"(?m)^server +attic +192\.0\.2\.1 +homeftp 1\.2 +runs$")
        self.assertEqual(self.cluster("status", "--json"), Exit.DONE)
        told = json.loads(self.out.getvalue().splitlines()[-1])
        self.assertEqual((told["servers"][0]["address"], told["files"]), ("192.0.2.1", 0))

    def test_replicas(self) -> None:
        """How far the replicas of the database are behind is shown, where this user may see it."""
        self.cluster("init", "--objects", "s3://files")
        self.assertEqual(self.cluster("status"), Exit.DONE)
        self.assertRegex(self.out.getvalue(), r"(?m)^replicas none follow the database$")
        for lag_bytes, lag_seconds, said in (
            (2048, 1.5, "2 follow the database, the last one 2.0 kB, or 1.5 s behind"),
            (0, None, "2 follow the database, the last one 0 B behind"),
            (None, None, "GRANT pg_monitor"),
        ):
            state = ClusterState(replicas=2, lag_bytes=lag_bytes, lag_seconds=lag_seconds)
            with mock.patch.object(state_module, "read_cluster", return_value=state):
                self.cluster("status")
                self.assertRegex(self.out.getvalue(), rf"(?m)^replicas .*{re.escape(said)}")
                self.cluster("status", "--json")
                told = json.loads(self.out.getvalue().splitlines()[-1])["replicas"]
                self.assertEqual(told, {"count": 2, "lag_bytes": lag_bytes, "lag_seconds": lag_seconds})

    def test_unreachable(self) -> None:
        """Where the database cannot be reached that is said once, with its own reason."""
        self.url = "postgresql://ann@/x?host=/nonexistent"
        self.assertEqual(self.cluster("status"), Exit.USAGE)
        (said,) = self.err.getvalue().splitlines()
        self.assertRegex(said, r"cannot be reached \(.*/nonexistent.*No such file.*\)\. Check its address")

    def test_password(self) -> None:
        """A URL with a password is refused, and not shown."""
        self.url = "postgresql://ann:s3cret@db/x"
        self.assertEqual(self.cluster("status"), Exit.USAGE)
        self.assertIn("PGPASSFILE", self.err.getvalue())
        self.assertNotIn("s3cret", self.err.getvalue())
