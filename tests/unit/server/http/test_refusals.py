"""Refusals as responses."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import BY_STATUS, LoginRequired, NotFound, refusal
from homeftp.server.http.messages import HttpHeaders
from homeftp.server.http.refusals import HTTP_STATUS, HttpError, error_response, http_status
from homeftp.status import Status


class RefusalTests(SynchronousTestCase):
    """The table, and the page."""

    def test_table(self) -> None:
        """Every refusal has a status of HTTP, but for those that HTTPS makes impossible."""
        self.assertEqual(set(BY_STATUS) - set(HTTP_STATUS), {Status.TLS_REQUIRED})
        self.assertEqual(http_status(NotFound("")), 404)
        self.assertEqual(http_status(refusal(Status.TLS_REQUIRED, "")), 500)

    def test_forms(self) -> None:
        """The message is JSON, a page or text, as the client accepts it; nothing of it is markup."""
        for accept, kind in (
            ("application/json", "application/json"),
            ("text/html,*/*", "text/html"),
            ("", "text/plain"),
        ):
            headers = HttpHeaders([("Accept", accept)] if accept else [])
            response = error_response(NotFound("<b>"), headers)
            self.assertEqual(response.status, 404)
            self.assertIn(kind, dict(response.headers)["Content-Type"])
            assert isinstance(response.body, bytes)
            if kind == "application/json":
                self.assertEqual(json.loads(response.body), {"status": 40, "message": "<b>"})
            else:
                self.assertEqual(b"<b>" in response.body, kind == "text/plain")

    def test_challenge(self) -> None:
        """A 401 asks for a password where programs ask, and not on the page, where a browser would show a dialog."""
        for basic in (True, False):
            response = error_response(LoginRequired("log in"), HttpHeaders(), basic=basic)
            self.assertEqual(("WWW-Authenticate" in dict(response.headers), response.status), (basic, 401))

    def test_http_error(self) -> None:
        """A refusal of HTTP alone has its own status and headers."""
        response = error_response(HttpError(405, "no", [("Allow", "GET")]), HttpHeaders())
        self.assertEqual((response.status, dict(response.headers)["Allow"]), (405, "GET"))
        self.assertEqual(error_response(HttpError(599, "no"), HttpHeaders([("Accept", "text/html")])).status, 599)
