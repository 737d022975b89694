"""Refusals as responses: one table from the statuses of homeftp to those of HTTP, and one page for a person to read."""

from __future__ import annotations

import html
import http
from typing import Sequence

import msgspec

from homeftp.errors import Refusal
from homeftp.server.http.messages import HttpHeaders, HttpResponse
from homeftp.status import Status

RETRY_SECONDS = 5
"""The seconds that a client is told to wait while the server is busy."""

HTTP_STATUS: dict[Status, int] = {
    Status.BAD_REQUEST: 400,
    Status.UNKNOWN_REQUEST_TYPE: 404,
    Status.TOO_LARGE: 413,
    Status.LOGIN_REQUIRED: 401,
    Status.LOGIN_FAILED: 401,
    Status.FORBIDDEN: 403,
    Status.NOT_FOUND: 404,
    Status.BAD_ENDPOINT: 400,
    Status.FILETYPE_NOT_ALLOWED: 415,
    Status.WRONG_KIND: 409,
    Status.CHANGED: 412,
    Status.CONTENT_MISMATCH: 400,
    Status.DAMAGED: 500,
    Status.INTERNAL: 500,
    Status.BUSY: 503,
    Status.NO_SPACE: 507,
    Status.TIMEOUT: 408,
    Status.SHUTTING_DOWN: 503,
}
"""The status of HTTP for each refusal; what is not in it is 500."""

_CHALLENGE = ("WWW-Authenticate", 'Basic realm="homeftp", charset="UTF-8"')


class HttpError(Exception):
    """A refusal that only HTTP knows, such as 405 and 423: `status` is the response's, `message` says why.

    With `content`, a media type and bytes, that is sent in the message's place.
    """

    def __init__(
        self,
        status: int,
        message: str,
        headers: Sequence[tuple[str, str]] = (),
        content: tuple[str, bytes] | None = None,
    ) -> None:
        super().__init__(message)
        self.content = content
        self.status = status
        self.message = message
        self.headers = headers


def http_status(refusal: Refusal) -> int:
    """The status of the response to a refusal."""
    return HTTP_STATUS.get(refusal.status, HTTP_STATUS[Status.INTERNAL])


def error_response(error: Refusal | HttpError, headers: HttpHeaders, *, basic: bool = False) -> HttpResponse:
    """The response to a refusal, in a form that the client accepts: JSON, a small page, or plain text.

    With `basic` a 401 asks for a name and a password.
    """
    status = http_status(error) if isinstance(error, Refusal) else error.status
    fields = list(error.headers) if isinstance(error, HttpError) else []
    if status == HTTP_STATUS[Status.BUSY]:
        fields.append(("Retry-After", str(RETRY_SECONDS)))
    if status == HTTP_STATUS[Status.LOGIN_REQUIRED] and basic:
        fields.append(_CHALLENGE)
    fields.append(("Cache-Control", "no-store"))
    if isinstance(error, HttpError) and error.content is not None:
        media_type, content = error.content
        return HttpResponse(status, [*fields, ("Content-Type", media_type)], content)
    accepted = headers.get("accept") or ""
    if "application/json" in accepted:
        code = int(error.status) if isinstance(error, Refusal) else status
        body = msgspec.json.encode({"status": code, "message": error.message})
        return HttpResponse(status, [*fields, ("Content-Type", "application/json")], body)
    if "text/html" in accepted:
        reason = html.escape(_reason(status))
        head = f"<!doctype html><meta charset=utf-8><title>{reason}</title>"
        page = f"{head}<h1>{reason}</h1><p>{html.escape(error.message)}</p>"
        return HttpResponse(status, [*fields, ("Content-Type", "text/html; charset=utf-8")], page.encode())
    return HttpResponse(status, [*fields, ("Content-Type", "text/plain; charset=utf-8")], f"{error.message}\n".encode())


def _reason(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return f"Error {status}"
