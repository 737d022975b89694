"""The JSON API of the page, below `/api/`: what the verbs of WebDAV do not have.

`GET list`, `search`, `versions`, `deleted` and `zip`, each followed by a path; `GET space`; `POST restore` and
`POST zip`. Handlers of other packages answer further names, such as `session`.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Awaitable, Callable, Mapping
from urllib.parse import parse_qs

import attrs
import msgspec
from zope.interface import implementer

from homeftp.config import MIB
from homeftp.endpoint import Endpoint, parse
from homeftp.errors import BadRequest, NotFound
from homeftp.interfaces import IFiles
from homeftp.server.http.messages import HttpRequest, HttpResponse, IHandler
from homeftp.server.http.page import history, listing
from homeftp.server.http.page.archive import archive_response
from homeftp.server.http.page.jsonlines import json_response, lines_response
from homeftp.server.http.page.members import ArchiveMemory
from homeftp.server.http.refusals import HttpError

MOST_BODY = 1 * MIB
"""Bytes of a request's body, at most: the names of a few thousand files."""

Call = Callable[[HttpRequest, IFiles, Endpoint], Awaitable[HttpResponse]]
"""Answers one call about an endpoint."""


@implementer(IHandler)
@attrs.frozen
class ApiHandler:
    """Finds the call by the second name of the path; what follows is the endpoint."""

    others: Mapping[str, IHandler] = attrs.field(factory=dict)
    """Handlers of calls that are not about files, by their name."""
    archives: ArchiveMemory = attrs.field(factory=ArchiveMemory)
    """The memory of the ZIP files that it makes."""
    _calls: Mapping[str, Mapping[str, tuple[str, Call]]] = attrs.field(init=False)
    """Each call by its methods: the request's name in the audit log, and the function."""

    @_calls.default
    def _bind(self) -> Mapping[str, Mapping[str, tuple[str, Call]]]:
        archive = "GET", partial(_zip, self.archives)
        return {
            "list": {"GET": ("GET", _list)},
            "search": {"GET": ("GET", _search)},
            "versions": {"GET": ("VERSIONS", _versions)},
            "deleted": {"GET": ("VERSIONS", _deleted)},
            "restore": {"POST": ("RESTORE", _restore)},
            "space": {"GET": ("GET", _space)},
            "zip": {"GET": archive, "POST": archive},
        }

    def allows_without_login(self, request: HttpRequest) -> bool:
        """As the call says; nothing about files is answered without a login."""
        other = self.others.get(_call(request))
        return other is not None and other.allows_without_login(request)

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """The response."""
        name = _call(request)
        other = self.others.get(name)
        if other is not None:
            return await other.handle(request)
        methods = self._calls.get(name)
        if methods is None:
            raise NotFound("the API has no call of that name")
        found = methods.get("GET" if request.method == "HEAD" else request.method)
        if found is None:
            raise HttpError(
                HTTPStatus.METHOD_NOT_ALLOWED, f"{name} knows {', '.join(methods)}", [("Allow", ", ".join(methods))]
            )
        assert request.login is not None
        audited, call = found
        return await call(request, request.login.files(audited), parse("/".join(request.path[2:])))


def _call(request: HttpRequest) -> str:
    return request.path[1] if len(request.path) > 1 else ""


async def _list(request: HttpRequest, files: IFiles, endpoint: Endpoint) -> HttpResponse:
    return await lines_response(listing.list_folder(files, endpoint))


async def _search(request: HttpRequest, files: IFiles, endpoint: Endpoint) -> HttpResponse:
    return await lines_response(listing.search(files, endpoint, request.query.get("q", "")))


async def _versions(request: HttpRequest, files: IFiles, endpoint: Endpoint) -> HttpResponse:
    return await lines_response(history.list_versions(files, endpoint))


async def _deleted(request: HttpRequest, files: IFiles, endpoint: Endpoint) -> HttpResponse:
    return await lines_response(history.list_deleted(files, endpoint))


async def _restore(request: HttpRequest, files: IFiles, endpoint: Endpoint) -> HttpResponse:
    try:
        body = msgspec.json.decode(await request.body.read_all(MOST_BODY) or b"{}", type=history.WantedVersion)
    except msgspec.MsgspecError as error:
        raise BadRequest(f"the body is not what restore takes: {error}") from None
    return json_response(await history.restore(files, endpoint, body))


async def _space(request: HttpRequest, files: IFiles, endpoint: Endpoint) -> HttpResponse:
    return json_response({"free": (await files.space()).free, "read_only": files.read_only})


async def _zip(memory: ArchiveMemory, request: HttpRequest, files: IFiles, endpoint: Endpoint) -> HttpResponse:
    names: list[str] = []
    if request.method == "POST":
        body = await request.body.read_all(MOST_BODY)
        try:
            names = parse_qs(body.decode(), strict_parsing=True, errors="strict").get("name", [])
        except ValueError:
            raise BadRequest("the body is not a form with names") from None
        if not names:
            raise BadRequest("no name was given")
    assert request.login is not None
    return await archive_response(memory, request.login, files, endpoint, names, endpoint.name or "homeftp")
