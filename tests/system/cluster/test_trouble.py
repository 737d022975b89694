"""An engine stands still, is slow, is away or full: each request is answered with 51 or 52 in time, and works again."""

from __future__ import annotations

import itertools
import os
import ssl
import tempfile
import threading
import time
from functools import partial
from typing import Callable, Mapping

import psycopg
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.migrations import migrate
from homeftp.config import MIB
from homeftp.errors import NoSpace
from homeftp.status import Status
from tests.support import engines
from tests.support.ceph import Ceph
from tests.support.mounts import memory, run
from tests.support.objectserver import object_server
from tests.support.processes import PASSWORD, SERVE, ServerProcess, run_homeftp
from tests.support.rawclient import RawClient
from tests.support.waiting import wait_until

PROMISED_SECONDS = 10.0
"""Within so many seconds an answer comes."""

LOADED = 1.5
"""A machine that does many other things may take so many times as long."""

LARGE = 16 * MIB

TRY_AGAIN = (Status.BUSY, Status.NO_SPACE)

CLOSED = -1
"""What a client gets in the middle of a content: the server closes the connection."""

Ask = Callable[..., int]
"""Sends a request, and gives the status of the answer."""


def asking(request_type: str, payload: bytes = b"", **body: object) -> Ask:
    """Ask at once."""

    def ask(client: RawClient) -> int:
        return int(client.ask(request_type, body, payload)[0]["status"])

    return ask


REQUESTS: Mapping[str, Ask] = {
    "look": asking("CMP", rel_endpoint="d/a.txt", meta_data=[["size", 1]]),
    "list": asking("GET", rel_endpoint="d"),
    "read": asking("GET", rel_endpoint="d/a.txt"),
    "write": asking("PUSH", b"content", rel_endpoint="d/new.txt"),
    "replace": asking("PUSH", b"content", rel_endpoint="d/b.txt"),
    "make": asking("PUSH", rel_endpoint="made", kind="directory"),
    "move": asking("MOVE", rel_endpoint="d/c.txt", to="d/moved.txt"),
    "move a folder": asking("MOVE", rel_endpoint="e", to="moved"),
    "copy": asking("COPY", rel_endpoint="d/a.txt", to="copied.txt"),
    "remove": asking("DELETE", rel_endpoint="d/d.txt"),
    "remove a folder": asking("DELETE", rel_endpoint="f", recursive=True),
    "metadata": asking("SETSTAT", rel_endpoint="d/e.txt", meta_data=[["mode", 384]]),
    "versions": asking("VERSIONS", rel_endpoint="d"),
    "restore": asking("RESTORE", rel_endpoint="d/f.txt"),
    "verify": asking("VERIFY", rel_endpoint="d"),
}
FILES = ("d/a.txt", "d/b.txt", "d/c.txt", "d/d.txt", "d/e.txt", "d/f.txt", "e/a.txt", "f/a.txt")


Answers = dict[str, "tuple[float, int]"]
"""By request: after how many seconds it was answered, and the status."""


class TroubleTests(SynchronousTestCase):
    """One server of a cluster, and a client for each request."""

    def setUp(self) -> None:
        self.database, self.bucket = engines.postgresql(), object_server()
        url, objects = self.database.create(f"trouble_{id(self)}"), f"{self.bucket.bucket('tests')}/{id(self)}"
        self.env = self.bucket.environment()
        self.command("cluster", "init", url, "--objects", objects)
        options = ("--objects", objects, "--no-announce")
        self.server = ServerProcess(*options, root=url, env=self.env, program=SERVE, account=False)
        self.addCleanup(self.server.end)
        self.command("account", "add", "ann", "--password-stdin", "--state", self.server.state, input=PASSWORD + "\n")
        self.one = self.client()

    def command(self, *arguments: str, input: str = "") -> None:
        """Run a command that has to succeed."""
        ended = run_homeftp(*arguments, input=input, **self.env)
        self.assertEqual(ended.returncode, 0, ended.stderr)

    def connect(self) -> RawClient:
        """A connection."""
        client = RawClient(self.server.ports[0], self.server.ca_file).start_tls()
        self.addCleanup(client.socket.close)
        return client

    def client(self) -> RawClient:
        """A client that is logged in."""
        return self.connect().login("ann", PASSWORD)

    def lay(self) -> None:
        """What is there before: each file has a version."""
        for content, path in itertools.product((b"first", b"second"), FILES):
            self.assertEqual(self.ask("PUSH", content, rel_endpoint=path), Status.OK)
        self.assertEqual(self.ask("PUSH", bytes(LARGE), rel_endpoint="large"), Status.OK)

    def ask(self, request_type: str, payload: bytes = b"", **body: object) -> int:
        """The status of an answer."""
        return int(self.one.ask(request_type, body, payload)[0]["status"])

    def together(self, asks: Mapping[str, Ask]) -> Answers:
        """Ask all at the same time."""
        answers: Answers = {}
        began = time.monotonic()

        def ask(name: str, act: Ask) -> None:
            try:
                status = act()
            except (EOFError, ConnectionError, ssl.SSLError):
                status = CLOSED
            answers[name] = time.monotonic() - began, status

        threads = [threading.Thread(target=ask, args=item) for item in asks.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return answers

    def frozen(self, engine: engines.PostgreSQL | engines.SeaweedFS | Ceph) -> Answers:
        """An engine stands still: what is answered then, also in the middle of a file, and to a login."""
        self.lay()
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
        self.assertLess(max(seconds for seconds, _ in answers.values()), PROMISED_SECONDS * LOADED, answers)
        self.assertEqual(set(answers), set(asks), "all are answered")
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
