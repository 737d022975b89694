"""The cookie of a web session, as credentials of a request.

Its name makes browsers keep it only if it came over TLS, for this very host and port's host, and for all paths; so no
other site and no plain HTTP can set one (RFC 6265bis, the `__Host-` prefix).
"""

from __future__ import annotations

from homeftp.accounts.credentials.websessions import WebSession
from homeftp.server.http.authentication import PresentedCredentials
from homeftp.server.http.cookies import cookie
from homeftp.server.http.messages import HttpRequest

SESSION_COOKIE = "__Host-homeftp"

LONGEST_TOKEN = 100
"""Characters of a token, at most: more is none of ours."""


class CookieScheme:
    """Finds the session of a browser. A change that it asks for must come from our own page."""

    def find(self, request: HttpRequest) -> PresentedCredentials | None:
        """The session in the cookie."""
        token = cookie(request.headers, SESSION_COOKIE)
        if not token or len(token) > LONGEST_TOKEN:
            return None
        return PresentedCredentials(WebSession(token), b"session:" + token.encode(), unasked=True)
