"""The context of the JSON front end's connections, and the interface of a connection for its session."""

from __future__ import annotations

import attrs
from zope.interface import Interface

from homeftp.dispatchers.table import Table
from homeftp.interfaces import IConnection
from homeftp.interfaces.traffic import ITraffic
from homeftp.server.gate.context import ServerContext
from homeftp.server.gate.requestmemory import RequestMemory
from homeftp.wire.states import RESERVED_TYPES, STARTTLS

NAME = "json"
"""The name of the front end."""


@attrs.frozen(kw_only=True)
class JsonContext:
    """The objects that every connection of the JSON front end shares."""

    server: ServerContext
    table: Table
    """The dispatchers."""
    memory: RequestMemory = attrs.field(init=False)
    """The memory of the requests of all connections."""

    @memory.default
    def _share_memory(self) -> RequestMemory:
        return RequestMemory(self.server.limits)

    traffic: ITraffic = attrs.field(init=False)
    """Counts what the front end does; STARTTLS comes before there are requests."""

    @traffic.default
    def _count(self) -> ITraffic:
        return self.server.traffic(NAME, [*self.table.request_types, *RESERVED_TYPES - {STARTTLS}])


class IConnectionControl(IConnection, Interface):
    """A connection, as its session controls it."""

    def finish() -> None:
        """Accept no more requests; close when those in progress have been answered."""

    def logged_in(account: str) -> None:
        """The client has logged in to this account."""

    def keep_alive() -> None:
        """Show the client from now on that the server is there while it works on a request."""

    def secret() -> bytes:
        """A secret that only the two ends of this TLS session know."""
