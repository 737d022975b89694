"""Requests and responses as handlers see them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.server.http.body import RequestBody
from homeftp.server.http.messages import HttpHeaders, HttpRequest
from homeftp.server.http.target import parse_target


class HttpHeadersTests(SynchronousTestCase):
    """Header fields."""

    def test_get(self) -> None:
        """Names have no case; several fields of one name are one value."""
        headers = HttpHeaders([("Accept", "a"), ("ACCEPT", "b"), ("X", "")])
        self.assertEqual((headers.get("accept"), headers.get("x"), headers.get("y")), ("a, b", "", None))
        self.assertTrue("aCCept" in headers)
        self.assertFalse("y" in headers)


class HttpRequestTests(SynchronousTestCase):
    """One request."""

    def test_request(self) -> None:
        """Path, query and length are at hand; the methods that change something are known."""
        body = RequestBody.none()
        for method, changes in (("GET", False), ("PROPFIND", False), ("PUT", True), ("ANYTHING", True)):
            request = HttpRequest(
                method=method, target=parse_target("/a/b/?c=d"), headers=HttpHeaders(), body=body, address="192.0.2.1"
            )
            self.assertEqual((request.path, request.is_folder, request.query["c"]), (("a", "b"), True, "d"))
            self.assertEqual((request.content_length, request.changes, request.login), (0, changes, None))
