"""The server's part of each front end's context."""

from __future__ import annotations

from typing import Callable, Iterable

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from homeftp.accounts.login import LoginService
from homeftp.config import Limits
from homeftp.crypto.ca import Identity
from homeftp.crypto.webcert import ServedCertificate
from homeftp.files.budget import MemoryBudget
from homeftp.files.upload import IncomingPayload
from homeftp.interfaces import IServerContext, IWorkers
from homeftp.server.gate.accountrequests import AccountRequests
from homeftp.server.gate.connections import Connections
from homeftp.server.gate.listen import RenewableOptions
from homeftp.server.gate.traffic import FrontEndTraffic, Traffic


@implementer(IServerContext)
@attrs.frozen(kw_only=True)
class ServerContext:
    """The objects that all front ends of one server share."""

    reactor: IReactorTime
    limits: Limits
    tls: RenewableOptions[Identity]
    web_tls: RenewableOptions[ServedCertificate]
    connections: Connections
    logins: LoginService
    workers: IWorkers
    budget: MemoryBudget
    """The memory of all streams."""
    requests: AccountRequests = attrs.field(init=False)
    """Limits how many requests of one account run at once."""

    @requests.default
    def _limit_requests(self) -> AccountRequests:
        return AccountRequests(self.limits.account_in_flight)

    counts: Traffic = attrs.field(init=False)
    """Counts the work of all front ends."""

    @counts.default
    def _count(self) -> Traffic:
        return Traffic(self.reactor.seconds)

    def begin_request(self, account: str, begin: Callable[[], Deferred[None]]) -> Deferred[None]:
        """As `IServerContext.begin_request`."""
        return self.requests.run(account, begin)

    def payload(self, size: int, changed: Callable[[], None]) -> IncomingPayload:
        """A payload that arrives piece by piece, within the memory of all streams."""
        return IncomingPayload(size, changed, self.budget)

    def traffic(self, front_end: str, types: Iterable[str]) -> FrontEndTraffic:
        """As `IServerContext.traffic`."""
        return self.counts.of(front_end, types)
