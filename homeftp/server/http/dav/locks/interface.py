"""The interface of what keeps the locks of WebDAV: one server's memory, or the database of a cluster."""

from __future__ import annotations

from typing import Awaitable, Iterable

from zope.interface import Interface

from homeftp.endpoint import Endpoint
from homeftp.server.http.dav.locks.lockset import Lock, LockSet


class ILocks(Interface):
    """The locks of all accounts; those whose time is over are none any more. For the reactor's thread.

    Each method raises `Busy` (51) where the locks cannot be asked for: then it is not known what they forbid.
    """

    def of(account: str) -> ILocks:
        """The same locks, for the requests of an account."""

    def near(endpoint: Endpoint, *, deep: bool = False) -> Awaitable[LockSet]:
        """The locks at an endpoint, above it, and directly in it; with `deep` all that are beneath it.

        It may hold more. It is what there was just now.
        """

    def add(lock: Lock) -> Awaitable[None]:
        """Keep a new lock, in one step with the look whether another one forbids it.

        Raises `LockConflict`, and `Busy` (51) where there are too many.
        """

    def refresh(lock: Lock, seconds: int | None) -> Awaitable[bool]:
        """Let a lock last for so long from now on, as `bounded`; False where it is not there any more."""

    def remove(lock: Lock) -> Awaitable[None]:
        """End a lock. May be called twice."""

    def removed(locks: Iterable[Lock]) -> Awaitable[None]:
        """End the locks of what is gone (RFC 4918, 9.6): those that were there before, for one may be new by now.

        Never fails: what cannot be removed ends when its time is over.
        """
