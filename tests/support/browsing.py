"""A small HTTPS client for tests of real servers, which trusts the home's CA, and commands of the owner."""

from __future__ import annotations

import http.client
import json
import re
import ssl
from typing import Any, Mapping, NamedTuple
from urllib.parse import urlsplit

from tests.support.processes import ServerProcess, run_homeftp
from tests.support.tlsconnections import HttpsConnection

LOOPBACK = "tcp:0:interface=127.0.0.1"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


class WebAnswer(NamedTuple):
    """A response, whole."""

    status: int
    headers: Mapping[str, str]
    """Names in small letters."""
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Browser:
    """Asks one server; each request has a connection of its own. Keeps the cookie of its session."""

    def __init__(self, server: ServerProcess) -> None:
        match = re.search(r"https://127\.0\.0\.1:([0-9]+)/", server.output())
        assert match is not None, server.output()
        self.port = int(match[1])
        self._context = ssl.create_default_context(cafile=server.ca_file)
        self._context.check_hostname = False  # the name is that of the machine; the CA is ours alone
        self.cookie = ""

    def connect(self) -> HttpsConnection:
        """A new connection."""
        return HttpsConnection(self._context, self.port)

    def ask(
        self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None, *, own: bool = True
    ) -> WebAnswer:
        """The answer to a request, of which only the path of the URL counts; a body that is no bytes is JSON.

        With `own` it comes from the server's own page.
        """
        split = urlsplit(url)
        path = split.path + (f"?{split.query}" if split.query else "")
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        fields = {**(OWN_PAGE if own else {}), **({"Cookie": self.cookie} if self.cookie else {}), **(headers or {})}
        try:
            response, received = self._exchange(method, path, data, fields)
        except ConnectionError:
            if method != "GET":
                raise
            # a request during which access is revoked is cut off; a browser asks again
            response, received = self._exchange(method, path, data, fields)
        given = {name.lower(): value for name, value in response.getheaders()}
        cookie = given.get("set-cookie", "")
        if cookie.startswith("__Host-homeftp="):
            self.cookie = "" if "Max-Age=0" in cookie else cookie.partition(";")[0]
        return WebAnswer(response.status, given, received)

    def _exchange(
        self, method: str, path: str, data: bytes | None, fields: Mapping[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = self.connect()
        try:
            connection.request(method, path, data, fields)
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()


def owner(server: ServerProcess, *arguments: str) -> str:
    """What a command of the server's owner printed, which ended well."""
    done = run_homeftp(*arguments, "--state", server.state)
    assert done.returncode == 0, done.stderr
    return done.stdout
