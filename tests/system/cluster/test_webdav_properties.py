"""A property of WebDAV that was set through one server of a cluster is seen through each of them."""

from __future__ import annotations

import time

from tests.support.davservers import LOADED, PROMISED_SECONDS, DavServersCase
from tests.support.waiting import wait_until
from tests.support.webserver import WebServer

SETTING = (
    b'<D:propertyupdate xmlns:D="DAV:" xmlns:x="urn:x"><D:set><D:prop><x:colour>%b</x:colour></D:prop></D:set>'
    b"</D:propertyupdate>"
)


class WebDavPropertiesTests(DavServersCase):
    """Two servers, of which each sets properties."""

    def set(self, server: WebServer, colour: bytes, path: str = "d.odt") -> int:
        """The status of a request that sets a property."""
        return self.ask(server, "PROPPATCH", path, SETTING % colour)

    def has(self, server: WebServer, colour: bytes, path: str = "d.odt", depth: str = "0") -> bool:
        """Whether a server shows a property of what is at a path, or with a depth of 1 directly in it."""
        self.assertEqual(self.ask(server, "PROPFIND", path, Depth=depth), 207)
        return b">%b</" % colour in self.content

    def test_seen(self) -> None:
        """What is set through one server is seen and changed through another, and goes with what any server moves."""
        self.assertEqual(self.set(self.first, b"red"), 207)
        self.assertTrue(self.has(self.second, b"red"))
        self.assertTrue(self.has(self.second, b"red", "", "1"))
        self.assertEqual(self.set(self.second, b"green"), 207)
        self.assertEqual((self.has(self.first, b"red"), self.has(self.first, b"green")), (False, True))
        for server, other, method, path, to, status in (
            (self.second, self.first, "MKCOL", "e", "", 201),
            (self.second, self.first, "MOVE", "d.odt", "e/d.odt", 201),
            (self.first, self.second, "COPY", "e", "f", 201),
            (self.first, self.second, "MOVE", "e", "g", 201),
            (self.second, self.first, "DELETE", "g", "", 204),
        ):
            self.assertEqual(self.ask(server, method, path, Destination=f"/dav/{to}"), status, method)
            if to:
                moved = to if method == "MOVE" and to.endswith("odt") else f"{to}/d.odt"
                self.assertTrue(self.has(other, b"green", moved), f"{method} {path} {to}")
        for path, status in (("f/d.odt", 204), ("g", 201), ("g/d.odt", 201)):
            self.assertEqual(self.ask(self.first, "PUT" if "." in path else "MKCOL", path), status)
        self.assertEqual([self.has(self.second, b"green", path) for path in ("f/d.odt", "g/d.odt")], [True, False])

    def test_silent(self) -> None:
        """While the database is silent that is said in time, and afterwards what was set is there."""
        self.assertEqual(self.set(self.first, b"red"), 207)
        with self.engine.frozen():
            for method, body in (("PROPPATCH", SETTING % b"green"), ("PROPFIND", b"")):
                began = time.monotonic()
                self.assertEqual(self.ask(self.second, method, body=body, Depth="0"), 503, method)
                self.assertLess(time.monotonic() - began, PROMISED_SECONDS * LOADED)
        wait_until(lambda: self.ask(self.second, "GET") == 200)
        self.assertEqual((self.has(self.second, b"red"), self.has(self.second, b"green")), (True, False))
