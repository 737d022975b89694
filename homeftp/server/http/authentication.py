"""Authentication: the credentials of a request become a login, by the same service as for every front end.

A scheme finds credentials in the headers. Browsers send some of them with every request, also with one that another
site's page has caused: a request that changes something must then prove that it comes from our own page, or from no
page at all.
"""

from __future__ import annotations

import base64
import binascii
from typing import Protocol, Sequence
from urllib.parse import urlsplit

import attrs
from twisted.cred.credentials import ICredentials, UsernamePassword

from homeftp.errors import BadRequest, Forbidden, LoginFailed
from homeftp.interfaces import ILogin
from homeftp.server.http.logincache import LoginCache
from homeftp.server.http.messages import HttpRequest

OWN_PAGE = "X-Homeftp"
"""A header that no other site's page can make a browser send without being asked by the browser first."""


@attrs.frozen
class PresentedCredentials:
    """The credentials of a request."""

    credentials: ICredentials
    proof: bytes = attrs.field(repr=False)
    """The bytes that were sent: with the same ones, the same login serves the request."""
    unasked: bool = False
    """Whether a browser sends them with every request: then a change must carry a sign of our own page."""


class IScheme(Protocol):
    """Finds one kind of credentials."""

    def find(self, request: HttpRequest) -> PresentedCredentials | None:
        """The credentials of a request; None where it has none of this kind. Raises `BadRequest` (20)."""


class BasicScheme:
    """An account's name with its password, or an app password (RFC 7617), in UTF-8."""

    def find(self, request: HttpRequest) -> PresentedCredentials | None:
        """The credentials in `Authorization`."""
        given = request.headers.get("authorization")
        if given is None:
            return None
        kind, _, encoded = given.strip().partition(" ")
        if kind.lower() != "basic":
            raise BadRequest("only Basic authentication is known here")
        try:
            decoded = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest("the credentials are not base64") from None
        name, colon, password = decoded.partition(b":")
        if not colon:
            raise BadRequest("the credentials have no colon between name and password")
        return PresentedCredentials(UsernamePassword(name, password), b"basic:" + decoded)


@attrs.frozen
class HttpAuthenticator:
    """Logs the clients of one front end in."""

    cache: LoginCache
    schemes: Sequence[IScheme] = (BasicScheme(),)
    """The first that finds credentials decides."""

    async def login(self, request: HttpRequest) -> ILogin | None:
        """The login of a request; None for one without credentials.

        Raises `LoginFailed` (32), `Busy` (51), `BadRequest` (20), and `Forbidden` (33) for a change that another site's
        page may have caused.
        """
        check_origin(request)
        for scheme in self.schemes:
            presented = scheme.find(request)
            if presented is not None:
                if presented.unasked and request.changes and not _from_own_page(request):
                    raise Forbidden(f"a change needs Sec-Fetch-Site: same-origin, or {OWN_PAGE}: 1")
                try:
                    return await self.cache.login(presented.credentials, presented.proof, request.address)
                except LoginFailed:
                    if not presented.unasked:
                        raise
                    return None  # a session that has ended: the browser brings its cookie to every page
        return None


def check_origin(request: HttpRequest) -> None:
    """Raise `Forbidden` (33) for a change that a browser says another site's page has caused.

    A form of a page that tells no referrer has the origin `null` (Fetch, "append a request Origin header"); only the
    browser itself can say that it is of the same origin nevertheless. What is sandboxed has no origin, and is not.
    """
    if not request.changes:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    foreign = site not in (None, "same-origin", "none")
    if origin == "null" and site == "same-origin":
        return
    if origin is not None and urlsplit(origin).netloc.lower() != (request.headers.get("host") or "").lower():
        foreign = True
    if foreign:
        raise Forbidden("another site's page asks for a change here: that is refused")


def _from_own_page(request: HttpRequest) -> bool:
    return request.headers.get("sec-fetch-site") == "same-origin" or request.headers.get(OWN_PAGE) == "1"
