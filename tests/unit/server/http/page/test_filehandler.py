"""Files that the page shows, and lets a browser save."""

from __future__ import annotations

from homeftp.endpoint import parse
from homeftp.errors import BadRequest, NotFound, WrongKind
from homeftp.server.http.page.filehandler import FileHandler
from homeftp.server.http.refusals import HttpError
from tests.support.pagerequests import HandlerCase


class FileHandlerTests(HandlerCase):
    """`FileHandler` over a store in memory."""

    def setUp(self) -> None:
        super().setUp()
        self.handler = FileHandler()
        self.lay({"d/a.txt": b"hello", "d/b.bin": b"\0\1", "d/x.html": b"<script>alert(1)</script>"})

    def test_shown(self) -> None:
        """A text is shown, whole or in part."""
        answer = self.ask("GET", "file", "d", "a.txt")
        self.assertEqual((answer.status, answer.content), (200, b"hello"))
        self.assertEqual(answer.headers["content-type"], "text/plain; charset=utf-8")
        self.assertNotIn("content-disposition", answer.headers)
        part = self.ask("GET", "file", "d", "a.txt", headers={"Range": "bytes=1-2"})
        self.assertEqual((part.status, part.content, part.headers["content-range"]), (206, b"el", "bytes 1-2/5"))

    def test_saved(self) -> None:
        """What a browser cannot show safely is saved under its name; so is everything where that is asked for."""
        answer = self.ask("GET", "file", "d", "b.bin")
        self.assertEqual(answer.headers["content-type"], "application/octet-stream")
        self.assertIn('attachment; filename="b.bin"', answer.headers["content-disposition"])
        saved = self.ask("GET", "file", "d", "a.txt", query={"save": "1"})
        self.assertIn("attachment", saved.headers["content-disposition"])

    def test_html(self) -> None:
        """HTML is text, in a sandbox."""
        answer = self.ask("GET", "file", "d", "x.html")
        self.assertEqual(answer.headers["content-type"], "text/plain; charset=utf-8")
        self.assertTrue(answer.headers["content-security-policy"].endswith("sandbox"))

    def test_version(self) -> None:
        """With its time a version is sent, not what is there now."""
        self.lay({"d/a.txt": b"newer"})
        ((version,),) = self.store.versions(parse("d/a.txt"))
        answer = self.ask("GET", "file", "d", "a.txt", query={"at": version.at_us, "save": "1"})
        self.assertEqual(answer.content, b"hello")
        self.assertEqual(self.ask("GET", "file", "d", "a.txt").content, b"newer", "the control")

    def test_refused(self) -> None:
        """What is no file, and what is no time, is refused; nothing is changed here, and not without a login."""
        self.refused(NotFound, self.request("GET", "file", "nothing"))
        self.refused(WrongKind, self.request("GET", "file", "d"))
        self.refused(BadRequest, self.request("GET", "file", "d", "a.txt", query={"at": "soon"}))
        self.assertEqual(self.refused(HttpError, self.request("PUT", "file", "d", "a.txt", body=b"x")).status, 405)
        self.assertFalse(self.handler.allows_without_login(self.request("GET", "file", "d", "a.txt")))
