"""The context of the connections and the handlers of the HTTPS front end."""

from __future__ import annotations

import attrs

from homeftp.interfaces import IServerContext
from homeftp.server.gate.requestmemory import RequestMemory
from homeftp.server.http.router import HttpRouter


@attrs.frozen(kw_only=True, eq=False)
class HttpContext:
    """The objects that every connection of the front end shares."""

    server: IServerContext
    router: HttpRouter
    memory: RequestMemory
    """Divides the buffers among the connections."""
