"""Counting: a front end reports its work, so that the server's owner can see how much there is."""

from __future__ import annotations

from typing import Callable

from zope.interface import Attribute, Interface


class IMeteredConnection(Interface):
    """A connection that knows how much it has moved. Hashable; each is equal to itself only."""

    def transferred() -> tuple[int, int]:
        """Bytes that were received and sent: those of the front end's own protocol, without what encrypts them."""


class ITraffic(Interface):
    """Counts the work of one front end. Every method costs next to nothing, and must be called on the reactor's thread.

    No name, path or account is counted, or told.
    """

    now: Callable[[], float] = Attribute("The time in seconds, for `answered`.")

    def opened(connection: IMeteredConnection) -> None:
        """A connection was accepted."""

    def reject() -> None:
        """A connection was not accepted, for want of a place."""

    def closed(connection: IMeteredConnection) -> None:
        """A connection has ended. May be called twice."""

    def answered(request_type: str, status: int, began: float) -> None:
        """A request was answered, with a status of the front end's protocol; `began` is what `now` said before.

        A type that the front end did not name before counts as `other`: clients choose what they send. Requests whose
        clients hung up before the answer are not counted.
        """


__all__ = ["IMeteredConnection", "ITraffic"]
