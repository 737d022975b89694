"""WebDAV as a handler of the HTTPS front end: which method is answered by what."""

from __future__ import annotations

from http import HTTPStatus
from typing import Awaitable, Callable, Mapping

from zope.interface import implementer

from homeftp.interfaces import IServerContext
from homeftp.server.http.dav.copying import ResourceCopier
from homeftp.server.http.dav.guard import ChangeGuard
from homeftp.server.http.dav.locking import Locker
from homeftp.server.http.dav.locks.interface import ILocks
from homeftp.server.http.dav.properties.interface import IProperties
from homeftp.server.http.dav.properties.propfind import PropertyFinder
from homeftp.server.http.dav.properties.proppatch import PropertyPatcher
from homeftp.server.http.dav.reading import ResourceReader
from homeftp.server.http.dav.resource import DavRequest, endpoint_of, existing_endpoint
from homeftp.server.http.dav.writing import ResourceWriter
from homeftp.server.http.messages import HttpRequest, HttpResponse, IHandler
from homeftp.server.http.refusals import HttpError

DavMethod = Callable[[DavRequest], Awaitable[HttpResponse]]

MAKES_NAMES = frozenset({"PUT", "MKCOL", "LOCK"})
"""Methods that may make what their URL names; all others are about what exists."""


@implementer(IHandler)
class DavHandler:
    """Answers everything below `/dav/`."""

    def __init__(self, context: IServerContext, properties: IProperties, locks: ILocks) -> None:
        guard = ChangeGuard(locks)
        reader = ResourceReader()
        writer = ResourceWriter(guard, context.limits)
        finder = PropertyFinder(locks, properties, context.workers)
        patcher = PropertyPatcher(guard, properties, context.workers)
        copier = ResourceCopier(guard, properties, context.workers)
        locker = Locker(guard)
        self._methods: Mapping[str, DavMethod] = {
            "GET": reader.get,
            "HEAD": reader.head,
            "PUT": writer.put,
            "MKCOL": writer.mkcol,
            "DELETE": writer.delete,
            "PROPFIND": finder.propfind,
            "PROPPATCH": patcher.proppatch,
            "COPY": copier.copy,
            "MOVE": copier.move,
            "LOCK": locker.lock,
            "UNLOCK": locker.unlock,
        }

    @property
    def allow(self) -> str:
        """The methods that there are."""
        return ", ".join(["OPTIONS", *self._methods])

    def allows_without_login(self, request: HttpRequest) -> bool:
        """OPTIONS only: Explorer asks for it before it sends a password, and gives up at a 401."""
        return request.method == "OPTIONS"

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """The response to one request."""
        if request.method == "OPTIONS":
            return HttpResponse(HTTPStatus.OK, [("DAV", "1, 2"), ("MS-Author-Via", "DAV"), ("Allow", self.allow)])
        method = self._methods.get(request.method)
        if method is None:
            raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED, "there is no such method", [("Allow", self.allow)])
        assert request.login is not None, "only OPTIONS is answered without a login"
        names = request.path[1:]
        endpoint = endpoint_of(names) if request.method in MAKES_NAMES else existing_endpoint(names)
        return await method(DavRequest(request, request.login, endpoint))
