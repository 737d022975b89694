"""GET and HEAD."""

from __future__ import annotations

import os
from unittest import mock

from homeftp.config import MIB
from homeftp.errors import Changed
from homeftp.files.download import FileStream
from tests.support.davcases import DavCase

CONTENT = bytes(range(256))


class ReadingTests(DavCase):
    """Files, whole and in part."""

    def setUp(self) -> None:
        super().setUp()
        self.tag = self.put("a.txt", CONTENT)

    def test_whole(self) -> None:
        """The content, its length, type, tag and time; HEAD says the same without the content."""
        answer, head = self.ask("GET", "a.txt"), self.ask("HEAD", "a.txt")
        self.assertEqual((answer.status, answer.body, head.body), (200, CONTENT, b""))
        for name in ("content-length", "content-type", "etag", "last-modified", "accept-ranges"):
            self.assertEqual(answer.headers[name], head.headers[name])
        self.assertEqual((answer.headers["etag"], answer.headers["content-type"]), (self.tag, "text/plain"))
        self.assertEqual(self.status("GET", "b.txt"), 404)
        self.assertEqual(self.status("HEAD", "b.txt"), 404)

    def test_large(self) -> None:
        """A large file is streamed."""
        content = os.urandom(3 * MIB + 5)
        self.put("large", content)
        self.assertEqual(self.ask("GET", "large").body, content)
        answer = self.ask("GET", "large", ("Range", "bytes=1048577-3145727"))
        self.assertEqual((answer.status, answer.body), (206, content[1048577:3145728]))

    def test_ranges(self) -> None:
        """One range is sent alone; several, and what is none, get the whole file."""
        for given, first, last in (
            ("0-0", 0, 0),
            ("5-9", 5, 9),
            ("250-", 250, 255),
            ("250-999", 250, 255),
            ("-6", 250, 255),
        ):
            answer = self.ask("GET", "a.txt", ("Range", f"bytes={given}"))
            self.assertEqual((answer.status, answer.body), (206, CONTENT[first : last + 1]), given)
            self.assertEqual(answer.headers["content-range"], f"bytes {first}-{last}/256")
        self.assertEqual(self.ask("GET", "a.txt", ("Range", "bytes=-999")).body, CONTENT)
        for given in ("0-1,5-6", "x", "9-5", "-", "--5", "1-" + "9" * 30):
            answer = self.ask("GET", "a.txt", ("Range", f"bytes={given}"))
            self.assertEqual((answer.status, answer.body), (200, CONTENT), given)
        for given in ("256-", "999-1000", "-0"):
            answer = self.ask("GET", "a.txt", ("Range", f"bytes={given}"))
            self.assertEqual((answer.status, answer.headers["content-range"]), (416, "bytes */256"), given)

    def test_if_range(self) -> None:
        """A range of another content than the client has is never sent."""
        date = self.ask("HEAD", "a.txt").headers["last-modified"]
        for condition, status in ((self.tag, 206), (date, 206), ('"x"', 200), (f"W/{self.tag}", 200), ("x", 200)):
            answer = self.ask("GET", "a.txt", ("Range", "bytes=0-1"), ("If-Range", condition))
            self.assertEqual(answer.status, status, condition)

    def test_conditions(self) -> None:
        """A client that has the content already is told so; a condition that does not hold is refused."""
        date = self.ask("HEAD", "a.txt").headers["last-modified"]
        for header, status in (
            (("If-None-Match", self.tag), 304),
            (("If-None-Match", f"W/{self.tag}"), 304),
            (("If-None-Match", '"x"'), 200),
            (("If-Modified-Since", date), 304),
            (("If-Modified-Since", "Wed, 01 May 2024 10:40:00 GMT"), 200),
            (("If-Match", '"x"'), 412),
            (("If-Match", self.tag), 200),
            (("If-Unmodified-Since", "Wed, 01 May 2024 10:40:00 GMT"), 412),
        ):
            for method in ("GET", "HEAD"):
                answer = self.ask(method, "a.txt", header)
                self.assertEqual(answer.status, status, header)
                if status == 304:
                    self.assertEqual((answer.body, answer.headers["etag"]), (b"", self.tag))

    def test_stable(self) -> None:
        """The tag stays while nothing changes, through every way to see it, and changes with the content."""
        (found,) = self.properties("a.txt").values()
        self.assertEqual(found["{DAV:}getetag"].text, self.tag)
        self.assertEqual(self.ask("GET", "a.txt").headers["etag"], self.tag)
        self.assertNotEqual(self.put("a.txt", CONTENT), self.tag)

    def test_folder(self) -> None:
        """A folder has a text for people, and no listing."""
        self.status("MKCOL", "d")
        for path in ("", "d", "d/"):
            for method in ("GET", "HEAD"):
                answer = self.ask(method, path)
                self.assertEqual((answer.status, answer.headers["content-type"]), (200, "text/plain; charset=utf-8"))

    def test_active(self) -> None:
        """What could run in a browser is an attachment, in a sandbox; pictures are not attachments."""
        for name, attached in (("a.html", True), ("a.svg", True), ("a.xml", True), ("a", True), ("a.png", False)):
            self.put(name, b"<script>alert(1)</script>")
            answer = self.ask("GET", name)
            self.assertEqual("attachment" in answer.headers.get("content-disposition", ""), attached, name)
            self.assertIn("sandbox", answer.headers["content-security-policy"])
            self.assertEqual(answer.headers["x-content-type-options"], "nosniff")

    def test_changed(self) -> None:
        """A file that changes while it is sent is never sent to its end: the connection breaks."""
        self.put("large", bytes(3 * MIB))
        with mock.patch.object(FileStream, "close_verified", side_effect=Changed("it changed")):
            self.client.send("GET", "/dav/large", (("Authorization", self.authorization()),))
        self.client.link.pump()
        self.assertTrue(self.client.closed)
        self.assertLess(len(self.client.received), 3 * MIB)

    def authorization(self) -> str:
        from tests.support.httpclient import basic

        return basic()[1]
