"""Which handler answers."""

from __future__ import annotations

from typing import Mapping

from zope.interface import implementer

from homeftp.interfaces import IServerContext
from homeftp.server.http.messages import HttpRequest, HttpResponse, IHandler
from tests.support.httpclient import HttpCase, basic


@implementer(IHandler)
class Named:
    """Answers with its name; only GET without a login."""

    def __init__(self, name: str) -> None:
        self.name = name

    def allows_without_login(self, request: HttpRequest) -> bool:
        return request.method == "GET"

    async def handle(self, request: HttpRequest) -> HttpResponse:
        account = "" if request.login is None else request.login.account
        return HttpResponse(200, (), f"{self.name} {account}".encode())


class RouterTests(HttpCase):
    """The page, and WebDAV."""

    def handlers(self, context: IServerContext) -> Mapping[str, IHandler]:
        return {name: Named(name or "page") for name in ("", "static", "certificate", "dav", "api", "file")}

    def test_names(self) -> None:
        """The first name of the path decides; the root is the page's, and what has no handler is not found."""
        for path, body in (("/", b"page "), ("/dav", b"dav "), ("/dav/a/b", b"dav "), ("/api/x?y", b"api ")):
            self.assertEqual(self.client.ask("GET", path).body, body)
        for path in ("/page", "/Dav", "/a/dav"):
            self.assertEqual(self.client.ask("GET", path).status, 404)
        self.assertEqual(self.client.ask("GET", "/dav/../api").status, 400)

    def test_login(self) -> None:
        """Who is logged in is told to the handler; below /dav a program is asked for a password, but not the page."""
        self.assertEqual(self.client.ask("GET", "/dav", (basic(),)).body, b"dav ann")
        answer = self.client.ask("PUT", "/dav/a")
        self.assertEqual((answer.status, answer.headers["www-authenticate"][:5]), (401, "Basic"))
        for method, path, headers in (("POST", "/api/a", ()), ("PUT", "/dav/a", (("X-Homeftp", "1"),))):
            answer = self.client.ask(method, path, headers)
            self.assertEqual((answer.status, "www-authenticate" in answer.headers), (401, False))
        self.assertEqual(self.client.ask("POST", "/api/a", (basic(),)).body, b"api ann")

    def test_code(self) -> None:
        """A browser gets scripts and styles only of the page: what somebody has uploaded is none, whatever it is."""
        for wanted in ("script", "style", "worker", "serviceworker"):
            for path, status in (("/static/a.js", 200), ("/certificate/style.css", 200), ("/", 200)):
                self.assertEqual(self.client.ask("GET", path, (("Sec-Fetch-Dest", wanted),)).status, status, path)
            for path in ("/dav/a.js", "/file/a.js", "/api/a"):
                self.assertEqual(self.client.ask("GET", path, (("Sec-Fetch-Dest", wanted),)).status, 403, path)
        for wanted in ("empty", "image", "video", "document"):
            self.assertEqual(self.client.ask("GET", "/dav/a.js", (("Sec-Fetch-Dest", wanted),)).status, 200, "control")
