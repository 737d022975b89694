"""Files for the page, below `/file/`: to be shown, by ranges where the browser asks for them, or to be saved."""

from __future__ import annotations

from http import HTTPStatus

import attrs
from zope.interface import implementer

from homeftp.endpoint import parse
from homeftp.model import MAX_MTIME_US
from homeftp.server.http.content import attachment, send_file
from homeftp.server.http.messages import HttpRequest, HttpResponse, IHandler
from homeftp.server.http.page.filetypes import shown_type, type_headers
from homeftp.server.http.page.uploadurl import whole_number
from homeftp.server.http.refusals import HttpError


@implementer(IHandler)
@attrs.frozen
class FileHandler:
    """Sends a file; with `at`, the version that was replaced or removed at that time; with `save`, to be saved."""

    def allows_without_login(self, request: HttpRequest) -> bool:
        """No file is public."""
        return False

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """The file, or the part of it that is asked for."""
        if request.method not in ("GET", "HEAD"):
            raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED, "files can only be read here", [("Allow", "GET, HEAD")])
        assert request.login is not None
        endpoint = parse("/".join(request.path[1:]))
        at = request.query.get("at")
        as_of_us = None if at is None else whole_number("at", at, 1, MAX_MTIME_US) - 1
        content_type = shown_type(endpoint.name)
        headers = list(type_headers(content_type))
        if content_type is None or "save" in request.query:
            headers.append(attachment(endpoint.name))
        return await send_file(request, request.login.files("GET"), endpoint, headers, as_of_us=as_of_us)
