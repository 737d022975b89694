"""Credentials of requests, and changes that another site's page may have caused."""

from __future__ import annotations

from typing import Any

from twisted.cred.credentials import UsernamePassword
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import BadRequest, Forbidden, LoginFailed
from homeftp.server.http.authentication import BasicScheme, HttpAuthenticator, PresentedCredentials
from homeftp.server.http.body import RequestBody
from homeftp.server.http.messages import HttpHeaders, HttpRequest
from homeftp.server.http.target import parse_target
from tests.support.httpclient import HOST, HttpServer, basic
from tests.support.inmemory import PASSWORD


class Unasked:
    """Credentials that a browser sends with every request."""

    def find(self, request: HttpRequest) -> PresentedCredentials | None:
        if "cookie" not in request.headers:
            return None
        return PresentedCredentials(UsernamePassword(b"ann", PASSWORD.encode()), b"cookie", unasked=True)


class AuthenticatorTests(SynchronousTestCase):
    """The login of a request."""

    def setUp(self) -> None:
        self.web = HttpServer(lambda context: {})
        self.addCleanup(self.web.close)
        self.authenticator = HttpAuthenticator(self.web.cache, (BasicScheme(), Unasked()))

    def ask(self, *headers: tuple[str, str], method: str = "PUT") -> Deferred[Any]:
        body = RequestBody.none()
        request = HttpRequest(
            method=method,
            target=parse_target("/dav/a"),
            headers=HttpHeaders([("Host", HOST), *headers]),
            body=body,
            address="192.0.2.1",
        )
        return Deferred.fromCoroutine(self.authenticator.login(request))

    def test_basic(self) -> None:
        """A name and a password, which may hold colons; none is no login."""
        self.assertEqual(self.successResultOf(self.ask(basic())).account, "ann")
        self.assertIsNone(self.successResultOf(self.ask()))
        self.failureResultOf(self.ask(basic(password="a:b")), LoginFailed)

    def test_bad_basic(self) -> None:
        """What is no Basic authentication is refused as a bad request."""
        for value in ("Bearer x", "Basic", "Basic !!!", "Basic YW5u", 'Digest username="ann"'):
            self.failureResultOf(self.ask(("Authorization", value)), BadRequest)

    def test_other_site(self) -> None:
        """A change for which a browser says that another site asks is refused, whatever credentials it has."""
        for headers in (
            (("Sec-Fetch-Site", "cross-site"),),
            (("Sec-Fetch-Site", "same-site"),),
            (("Origin", "https://evil.example"),),
            (("Origin", "null"),),
            (("Origin", "https://nas.local"),),
            (("Origin", "null"), ("Sec-Fetch-Site", "cross-site")),
            (("Origin", "null"), ("Sec-Fetch-Site", "same-site")),
            (("Origin", "https://evil.example"), ("Sec-Fetch-Site", "same-origin")),
        ):
            self.failureResultOf(self.ask(basic(), *headers), Forbidden)
            self.assertIsNotNone(self.successResultOf(self.ask(basic(), *headers, method="GET")), "the control")
        for header in (("Origin", f"https://{HOST}"), ("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "same-origin")):
            self.assertIsNotNone(self.successResultOf(self.ask(basic(), header)), "the control")

    def test_form(self) -> None:
        """A form of a page that tells no referrer has the origin `null`, and is known by what the browser adds."""
        form = ("Origin", "null"), ("Sec-Fetch-Site", "same-origin")
        self.assertIsNotNone(self.successResultOf(self.ask(basic(), *form)))

    def test_unasked(self) -> None:
        """Credentials that a browser sends by itself change nothing without a sign of the own page."""
        cookie = ("Cookie", "x")
        self.failureResultOf(self.ask(cookie), Forbidden)
        self.failureResultOf(self.ask(cookie, ("Sec-Fetch-Site", "none")), Forbidden)
        self.assertIsNotNone(self.successResultOf(self.ask(cookie, method="GET")))
        for sign in (("Sec-Fetch-Site", "same-origin"), ("X-Homeftp", "1")):
            self.assertIsNotNone(self.successResultOf(self.ask(cookie, sign)))
