"""The context of the JSON front end's connections, and the interface of a connection for its session."""

from __future__ import annotations

import hashlib
from typing import Callable, Sequence

import attrs
import msgspec
from zope.interface import Interface

from homeftp.accounts.loginaudit import LoginAudit, RefusalAudit
from homeftp.accounts.pairing import PairingService
from homeftp.crypto.ca import Identity
from homeftp.dispatchers.table import Table
from homeftp.endpoint import Endpoint
from homeftp.files.budget import MemoryBudget
from homeftp.files.upload import IncomingPayload
from homeftp.interfaces import IConnection, IServerContext
from homeftp.interfaces.traffic import ITraffic
from homeftp.server.gate.deviceactivity import DeviceActivity
from homeftp.server.gate.renewals import Renewals
from homeftp.server.gate.requestmemory import RequestMemory
from homeftp.wire.states import RESERVED_TYPES, STARTTLS

NAME = "json"
"""The name of the front end."""

_DIGEST_BYTES = 16
"""The bytes of the digest by which clients know the store."""


class JsonParts(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the server that only the JSON front end uses, besides what every front end gets."""

    identity: Callable[[], Identity]
    """The server's identity, once it has started."""
    pairings: PairingService
    renewals: Renewals
    device_activity: DeviceActivity
    audit: LoginAudit
    refusals: RefusalAudit
    budget: MemoryBudget
    """The memory of all streams."""
    filetypes: Sequence[str]
    """The only types of files that are stored; empty: any."""
    store_id: Callable[[], str | None]
    """The id of the store, which another one in its place has not; None where it has none. No client is told it."""
    other_addresses: Callable[[], Sequence[str]] = lambda: ()
    """Where other servers are reached that have the same files and accounts."""

    def share(self, home: Endpoint) -> str | None:
        """The id of the store for an account with that home: nothing else has it. None where it has no id."""
        id = self.store_id()
        return id and hashlib.blake2b(home.whole.encode(), key=id.encode(), digest_size=_DIGEST_BYTES).hexdigest()


@attrs.frozen(kw_only=True)
class JsonContext:
    """The objects that every connection of the JSON front end shares."""

    server: IServerContext
    parts: JsonParts
    table: Table
    """The dispatchers."""
    memory: RequestMemory = attrs.field(init=False)
    """The memory of the requests of all connections."""

    def payload(self, size: int, changed: Callable[[], None]) -> IncomingPayload:
        """A payload as `IServerContext.payload` makes one, of which the protocol also knows what is held."""
        return IncomingPayload(size, changed, self.parts.budget)

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

    def stop_accepting() -> None:
        """Accept no more requests; close when those in progress have been answered."""

    def logged_in(account: str) -> None:
        """The client has logged in to this account."""

    def keep_alive() -> None:
        """Show the client from now on that the server is there while it works on a request."""

    def secret() -> bytes:
        """A secret that only the two ends of this TLS session know."""
