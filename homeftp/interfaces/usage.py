"""Space: what an account is told of it, and what the server's owner is told of the store and of connections.

Only the first is for every store; what the owner is told is optional.
"""

from __future__ import annotations

from typing import Mapping, Sequence

import msgspec
from zope.interface import Interface

from homeftp.endpoint import Endpoint
from homeftp.model import Actor


class SpaceReport(msgspec.Struct, frozen=True, kw_only=True):
    """How much somebody can still store, and how much of the same space is used, in bytes. None: it is not known."""

    free: int | None = None
    used: int | None = None


class StoreUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The space that a store takes up, in bytes. None: it is not known, or there is no limit."""

    size: int | None = None
    """The size of its disk."""
    free: int | None = None
    """Free on its disk for this server."""
    versions: int | None = None
    """The bytes of all versions together."""
    most_versions: int | None = None
    """The most that versions may take up."""
    used: int | None = None
    """The bytes that count for the quota of the whole store; counted only where there is one."""
    quota: int | None = None
    unfinished: int | None = None
    """The bytes of interrupted uploads."""


class ConnectionsUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The connections of one server to a database, and what waited for one since it started."""

    most: int
    open: int
    idle: int
    """The open connections that are idle."""
    waiting: int
    """How many threads wait for one."""
    waits: int
    """How often a thread had to wait for one."""
    wait_seconds: float
    """How long they have waited, together."""
    failures: int
    """How often none could be had."""


class StoreActivity(msgspec.Struct, frozen=True, kw_only=True):
    """The work of a store since it was opened, and what it owes the audit log."""

    unrecorded: int = 0
    """Changes that were made, and that the audit log lacks."""
    changes: Mapping[str, int] = msgspec.field(default_factory=dict)
    """How many of each kind (`Change.what`) were made and recorded."""
    evicted_bytes: int = 0
    """The bytes of versions and unfinished uploads that were removed to make space."""
    database: ConnectionsUsage | None = None
    """None: it has no database."""


class IActiveStore(Interface):
    """A store that can tell what it has done. Optional."""

    def activity() -> StoreActivity:
        """The store's work since it was opened. It is known at once: nothing blocks."""


class IProbedStore(Interface):
    """A store with engines that may fail apart from each other. Optional."""

    def probe() -> None:
        """Ask each engine for something small. Blocks; raises the refusal of one that does not answer."""


class AccountUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The space that one account takes up in a store, in bytes."""

    used: int | None = None
    """The bytes that count for its quota; None without one, and while they are being counted."""
    uploads: int = 0
    """Files that it is sending now."""
    held_back: int = 0
    """The bytes that those may still need."""
    unfinished: int = 0
    """The bytes that are kept of its interrupted uploads."""


class IMeasuredStore(Interface):
    """A store that can tell what it takes up. Its methods block."""

    def usage() -> StoreUsage:
        """The usage of the store. The first call may read all versions."""

    def account_usage(actor: Actor) -> AccountUsage:
        """The usage of the actor's account, by its `allotment`. The first call counts a home that has a quota."""


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is being carried out."""

    request: str
    """Its type."""
    endpoint: Endpoint
    """The endpoint that it reads or changes, as the account sees it."""
    seconds: float
    """Since it began."""


class IActiveConnection(Interface):
    """A connection that can tell what it does."""

    def activities() -> Sequence[Activity]:
        """The requests that are being carried out, the oldest first."""
