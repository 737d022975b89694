"""The server's part of each front end's context."""

from __future__ import annotations

import hashlib
from typing import Callable, Iterable, Sequence

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from homeftp.accounts.credentials.sshkeys import SSHKeyChecker
from homeftp.accounts.links.visits import LinkVisits
from homeftp.accounts.login import LoginService
from homeftp.accounts.loginaudit import LoginAudit, RefusalAudit
from homeftp.accounts.pairing import PairingService
from homeftp.accounts.sessions.signin import SignInService
from homeftp.config import Limits, Settings
from homeftp.crypto.ca import Identity
from homeftp.crypto.webcert import ServedCertificate
from homeftp.endpoint import Endpoint
from homeftp.files.budget import MemoryBudget
from homeftp.files.upload import IncomingPayload
from homeftp.interfaces import IServerContext, IWorkers
from homeftp.model import Change
from homeftp.server.gate.accountrequests import AccountRequests
from homeftp.server.gate.connections import Connections
from homeftp.server.gate.deviceactivity import DeviceActivity
from homeftp.server.gate.listen import RenewableOptions
from homeftp.server.gate.renewals import Renewals
from homeftp.server.gate.traffic import FrontEndTraffic, Traffic

_DIGEST_BYTES = 16
"""The bytes of the digest by which clients know the store."""


@implementer(IServerContext)
@attrs.frozen(kw_only=True)
class ServerContext:
    """The objects that all front ends of one server share."""

    reactor: IReactorTime
    settings: Settings
    tls: RenewableOptions[Identity]
    web_tls: RenewableOptions[ServedCertificate]
    connections: Connections
    logins: LoginService
    pairings: PairingService
    audit: LoginAudit
    refusals: RefusalAudit
    device_activity: DeviceActivity
    ssh_keys: SSHKeyChecker
    visits: LinkVisits
    signins: SignInService
    renewals: Renewals
    workers: IWorkers
    budget: MemoryBudget
    follow_changes: Callable[[Callable[[Sequence[Change]], None]], None]
    """Tells somebody all changes of the store from now on (`ChangeHub.follow`)."""
    store_id: Callable[[], str | None]
    """The id of the store, which another one in its place has not; None where it has none. No client is told it."""
    other_addresses: Callable[[], Sequence[str]] = lambda: ()
    """Where other servers are reached that have the same files and accounts."""

    def share(self, home: Endpoint) -> str | None:
        """The id of the store for an account with that home: nothing else has it. None where it has no id."""
        id = self.store_id()
        return id and hashlib.blake2b(home.whole.encode(), key=id.encode(), digest_size=_DIGEST_BYTES).hexdigest()

    requests: AccountRequests = attrs.field(init=False)
    """Limits how many requests of one account run at once."""

    @requests.default
    def _limit_requests(self) -> AccountRequests:
        return AccountRequests(self.settings.limits.account_in_flight)

    counts: Traffic = attrs.field(init=False)
    """Counts the work of all front ends."""

    @counts.default
    def _count(self) -> Traffic:
        return Traffic(self.reactor.seconds)

    def begin_request(self, account: str, begin: Callable[[], Deferred[None]]) -> Deferred[None]:
        """As `IServerContext.begin_request`."""
        return self.requests.run(account, begin)

    @property
    def limits(self) -> Limits:
        """The limits of one client's cost."""
        return self.settings.limits

    def payload(self, size: int, changed: Callable[[], None]) -> IncomingPayload:
        """A payload that arrives piece by piece, within the memory of all streams."""
        return IncomingPayload(size, changed, self.budget)

    def traffic(self, front_end: str, types: Iterable[str]) -> FrontEndTraffic:
        """As `IServerContext.traffic`."""
        return self.counts.of(front_end, types)
