"""The context of the connections and the handlers of the HTTPS front end."""

from __future__ import annotations

import attrs

from homeftp.interfaces import IServerContext
from homeftp.interfaces.frontend import HTTPS
from homeftp.interfaces.traffic import ITraffic
from homeftp.server.gate.requestmemory import RequestMemory
from homeftp.server.http.router import HttpRouter

METHODS = (
    *("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"),
    *("PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK"),
)
"""The types of requests that some handler answers."""


@attrs.frozen(kw_only=True, eq=False)
class HttpContext:
    """The objects that every connection of the front end shares."""

    server: IServerContext
    router: HttpRouter
    memory: RequestMemory
    """Divides the buffers among the connections."""
    traffic: ITraffic = attrs.field(init=False)
    """Counts what the front end does."""

    @traffic.default
    def _count(self) -> ITraffic:
        return self.server.traffic(HTTPS, METHODS)
