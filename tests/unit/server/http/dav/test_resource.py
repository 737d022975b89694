"""Endpoints and URLs, dates and headers."""

from __future__ import annotations

from homeftp.endpoint import ROOT, parse
from homeftp.errors import BadEndpoint, NotFound
from homeftp.server.http.dav.resource import (
    endpoint_of,
    existing_endpoint,
    href,
    parse_time,
)
from tests.support.davcases import DavCase, destination

SECOND = 1_714_560_000


class ValueTests(DavCase):
    """What needs no request."""

    def test_endpoints(self) -> None:
        """Names are an endpoint, or refused; what has to exist and cannot is not there."""
        self.assertEqual(endpoint_of(()), ROOT)
        self.assertEqual(endpoint_of(("a", "b")), parse("a/b"))
        self.assertRaises(BadEndpoint, endpoint_of, ("a:b",))
        self.assertRaises(NotFound, existing_endpoint, ("a:b",))

    def test_href(self) -> None:
        """URLs are escaped; those of folders end in a slash."""
        for endpoint, is_folder, path in (
            (ROOT, True, "/dav/"),
            (parse("a b/ä%"), False, "/dav/a%20b/%C3%A4%25"),
            (parse("a"), True, "/dav/a/"),
        ):
            self.assertEqual(href(endpoint, is_folder=is_folder), path)

    def test_dates(self) -> None:
        """Dates of HTTP, and of ISO 8601 as Apple writes them; what is none is not guessed."""
        for text in ("Wed, 01 May 2024 10:40:00 GMT", "2024-05-01T10:40:00Z", "2024-05-01T12:40:00+02:00"):
            self.assertEqual(parse_time(text), SECOND * 1_000_000, text)
        for text in ("yesterday", "", "Wed, 99 May 2024 10:40:00 GMT", "9" * 50):
            self.assertIsNone(parse_time(text), text)


class DestinationTests(DavCase):
    """Where COPY and MOVE go."""

    def setUp(self) -> None:
        super().setUp()
        self.put("a", b"x")

    def test_allowed(self) -> None:
        """A URL of this server, or a path."""
        self.assertEqual(self.status("COPY", "a", destination("b%20b")), 201)
        self.assertEqual(self.status("COPY", "a", ("Destination", "/dav/c")), 201)
        self.assertEqual((self.content("b b"), self.content("c")), (b"x", b"x"))

    def test_refused(self) -> None:
        """Another server, another part of this one, and what is no URL."""
        for given, status in (
            ("https://evil.example/dav/b", 502),
            ("http://nas.local:8443/dav/b", 502),
            ("https://nas.local/dav/b", 502),
            ("/api/b", 502),
            ("/", 502),
            ("//evil.example/dav/b", 502),
            ("/dav/", 403),
            ("/dav/../b", 400),
            ("/dav/b%2Fc", 400),
            ("/dav/b?x", 400),
            ("b", 400),
            ("https://[/dav/b", 400),
            ("/dav/a:b", 400),
        ):
            self.assertEqual(self.status("MOVE", "a", ("Destination", given)), status, given)
        self.assertEqual(self.status("MOVE", "a"), 400)
        self.assertEqual(self.content("a"), b"x")

    def test_headers(self) -> None:
        """Overwrite and Depth have a few values only."""
        self.assertEqual(self.status("COPY", "a", destination("b"), ("Overwrite", "maybe")), 400)
        self.assertEqual(self.status("COPY", "a", destination("b"), ("Depth", "1")), 400)
        self.assertEqual(self.status("PROPFIND", "a", ("Depth", "2")), 400)
