"""What the server gives to its front ends."""

from __future__ import annotations

from typing import Callable

import attrs
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from homeftp.accounts.login import LoginService
from homeftp.accounts.loginaudit import LoginAudit, RefusalAudit
from homeftp.accounts.pairing import PairingService
from homeftp.config import Limits, Settings
from homeftp.files.budget import MemoryBudget
from homeftp.files.upload import IncomingPayload
from homeftp.interfaces import IServerContext, IWorkers
from homeftp.server.gate.connections import Connections
from homeftp.server.gate.listen import RenewableOptions
from homeftp.server.gate.renewals import Renewals
from homeftp.server.gate.sightings import Sightings


@implementer(IServerContext)
@attrs.frozen(kw_only=True)
class ServerContext:
    """What all front ends of one server share."""

    reactor: IReactorTime
    settings: Settings
    tls: RenewableOptions
    connections: Connections
    logins: LoginService
    pairings: PairingService
    audit: LoginAudit
    refusals: RefusalAudit
    sightings: Sightings
    renewals: Renewals
    workers: IWorkers
    budget: MemoryBudget

    @property
    def limits(self) -> Limits:
        """What one client may cost."""
        return self.settings.limits

    def payload(self, size: int, changed: Callable[[], None]) -> IncomingPayload:
        """A payload that arrives piece by piece, within the memory of all streams."""
        return IncomingPayload(size, changed, self.budget)
