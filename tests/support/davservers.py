"""Two servers of a cluster, and requests of WebDAV to each of them."""

from __future__ import annotations

import ssl

from twisted.trial.unittest import SynchronousTestCase

from tests.support import engines
from tests.support.objectserver import object_server
from tests.support.processes import PASSWORD, SERVE, run_homeftp
from tests.support.tlsconnections import HttpsConnection
from tests.support.webserver import AUTHORIZATION, WebServer

PROMISED_SECONDS = 10.0
"""Within so many seconds an answer comes."""

LOADED = 1.5
"""A machine that does many other things may take so many times as long."""


class DavServersCase(SynchronousTestCase):
    """Two servers of a cluster with a file of ann's."""

    def setUp(self) -> None:
        self.engine, objects = engines.postgresql(), object_server()
        self.url, self.bucket = self.engine.create(f"webdav_{id(self)}"), f"{objects.bucket('tests')}/{id(self)}"
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
        connection = HttpsConnection(context, server.port, within=60)
        name, _, value = AUTHORIZATION.decode().strip().partition(": ")
        given = {name: value, **{name.replace("_", "-"): value for name, value in headers.items()}}
        try:
            connection.request(method, f"/dav/{path}", body, given)
            answer = connection.getresponse()
            self.token, self.content = answer.getheader("lock-token", ""), answer.read()
        finally:
            connection.close()
        return answer.status
