"""Requests to handlers of the HTTPS front end, without a connection: over a store in memory."""

from __future__ import annotations

import json
from typing import Any, AsyncIterator, Mapping
from urllib.parse import quote, urlencode

import attrs

from homeftp.files.upload import IncomingPayload
from homeftp.interfaces import IFiles, IPayload
from homeftp.server.http.body import RequestBody
from homeftp.server.http.messages import HttpHeaders, HttpRequest, HttpResponse, IHandler
from homeftp.server.http.target import parse_target
from tests.support.filestores import FilesTestCase


@attrs.define
class PageLogin:
    """A login as far as the page's handlers use it; remembers the names of the operations."""

    own_files: IFiles
    account: str = "ann"
    group: str = "ann"
    requests: list[str] = attrs.field(factory=list)

    def files(self, request: str) -> IFiles:
        self.requests.append(request)
        return self.own_files


@attrs.frozen
class Answer:
    """A response that was read to its end."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.content.splitlines()]


async def read_response(response: HttpResponse) -> Answer:
    """What a client gets."""
    body: Any = response.body
    try:
        if isinstance(body, bytes):
            content = body
        elif IPayload.providedBy(body):
            content = await body.read_all(2**30)
        else:
            pieces: AsyncIterator[bytes] = body
            content = b"".join([piece async for piece in pieces])
    finally:
        if response.close is not None:
            await response.close()
    return Answer(response.status, {name.lower(): value for name, value in response.headers}, content)


class HandlerCase(FilesTestCase):
    """A handler of the page, asked by somebody who is logged in."""

    handler: IHandler

    def setUp(self) -> None:
        super().setUp()
        self.page_login = PageLogin(self.files)

    def request(
        self,
        method: str,
        *names: str,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        arrives: int | None = None,
        length: int | None = -1,
    ) -> HttpRequest:
        """A request whose body has arrived, or only `arrives` bytes of it before the connection is lost."""
        target = "/" + "/".join(quote(name, safe="") for name in names)
        if query:
            target += "?" + urlencode(query, doseq=True)
        return self.request_of(method, target, headers or {}, body, arrives, length)

    def request_of(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        arrives: int | None = None,
        length: int | None = -1,
    ) -> HttpRequest:
        """The same, for a target as it is in a URL."""
        size = len(body) if length == -1 else length
        incoming = RequestBody(
            size, lambda size, changed: IncomingPayload(size, changed, self.budget), _nothing, _nothing
        )
        if body:
            incoming.deliver(body[:arrives])
        login: Any = self.page_login
        return HttpRequest(
            method=method,
            target=parse_target(target),
            headers=HttpHeaders(list(headers.items())),
            body=incoming,
            address="127.0.0.1",
            login=login,
        )

    def answer(self, request: HttpRequest) -> Answer:
        """The response of the handler, read to its end."""

        async def ask() -> Answer:
            return await read_response(await self.handler.handle(request))

        return self.result_of(ask())

    def ask(self, method: str, *names: str, **given: Any) -> Answer:
        """The answer to a request."""
        return self.answer(self.request(method, *names, **given))

    def refused(self, kind: type[Exception], request: HttpRequest) -> Any:
        """The exception that the handler raises."""

        async def ask() -> Answer:
            return await read_response(await self.handler.handle(request))

        return self.error_of(kind, ask())


def _nothing() -> None:
    """Nobody waits."""
