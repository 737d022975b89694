"""Which handler answers a request, and whether it may: the first name of the path decides."""

from __future__ import annotations

from typing import Mapping

import attrs

from homeftp.errors import Forbidden, LoginRequired, NotFound, Refusal
from homeftp.server.http.authentication import OWN_PAGE, HttpAuthenticator
from homeftp.server.http.messages import HttpRequest, HttpResponse, IHandler
from homeftp.server.http.refusals import HttpError, error_response

PAGE = ""
"""The handler of the root itself, and of no name below it."""

CODE_FROM = frozenset({PAGE, "static", "certificate"})
"""The paths that give a page code to run or styles to use; all others hold uploads, or data."""

CODE = frozenset("script style worker sharedworker serviceworker audioworklet paintworklet xslt manifest".split())
"""The uses for which a resource would run or style (Fetch Metadata, `Sec-Fetch-Dest`)."""

BASIC = frozenset({"dav"})
"""Where programs ask without a page: there a 401 asks for a name and a password."""


@attrs.frozen
class HttpRouter:
    """Answers every request of one front end; what is refused becomes a response here."""

    handlers: Mapping[str, IHandler]
    """By the first name of the path."""
    authenticator: HttpAuthenticator

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """The response. Raises only what is a bug, or the end of the connection."""
        name = request.path[0] if request.path else PAGE
        try:
            handler = self.handlers.get(name)
            if handler is None:
                raise NotFound("nothing is at this address")
            if name not in CODE_FROM and request.headers.get("sec-fetch-dest") in CODE:
                raise Forbidden("nothing here is a script or a style sheet of a page")
            request.login = await self.authenticator.login(request)
            if request.login is not None:
                await request.attach(request.login)
            elif not handler.allows_without_login(request):
                raise LoginRequired("log in first")
            return await handler.handle(request)
        except (Refusal, HttpError) as error:
            basic = (
                name in BASIC and OWN_PAGE not in request.headers
            )  # there a browser would ask in a window of its own
            return error_response(error, request.headers, basic=basic)
