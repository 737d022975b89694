"""Counts of what the front ends have done since the server started, for the owner: connections, requests and bytes.

Nothing here knows a name, a path or an account. How the counts are shown is decided elsewhere.
"""

from __future__ import annotations

from typing import Callable, Iterable

import attrs
from zope.interface import implementer

from homeftp.histogram import SECONDS, Histogram
from homeftp.interfaces.traffic import IMeteredConnection, ITraffic

OTHER = "other"
"""The type as which a request counts whose own the front end does not have: clients choose what they send."""


@attrs.define
class Answers:
    """The answered requests of one type."""

    by_status: dict[int, int] = attrs.field(factory=dict)
    seconds: Histogram = attrs.field(factory=lambda: Histogram(SECONDS))


@implementer(ITraffic)
class FrontEndTraffic:
    """The counts of one front end."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now` is the time in seconds."""
        self.now = now
        self.accepted = 0
        """Connections that were accepted."""
        self.rejected = 0
        """Connections for which there was no place."""
        self.answers: dict[str, Answers] = {OTHER: Answers()}
        """By the type of the request: there are no more types than `expect` was told of."""
        self._open: dict[IMeteredConnection, None] = {}
        self._received = self._sent = 0

    def expect(self, types: Iterable[str]) -> None:
        """Requests of these types may come."""
        for each in types:
            self.answers.setdefault(each, Answers())

    def opened(self, connection: IMeteredConnection) -> None:
        """A connection was accepted."""
        self.accepted += 1
        self._open[connection] = None

    def reject(self) -> None:
        """A connection was not accepted."""
        self.rejected += 1

    def closed(self, connection: IMeteredConnection) -> None:
        """A connection has ended. May be called twice."""
        if connection in self._open:
            del self._open[connection]
            received, sent = connection.transferred()
            self._received += received
            self._sent += sent

    def answered(self, request_type: str, status: int, began: float) -> None:
        """A request was answered that began at that time."""
        answers = self.answers.get(request_type) or self.answers[OTHER]
        answers.by_status[status] = answers.by_status.get(status, 0) + 1
        answers.seconds.add(self.now() - began)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def transferred(self) -> tuple[int, int]:
        """Bytes that were received and sent by all connections, those that are open included."""
        received, sent = self._received, self._sent
        for connection in self._open:
            more_received, more_sent = connection.transferred()
            received += more_received
            sent += more_sent
        return received, sent


class Traffic:
    """The counts of all front ends, by their names."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.front_ends: dict[str, FrontEndTraffic] = {}

    def of(self, front_end: str, types: Iterable[str]) -> FrontEndTraffic:
        """The counts of one front end, whose requests are of these types."""
        traffic = self.front_ends.setdefault(front_end, FrontEndTraffic(self._now))
        traffic.expect(types)
        return traffic
