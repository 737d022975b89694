"""One server of a cluster whose engines are in trouble, and clients that ask it for everything."""

from __future__ import annotations

import itertools
import ssl
import threading
import time
from typing import Callable, Mapping, Sequence

from twisted.trial.unittest import SynchronousTestCase

from homeftp.status import Status
from tests.support import engines
from tests.support.engines import PostgreSQL
from tests.support.objectserver import object_server
from tests.support.processes import PASSWORD, SERVE, ServerProcess, run_homeftp
from tests.support.rawclient import RawClient

PROMISED_SECONDS = 10.0
"""Within so many seconds an answer comes."""

LOADED = 1.5
"""A machine that does many other things may take so many times as long."""

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


class TroubleCase(SynchronousTestCase):
    """The server, with an account."""

    def setUp(self) -> None:
        """Start it."""
        self.database, self.bucket = self.start_database(), object_server()
        self.env = self.bucket.environment()
        self.url = url = self.create()
        objects = f"{self.bucket.bucket('tests')}/{id(self)}"
        self.command("cluster", "init", url, "--objects", objects)
        self.env |= self.on_the_way()
        self.objects = objects
        options = ("--objects", objects, "--no-announce", *self.more_options())
        self.server = ServerProcess(*options, root=url, env=self.env, program=SERVE, account=False)
        self.addCleanup(self.server.end)
        self.command("account", "add", "ann", "--password-stdin", "--state", self.server.state, input=PASSWORD + "\n")
        self.one = self.client()

    def start_database(self) -> PostgreSQL:
        """That of this process, or one of the test's own."""
        return engines.postgresql()

    def create(self) -> str:
        """Make the database; its URL."""
        return self.database.create(f"trouble_{id(self)}")

    def on_the_way(self) -> dict[str, str]:
        """Variables by which the server reaches the bucket in another way than directly."""
        return {}

    def more_options(self) -> Sequence[str]:
        """More options of the server."""
        return ()

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
        self.assertEqual(set(answers), set(asks), "all are answered")
        return answers

    def assert_in_time(self, answers: Answers) -> None:
        """None came too late."""
        self.assertLess(max(seconds for seconds, _ in answers.values()), PROMISED_SECONDS * LOADED, answers)
