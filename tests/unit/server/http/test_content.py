"""Files as responses: whole, in parts, or not again; and the names under which browsers save them."""

from __future__ import annotations

import os
import re
from typing import Any, Mapping
from urllib.parse import unquote

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.endpoint import parse
from homeftp.interfaces import IServerContext
from homeftp.model import Entry
from homeftp.server.http.content import attachment, entity_tag, http_date, parse_date, send_file
from homeftp.server.http.messages import HttpRequest, HttpResponse, IHandler
from tests.support.httpclient import HttpCase, basic

CONTENT = b"0123456789"
SIZE = 3_000_000


@implementer(IHandler)
class Files:
    """Sends the file at the rest of the path."""

    def allows_without_login(self, request: HttpRequest) -> bool:
        return False

    async def handle(self, request: HttpRequest) -> HttpResponse:
        assert request.login is not None
        endpoint = parse("/".join(request.path[1:]))
        return await send_file(request, request.login.files("GET"), endpoint, [("Content-Type", "text/plain")])


class SendFileTests(HttpCase):
    """`send_file`, through the engine."""

    def handlers(self, context: IServerContext) -> Mapping[str, IHandler]:
        return {"f": Files()}

    def setUp(self) -> None:
        super().setUp()
        self.server.put("a.txt", CONTENT)
        self.server.put("empty", b"")
        for name in ("a.txt", "empty"):
            os.utime(os.path.join(self.server.root, name), (10**9, 10**9))

    def get(self, path: str = "a.txt", method: str = "GET", **fields: str) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the answer; `_` in a field's name stands for `-`."""
        headers = tuple((name.replace("_", "-"), value) for name, value in fields.items())
        answer = self.client.ask(method, f"/f/{path}", (basic(), *headers))
        return answer.status, answer.headers, answer.body

    def test_whole(self) -> None:
        """A file comes with its length, type and time."""
        status, headers, body = self.get()
        self.assertEqual((status, body), (200, CONTENT))
        self.assertEqual(headers["content-length"], "10")
        self.assertEqual(headers["last-modified"], "Sun, 09 Sep 2001 01:46:40 GMT")
        self.assertEqual(headers["accept-ranges"], "bytes")
        self.assertEqual(self.get("empty")[::2], (200, b""))
        self.assertEqual(self.get("none")[0], 404)

    def test_head(self) -> None:
        """HEAD has the same head, and nothing behind it; a range does not count there."""
        status, headers, body = self.get(method="HEAD", Range="bytes=2-4")
        self.assertEqual((status, headers["content-length"], body), (200, "10", b""))

    def test_ranges(self) -> None:
        """One range is served, to the end of the file at most; what cannot be understood is the whole file."""
        for asked, status, body, shown in (
            ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
            ("bytes=7-", 206, b"789", "bytes 7-9/10"),
            ("bytes=-3", 206, b"789", "bytes 7-9/10"),
            ("bytes=-99", 206, CONTENT, "bytes 0-9/10"),
            ("bytes=0-999999999999999999", 206, CONTENT, "bytes 0-9/10"),
            ("bytes=10-", 416, None, "bytes */10"),
            ("bytes=-0", 416, None, "bytes */10"),
            ("bytes=4-2", 200, CONTENT, None),
            ("bytes=-", 200, CONTENT, None),
            ("bytes=0-1,4-5", 200, CONTENT, None),
            ("lines=1-2", 200, CONTENT, None),
        ):
            got, headers, content = self.get(Range=asked)
            self.assertEqual((got, headers.get("content-range")), (status, shown), asked)
            self.assertIn(body, (None, content), asked)

    def test_conditions(self) -> None:
        """A content that the client has is not sent again, and a range only of the content that it has begun with."""
        tag = self.get()[1].get("etag")
        assert tag is not None
        self.assertEqual(self.get(If_None_Match=f'"x", {tag}')[::2], (304, b""))
        self.assertEqual(self.get(If_None_Match="*")[0], 304)
        self.assertEqual(self.get(If_None_Match='"x"')[0], 200)
        self.assertEqual(self.get(Range="bytes=1-1", If_Range=tag)[::2], (206, b"1"))
        date = self.get()[1]["last-modified"]
        for condition, status in ((date, 206), ('"x"', 200), (f"W/{tag}", 200), ("x", 200)):
            self.assertEqual(self.get(Range="bytes=1-1", If_Range=condition)[0], status, condition)


class ChangedTests(HttpCase):
    """A file that changes while it is sent."""

    def handlers(self, context: IServerContext) -> Mapping[str, IHandler]:
        return {"f": Files()}

    def test_no_mixture(self) -> None:
        """The last piece does not come: what was promised is not complete, so that no program takes it for the file."""
        path = self.server.put("large", b"a" * SIZE)
        os.utime(path, (10**9, 10**9))
        self.assertEqual(len(self.client.ask("GET", "/f/large", (basic(),)).body), SIZE, "the control")
        open_many = self.server.store.open_many

        def changed_behind(*arguments: Any) -> Any:
            opened = open_many(*arguments)
            with open(path, "r+b") as file:
                file.write(b"b" * SIZE)
            return opened

        self.patch(self.server.store, "open_many", changed_behind)
        self.client.send("GET", "/f/large", (basic(),))
        self.assertTrue(self.client.closed)
        head, _, body = self.client.received.partition(b"\r\n\r\n")
        self.assertIn(f"content-length: {SIZE}".encode(), head.lower())
        self.assertLess(len(body), SIZE)


class HeaderTests(SynchronousTestCase):
    """What the fields hold."""

    def test_tags(self) -> None:
        """A tag is opaque and has only characters that a field may have; a content without one has none."""
        self.assertIsNone(entity_tag(Entry("", "file")))
        tags = [entity_tag(Entry("", "file", tag=tag)) for tag in ("a", "b", 'x"\r\n')]
        self.assertEqual(len(set(tags)), 3)
        for tag in tags:
            assert tag is not None
            self.assertRegex(tag, r'^"[0-9a-f]{32}"$')

    def test_dates(self) -> None:
        """Dates come in three forms; a time that no calendar has, or HTTP has not, is no reason to fail."""
        self.assertEqual(http_date(-1), "Thu, 01 Jan 1970 00:00:00 GMT")
        for text in (http_date(10**15), "Sunday, 09-Sep-01 01:46:40 GMT", "Sun Sep  9 01:46:40 2001"):
            self.assertEqual(parse_date(text), 10**9, text)
        for text in ("yesterday", "", "Wed, 99 May 2024 10:40:00 GMT", "9" * 50):
            self.assertIsNone(parse_date(text), text)
        self.assertEqual(http_date(10**15), "Sun, 09 Sep 2001 01:46:40 GMT")
        self.assertEqual(http_date(2**80), "Thu, 01 Jan 1970 00:00:00 GMT")

    def test_attachment(self) -> None:
        """No name ends the field or its quotes; browsers get all of it by the extended form."""
        for name in ("lake.jpg", 'a"b\\c.txt', "x\r\nSet-Cookie: a=b", "größe 日本.txt", "a%41;filename=b", "a'b"):
            field, value = attachment(name)
            self.assertEqual(field, "Content-Disposition")
            match = re.fullmatch(
                r"attachment; filename=\"([ !#-$&-\[\]-~]*)\"; filename\*=UTF-8''([A-Za-z0-9%._~-]+)", value
            )
            assert match is not None, value
            self.assertEqual(unquote(match[2]), name)
            self.assertTrue(match[1].isascii() and match[1].isprintable())
