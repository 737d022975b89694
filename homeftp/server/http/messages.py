"""Requests and responses as handlers see them: decoded and validated, without bytes of HTTP.

`reader.py` makes requests of what a client sends, and `exchange.py` sends the responses.
"""

from __future__ import annotations

from typing import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence, TypeAlias

import attrs
from twisted.cred.credentials import ICredentials
from zope.interface import Interface

from homeftp.errors import LoginRequired
from homeftp.interfaces import ILogin, IPayload
from homeftp.server.http.body import RequestBody
from homeftp.server.http.target import RequestTarget

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND"})
"""The methods that change nothing."""


class HttpHeaders:
    """The header fields of a request; names are compared without regard to case."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: dict[str, str] = {}
        for name, value in fields:
            key = name.lower()
            before = self._fields.get(key)
            self._fields[key] = value if before is None else f"{before}, {value}"

    def get(self, name: str) -> str | None:
        """The value of a field, of several of one name joined with commas (RFC 9110, 5.3); None where there is none."""
        return self._fields.get(name.lower())

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._fields


LogIn: TypeAlias = "Callable[[ICredentials, bytes], Awaitable[ILogin]]"


async def _no_login(credentials: ICredentials, proof: bytes) -> ILogin:
    raise LoginRequired("log in first")


async def _no_wait(login: ILogin) -> None:
    pass


@attrs.define(eq=False, kw_only=True)
class HttpRequest:
    """One request."""

    method: str
    target: RequestTarget
    headers: HttpHeaders
    body: RequestBody
    """The bytes behind the head; read them piece by piece, or give them to `IFiles.upload`."""
    address: str
    """Where the client is."""
    login: ILogin | None = None
    """The login of the client; None for a request without one, where the handler allows that."""
    log_in: LogIn = attrs.field(default=_no_login, repr=False)
    """Logs in with other credentials, which the second argument identifies, for handlers that find them elsewhere.

    The connection is one of that login then. Raises as `ILoginService.login`.
    """
    attach: Callable[[ILogin], Awaitable[None]] = attrs.field(default=_no_wait, repr=False)
    """Counts the connection as one of this login, whose revocation ends it, and waits for the request's turn."""

    @property
    def path(self) -> tuple[str, ...]:
        """The names of its path, the first of which chose the handler."""
        return self.target.path

    @property
    def is_folder(self) -> bool:
        """Whether its path ends in a slash."""
        return self.target.is_folder

    @property
    def query(self) -> Mapping[str, str]:
        """The fields of its query."""
        return self.target.query

    @property
    def content_length(self) -> int | None:
        """Bytes of its body; None where that is not known before its end."""
        return self.body.size

    @property
    def changes(self) -> bool:
        """Whether its method may change something."""
        return self.method not in SAFE_METHODS


ResponseBody: TypeAlias = "bytes | IPayload | AsyncIterator[bytes]"
"""The body of a response: bytes, a payload with its size, or pieces of a total that is not known."""


@attrs.define(eq=False)
class HttpResponse:
    """The answer to one request. The engine adds the date, the length and the headers of security."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: ResponseBody = b""
    close: Callable[[], Awaitable[None]] | None = None
    """Called once the body is sent, or cannot be: closes what it is read from."""


class IHandler(Interface):
    """Answers the requests below one name at the root."""

    def allows_without_login(request: HttpRequest) -> bool:
        """Whether a request without a login is given to `handle`; otherwise it is answered 401."""

    def handle(request: HttpRequest) -> Awaitable[HttpResponse]:
        """The response. A raised `Refusal` or `HttpError` is answered as `refusals` says; anything else is a bug.

        What is not read of the body is discarded.
        """


class IClosableHandler(IHandler):
    """A handler that holds something open."""

    def close() -> None:
        """Close it: the server stops. May be called twice."""
