"""A lock of WebDAV that was made at one server of a cluster holds at each of them."""

from __future__ import annotations

import http.client
import signal
import ssl
import time

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.database import Database
from tests.support import engines
from tests.support.davcases import EXCLUSIVE
from tests.support.objectserver import object_server
from tests.support.processes import PASSWORD, SERVE, run_homeftp
from tests.support.waiting import wait_until
from tests.support.webserver import AUTHORIZATION, WebServer

PROMISED_SECONDS = 10.0
"""Within so many seconds an answer comes."""

LOADED = 1.5
"""A machine that does many other things may take so many times as long."""


class WebDavLocksTests(SynchronousTestCase):
    """Two servers of a cluster, which each writes through."""

    def setUp(self) -> None:
        self.engine, objects = engines.postgresql(), object_server()
        self.url, self.bucket = self.engine.create(f"locks_{id(self)}"), f"{objects.bucket('tests')}/{id(self)}"
        self.env = objects.environment()
        self.command("cluster", "init", self.url, "--objects", self.bucket)
        self.first, self.second = self.serve(), self.serve()
        self.command("account", "add", "ann", "--password-stdin", "--state", self.first.state, input=PASSWORD + "\n")
        self.assertEqual(self.ask(self.first, "PUT", body=b"first"), 201)

    def command(self, *arguments: str, input: str = "") -> None:
        """Run a command that has to succeed."""
        ended = run_homeftp(*arguments, input=input, **self.env)
        self.assertEqual(ended.returncode, 0, ended.stderr)

    def serve(self) -> WebServer:
        """One more server."""
        server = WebServer("--objects", self.bucket, root=self.url, env=self.env, program=SERVE, account=False)
        self.addCleanup(server.end)
        return server

    def ask(self, server: WebServer, method: str, path: str = "d.odt", body: bytes = b"", **headers: str) -> int:
        """The status of a request of ann's; `Lock-Token` and the content of an answer are kept."""
        context = ssl.create_default_context(cafile=server.ca_file)
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=60, context=context)
        name, _, value = AUTHORIZATION.decode().strip().partition(": ")
        given = {name: value, **{name.replace("_", "-"): value for name, value in headers.items()}}
        try:
            connection.request(method, f"/dav/{path}", body, given)
            answer = connection.getresponse()
            self.token, self.content = answer.getheader("lock-token", ""), answer.read()
        finally:
            connection.close()
        return answer.status

    def lock(self, server: WebServer, path: str = "d.odt") -> str:
        """The token of a lock that one server gives."""
        self.assertEqual(self.ask(server, "LOCK", path, EXCLUSIVE, Timeout="Second-600"), 200)
        return self.token

    def test_held(self) -> None:
        """Who has no token changes nothing through any server; who has it writes, renews and unlocks through any."""
        token = self.lock(self.first)
        for method, body, headers in (
            ("PUT", b"second", {}),
            ("DELETE", b"", {}),
            ("LOCK", EXCLUSIVE, {}),
            ("MOVE", b"", {"Destination": "/dav/moved.odt"}),
        ):
            self.assertEqual(self.ask(self.second, method, body=body, **headers), 423, method)
        self.assertEqual(self.ask(self.second, "LOCK", If=f"({token})"), 200)
        self.assertEqual(self.ask(self.second, "PUT", body=b"third", If=f"({token})"), 204)
        self.assertEqual(self.ask(self.second, "UNLOCK", Lock_Token=token), 204)
        self.assertEqual(self.ask(self.first, "PUT", body=b"fourth"), 204)
        self.assertEqual(self.ask(self.first, "UNLOCK", Lock_Token=token), 409)
        # what is moved or removed through one server loses its locks at each
        token = self.lock(self.first)
        self.assertEqual(self.ask(self.second, "MOVE", If=f"({token})", Destination="/dav/moved.odt"), 201)
        self.assertEqual(self.ask(self.first, "PUT", body=b"new"), 201)
        token = self.lock(self.second, "moved.odt")
        self.assertEqual(self.ask(self.first, "DELETE", "moved.odt", If=f"({token})"), 204)
        self.assertEqual(self.ask(self.second, "PUT", "moved.odt", b"new"), 201)

    def test_outlives(self) -> None:
        """A lock outlives its server, and the database's silence, in which nothing is written; and ends with its time.

        That is by the clock of the database.
        """
        token = self.lock(self.first)
        with self.engine.frozen():
            for method, body, headers in (
                ("PUT", b"x", {"If": f"({token})"}),
                ("LOCK", EXCLUSIVE, {}),
                ("UNLOCK", b"", {"Lock_Token": token}),
            ):
                began = time.monotonic()
                self.assertEqual(self.ask(self.second, method, body=body, **headers), 503, method)
                self.assertLess(time.monotonic() - began, PROMISED_SECONDS * LOADED)
        wait_until(lambda: self.ask(self.second, "GET") == 200)
        self.assertEqual(self.content, b"first")
        self.first.end(signal.SIGKILL)
        self.assertEqual(self.ask(self.second, "PUT", body=b"second"), 423)
        database = Database(self.url, connections=1)
        self.addCleanup(database.close)
        later = "UPDATE webdav_lock SET ends = ends - interval '600 seconds'"
        self.assertEqual(database.transact(lambda transaction: transaction.execute(later)), 1)
        self.assertEqual(self.ask(self.second, "PUT", body=b"second"), 204)
