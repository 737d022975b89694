"""The cookie of a session as credentials."""

from __future__ import annotations

from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.credentials.websessions import WebSession
from homeftp.server.http.messages import HttpHeaders
from homeftp.server.http.signin.cookie import LONGEST_TOKEN, SESSION_COOKIE, CookieScheme


class CookieSchemeTests(SynchronousTestCase):
    """`CookieScheme`."""

    def test_found(self) -> None:
        """The secret in the cookie is presented, as what browsers send unasked; without one there is nothing."""
        for field, token in (
            (f"{SESSION_COOKIE}=secret", "secret"),
            (f"a=b; {SESSION_COOKIE}=secret", "secret"),
            ("homeftp=secret", None),
            (f"{SESSION_COOKIE}=", None),
            (f"{SESSION_COOKIE}={'x' * (LONGEST_TOKEN + 1)}", None),
        ):
            found = CookieScheme().find(mock.Mock(headers=HttpHeaders([("Cookie", field)])))
            self.assertEqual(found and found.credentials, token and WebSession(token), field[:40])
            self.assertIn(found and found.unasked, (None, True))
            self.assertNotIn("secret", repr(found))
