"""`/api/links`: the page makes, lists and revokes links of the account that is signed in."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated, Any

import attrs
import msgspec
from msgspec import Meta
from zope.interface import implementer

from homeftp.config import DAY, KIB, MAX_PASSWORD, MOST_LINK_SECONDS
from homeftp.endpoint import MAX_PATH_BYTES, parse
from homeftp.errors import BadRequest, Forbidden
from homeftp.interfaces import IShareLinks
from homeftp.interfaces.links import LinkTerms, ShareLink
from homeftp.model import SECOND_US
from homeftp.server.http.messages import HttpRequest, HttpResponse, IHandler
from homeftp.server.http.refusals import HttpError

MOST_BODY = 32 * KIB
"""Bytes of the object that asks for a link, at most: the longest path, each byte of it escaped."""

_HOST = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")
"""A host and perhaps its port, as browsers send them."""


class NewLinkBody(msgspec.Struct, frozen=True):
    """The page's request for a link."""

    path: Annotated[str, Meta(max_length=MAX_PATH_BYTES)]
    days: Annotated[int, Meta(ge=1, le=MOST_LINK_SECONDS // int(DAY))] = 7
    once: bool = False
    upload: bool = False
    password: Annotated[str, Meta(max_length=MAX_PASSWORD)] | None = None

    def __repr__(self) -> str:
        return f"NewLinkBody(path={self.path!r})"  # the password is a secret


@implementer(IHandler)
@attrs.frozen
class LinksApi:
    """Answers `/api/links` and `/api/links/ID`."""

    def allows_without_login(self, request: HttpRequest) -> bool:
        """No links are made without a login."""
        return False

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request for links."""
        links = None if request.login is None else request.login.links
        if links is None:
            raise Forbidden("this login cannot make share links")
        names = request.path[2:]
        if not names and request.method == "GET":
            return _json({"links": [_shown(each) for each in await links.list()]})
        if not names and request.method == "POST":
            return await self._make(request, links)
        if len(names) == 1 and request.method == "DELETE":
            await links.revoke(names[0])
            return HttpResponse(HTTPStatus.NO_CONTENT, [("Cache-Control", "no-store")])
        raise HttpError(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "links are made, listed and ended here",
            [("Allow", "DELETE" if names else "GET, POST")],
        )

    async def _make(self, request: HttpRequest, links: IShareLinks) -> HttpResponse:
        try:
            body = msgspec.json.decode(await request.body.read_all(MOST_BODY), type=NewLinkBody)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadRequest("the body does not say which link to make") from None
        terms = LinkTerms(
            parse(body.path.strip("/")), body.days * int(DAY), 1 if body.once else None, body.upload, body.password
        )
        host = request.headers.get("host") or ""
        made = await links.make(terms, f"https://{host}" if _HOST.match(host) else None)
        return _json({**_shown(made.link), "url": made.url})


def _shown(link: ShareLink) -> dict[str, Any]:
    """A link for the page; times in microseconds since 1970 UTC."""
    return {
        "id": link.id,
        "path": str(link.endpoint),
        "state": link.state.value,
        "made_us": int(link.made * SECOND_US),
        "expires_us": int(link.ends * SECOND_US),
        "upload": link.upload,
        "uses_left": link.uses_left,
        "password": link.has_password,
        "device": link.device,
    }


def _json(value: object) -> HttpResponse:
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    return HttpResponse(HTTPStatus.OK, headers, msgspec.json.encode(value))
