"""The parts of a server that its metrics are read from, and what only a worker can find out about its store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Protocol, Sequence

import msgspec

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.login import LoginService
from homeftp.control.scrubstate import ScrubState
from homeftp.errors import Refusal
from homeftp.files.budget import MemoryBudget
from homeftp.interfaces import IStore, IStoreHealth
from homeftp.interfaces.usage import ConnectionsUsage, IMeasuredStore, StoreUsage
from homeftp.server.gate.connections import Connections
from homeftp.server.gate.traffic import Traffic
from homeftp.workers import ThreadWorkers

if TYPE_CHECKING:  # the packages that it needs are there only in a cluster
    from homeftp.cluster.state import ClusterState


class IClusterMember(Protocol):
    """A member of a cluster, as its metrics are read."""

    def state(self) -> ClusterState:
        """The state of the cluster. Blocks; raises `Busy` (51)."""

    def dumped_at(self) -> float:
        """When the newest dump was begun, in seconds since 1970. Blocks; raises `Busy` (51)."""

    def accounts_usage(self) -> ConnectionsUsage:
        """The connections for the accounts."""


class Monitored(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The parts of one server, which count what they do."""

    version: str
    traffic: Traffic
    connections: Connections
    most_connections: int
    logins: LoginService
    budget: MemoryBudget
    pools: Sequence[ThreadWorkers]
    store: Callable[[], IStore]
    accounts: AccountDatabase
    scrub: Callable[[], ScrubState]
    member: IClusterMember | None = None
    """The server as a member of its cluster; None: it has a folder of its own."""


class StoreState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a store, for its owner."""

    problems: Sequence[str] = ()
    usage: StoreUsage = StoreUsage()


def read_store(store: IStore) -> StoreState:
    """The state of a store. In a worker; the first call may read all versions. Raises nothing but bugs."""
    problems = list(store.problems()) if IStoreHealth.providedBy(store) else []
    usage = StoreUsage()
    if not problems and IMeasuredStore.providedBy(store):
        try:
            usage = store.usage()
        except Refusal as refusal:
            problems.append(refusal.message)
    return StoreState(problems=problems, usage=usage)
