"""An engine stands still, or is full: each request is answered with 51 or 52 in time, and works again."""

from __future__ import annotations

import os
import tempfile
from functools import partial
from typing import Sequence

import psycopg
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.migrations import migrate
from homeftp.cluster.objects import open_bucket
from homeftp.config import MIB
from homeftp.errors import NoSpace
from homeftp.interfaces.store import StoreOptions
from homeftp.status import Status
from homeftp.store.cluster.factory import open_cluster
from tests.support import engines
from tests.support.ceph import Ceph
from tests.support.clusters import empty_bucket
from tests.support.mounts import memory, run
from tests.support.processes import PASSWORD
from tests.support.scraping import Scraper
from tests.support.socketpaths import socket_path
from tests.support.troublecase import CLOSED, REQUESTS, TRY_AGAIN, Answers, Ask, TroubleCase, asking
from tests.support.waiting import wait_until

LARGE = 16 * MIB


class TroubleTests(TroubleCase):
    """An engine stands still."""

    def frozen(self, engine: engines.PostgreSQL | engines.SeaweedFS | Ceph) -> Answers:
        """An engine stands still: what is answered then, also in the middle of a file, and to a login."""
        self.lay()
        self.assertEqual(self.ask("PUSH", bytes(LARGE), rel_endpoint="large"), Status.OK)
        clients = {name: self.client() for name in REQUESTS}
        reading, writing, coming = self.client(), self.client(), self.connect()
        reading.send("GET", {"rel_endpoint": "large"})
        reading.response()  # the head, and a part of the content is under way
        writing.send("PUSH", {"rel_endpoint": "pushed", "meta_data": [["size", LARGE]]}, content_length=LARGE)
        writing.socket.sendall(bytes(LARGE // 2))

        def write() -> int:
            writing.socket.sendall(bytes(LARGE // 2))
            return int(writing.answer()[0]["status"])

        asks: dict[str, Ask] = {name: partial(ask, clients[name]) for name, ask in REQUESTS.items()}
        asks |= {"a read": lambda: int(reading.answer()[0]["status"]), "a write": write}
        asks["login"] = partial(asking("LOGIN", username="ann", password=PASSWORD), coming)
        with engine.frozen():
            answers = self.together(asks)
        for each in (*clients.values(), reading, writing, coming):
            each.socket.close()
        self.assert_in_time(answers)
        wait_until(lambda: self.ask("PUSH", b"after", rel_endpoint="after") == Status.OK)
        wait_until(lambda: self.ask("GET", rel_endpoint="after") == Status.OK)
        return answers

    def test_frozen(self) -> None:
        """While an engine stands still all that needs it is refused in time; nothing hangs, and then it works again."""
        answers = self.frozen(self.bucket)
        refused = {name for name, (_, status) in answers.items() if status != Status.OK}
        self.assertTrue({"read", "write", "replace", "verify", "a write"} <= refused, answers)
        self.assertEqual(refused & {"move", "make", "remove", "metadata"}, set(), "these need no bucket")
        self.assertEqual(self.ask("GET", rel_endpoint="d/moved.txt"), Status.OK)
        for name in ("copied.txt", "made", "moved", "d"):
            self.ask("DELETE", rel_endpoint=name, recursive=True)
        answers |= self.frozen(self.database)
        for name, (_, status) in answers.items():
            self.assertIn(status, (*TRY_AGAIN, *((CLOSED, Status.OK) if name == "a read" else ())), answers)


class ReplacedBucketTests(TroubleCase):
    """The bucket is emptied while the server runs, as where its engine was started again on an empty folder."""

    def more_options(self) -> Sequence[str]:
        """The health can be asked for."""
        self.path = socket_path(self)
        return ("--metrics", f"unix:{self.path}")

    def test_emptied(self) -> None:
        """Nothing is damaged, nothing is taken, and the health says so, until the right bucket is there again."""
        self.lay()
        health, bucket = Scraper(self.path), open_bucket(self.objects, self.env)
        self.assertTrue(health.healthy())
        kept = empty_bucket(bucket)
        for name in ("read", "verify"):
            self.assertEqual(REQUESTS[name](self.one), Status.BUSY, name)
        wait_until(lambda: not health.healthy())
        self.assertEqual(REQUESTS["write"](self.one), Status.FORBIDDEN)
        self.assertEqual(list(bucket.list()), [])
        for name, content in kept.items():
            bucket.create(name, content)
        wait_until(health.healthy)
        for name in ("read", "write"):
            wait_until(lambda name=name: REQUESTS[name](self.one) == Status.OK)  # type: ignore[misc]
        reader = open_cluster(self.url, bucket, StoreOptions())
        self.addCleanup(reader.close)
        self.assertEqual(list(reader.damaged()), [])


class FullTests(SynchronousTestCase):
    """A database with a table on a small disk."""

    def test_full(self) -> None:
        """A database whose disk is full is said to be, and used again once there is space."""
        path = tempfile.mkdtemp(prefix="full-")  # where PostgreSQL's user may go
        os.chmod(path, 0o755)
        self.addCleanup(os.rmdir, path)
        server = engines.postgresql()
        owner = os.stat(server.folder)
        database = Database(server.url("postgres"), connections=2)
        self.addCleanup(database.close)
        migrate(database, [])
        own = psycopg.connect(server.url("postgres"), autocommit=True)
        with memory(path, f"size=4m,uid={owner.st_uid},gid={owner.st_gid}"), own as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{path}'".encode())
            connection.execute("CREATE TABLE t (content bytea) TABLESPACE small")
            try:
                self.assertRaises(NoSpace, database.transact, self.insert)
                self.assertEqual(database.row("SELECT count(*) FROM t"), (0,))
                run("mount", "-o", "remount,size=64m", path)
                database.transact(self.insert)
                self.assertEqual(database.row("SELECT count(*) FROM t"), (6,))
            finally:
                connection.execute("DROP TABLE t")
                connection.execute("DROP TABLESPACE small")

    def insert(self, transaction: Transaction) -> None:
        """Add more than the small disk has space for."""
        for _ in range(6):
            transaction.execute("INSERT INTO t VALUES (%s)", (os.urandom(MIB),))
