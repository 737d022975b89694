"""Connections of the HTTPS front end to handlers that answer as a test says."""

from __future__ import annotations

from typing import Awaitable, Callable, Mapping

import attrs
from zope.interface import implementer

from homeftp.config import GOODBYE_BYTES
from homeftp.interfaces import IServerContext
from homeftp.server.http.messages import HttpRequest, HttpResponse, IHandler
from tests.support.httpclient import HttpCase

Handle = Callable[[HttpRequest], Awaitable[HttpResponse]]


@implementer(IHandler)
@attrs.define
class Scripted:
    """Answers as the test says."""

    answer: Handle
    unauthenticated: bool = True
    requests: list[HttpRequest] = attrs.field(factory=list)

    def allows_without_login(self, request: HttpRequest) -> bool:
        return self.unauthenticated

    async def handle(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        return await self.answer(request)


async def echo(request: HttpRequest) -> HttpResponse:
    """The method, the names of the path and the body."""
    body = await request.body.read_all(GOODBYE_BYTES)
    return HttpResponse(200, [("X-Names", "|".join(request.path))], request.method.encode() + b" " + body)


class ConnectionCase(HttpCase):
    """A handler at `/t/`, and one for members only at `/m/`."""

    def handlers(self, context: IServerContext) -> Mapping[str, IHandler]:
        self.handler = Scripted(echo)
        self.members = Scripted(echo, unauthenticated=False)
        return {"t": self.handler, "m": self.members}

    def answer(self, answer: Handle) -> None:
        self.handler.answer = answer
