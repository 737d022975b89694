"""The calls of the page's API, by their names and methods."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

from homeftp.endpoint import parse
from homeftp.errors import BadEndpoint, BadRequest, NotFound
from homeftp.server.http.messages import HttpRequest, HttpResponse
from homeftp.server.http.page.api import ApiHandler
from homeftp.server.http.page.jsonlines import json_response
from homeftp.server.http.refusals import HttpError
from tests.support.pagerequests import HandlerCase


class Other:
    """A handler of another package."""

    def allows_without_login(self, request: HttpRequest) -> bool:
        return True

    async def handle(self, request: HttpRequest) -> HttpResponse:
        return json_response({"other": request.path[1]})


class ApiTests(HandlerCase):
    """`ApiHandler` over a store in memory."""

    def setUp(self) -> None:
        super().setUp()
        other: Any = Other()
        self.handler = ApiHandler({"session": other})
        self.lay({"a.txt": b"one", "d/b.txt": b"two!"})

    def test_list(self) -> None:
        """A folder's entries come as lines, the last of which says that nothing is missing."""
        answer = self.ask("GET", "api", "list")
        self.assertEqual(answer.headers["content-type"], "application/x-ndjson")
        (page, end) = answer.lines
        self.assertEqual(end, {"end": True})
        self.assertEqual(
            [(each["name"], each["kind"], each["size"]) for each in page["entries"]],
            [("a.txt", "file", 3), ("d", "directory", 0)],
        )
        self.assertIn("mtime_us", page["entries"][0])

    def test_list_folder(self) -> None:
        """The path follows the call; what is not there is refused before anything is sent."""
        self.assertEqual(self.ask("GET", "api", "list", "d").lines[0]["entries"][0]["name"], "b.txt")
        self.refused(NotFound, self.request("GET", "api", "list", "nothing"))
        self.refused(BadEndpoint, self.request("GET", "api", "list", "con"))

    def test_search(self) -> None:
        """A search finds names beneath the folder."""
        found = self.ask("GET", "api", "search", query={"q": "B.TXT"}).lines
        self.assertEqual(found[0]["entries"][0]["name"], "d/b.txt")

    def test_versions_and_restore(self) -> None:
        """A version is listed, and put back."""
        self.lay({"a.txt": b"new"})
        (version,) = self.ask("GET", "api", "versions", "a.txt").lines[0]["versions"]
        answer = self.ask("POST", "api", "restore", "a.txt", body=b'{"at_us": %d}' % version["at_us"])
        self.assertEqual(answer.json, {"restored": 1, "refused": 0})
        self.assertEqual(self.content("a.txt"), b"one")
        self.assertEqual(self.page_login.requests, ["VERSIONS", "RESTORE"])

    def test_deleted(self) -> None:
        """What was deleted is listed."""
        self.result_of(self.files.remove(parse("a.txt")))
        self.assertEqual(
            [each["name"] for line in self.ask("GET", "api", "deleted").lines[:-1] for each in line["files"]], ["a.txt"]
        )

    def test_space(self) -> None:
        """How much is free, and whether anything can be changed."""
        self.assertEqual(self.ask("GET", "api", "space").json, {"free": None, "read_only": None})

    def test_zip(self) -> None:
        """A folder, or what was chosen in it, comes as a ZIP file that is saved."""
        whole = self.ask("GET", "api", "zip")
        self.assertIn('attachment; filename="homeftp.zip"', whole.headers["content-disposition"])
        with zipfile.ZipFile(io.BytesIO(whole.content)) as made:
            self.assertEqual(made.namelist(), ["homeftp/a.txt", "homeftp/d/", "homeftp/d/b.txt"])
        chosen = self.ask("POST", "api", "zip", body=b"name=d&name=a.txt")
        with zipfile.ZipFile(io.BytesIO(chosen.content)) as made:
            self.assertEqual(made.namelist(), ["d/", "d/b.txt", "a.txt"])

    def test_bad_bodies(self) -> None:
        """Bodies that are not what a call takes are refused."""
        for body in (b"[]", b'{"at_us": -1}', b'{"at": 1}', b'{"at_us": "x"}', b"\xff"):
            self.refused(BadRequest, self.request("POST", "api", "restore", "a.txt", body=body))
        for body in (b"", b"name", b"x=y", b"name=%ff"):
            self.refused(BadRequest, self.request("POST", "api", "zip", body=body))

    def test_unknown(self) -> None:
        """Unknown calls are not found; a known one says its methods."""
        for names in (("api",), ("api", "nothing")):
            self.refused(NotFound, self.request("GET", *names))
        error = self.refused(HttpError, self.request("POST", "api", "list"))
        self.assertEqual((error.status, error.headers), (405, [("Allow", "GET")]))
        self.assertEqual(self.refused(HttpError, self.request("GET", "api", "restore", "a.txt")).status, 405)

    def test_documented(self) -> None:
        """The page about the web's requests has each call with each of its methods, and no other."""
        page = (Path(__file__).parents[5] / "docs" / "protocol" / "web.rst").read_text(encoding="utf-8")
        shown = set(re.findall(r"``(?:GET|POST) /api/(\w+)", page))
        for name in shown:
            self.assertEqual(self.refused(HttpError, self.request("PUT", "api", name)).status, 405)
        self.assertEqual(shown, {"list", "search", "versions", "deleted", "restore", "zip", "space"})

    def test_others(self) -> None:
        """Other packages answer calls that are not about files, for strangers where they say so."""
        self.assertEqual(self.ask("POST", "api", "session").json, {"other": "session"})
        self.assertTrue(self.handler.allows_without_login(self.request("POST", "api", "session")))
        for names in (("api",), ("api", "list"), ("api", "session2")):
            self.assertFalse(self.handler.allows_without_login(self.request("GET", *names)))
