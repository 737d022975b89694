"""The order of the operations of one session: each sees the effect of the earlier ones that concern the same names.

Clients such as sshfs ask for a file right behind the request that makes it, without waiting for the answer. So an
operation waits until all earlier ones that overlap with it have ended, where one of both changes something.
"""

from __future__ import annotations

from typing import Awaitable, Callable, Sequence, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost

from homeftp.endpoint import Endpoint

T = TypeVar("T")


@attrs.frozen
class Extent:
    """The extent of an operation: an endpoint, or also everything beneath it."""

    endpoint: Endpoint
    changes: bool
    deep: bool = False

    def conflicts(self, other: Extent) -> bool:
        """Whether two operations have to run one after the other."""
        if not (self.changes or other.changes):
            return False
        mine, theirs = self.endpoint.parts, other.endpoint.parts
        if len(mine) <= len(theirs):
            return mine == (theirs[: len(mine)] if self.deep else theirs)
        return theirs == (mine[: len(theirs)] if other.deep else mine)


@attrs.define(eq=False)
class _Ordered:
    extents: Sequence[Extent]
    blockers: int = 0
    """Earlier operations that it waits for."""
    blocked: list[_Ordered] = attrs.field(factory=list)
    """Later operations that wait for it."""
    start: Deferred[None] | None = None
    """Fires when it may begin, if it has to wait."""

    def conflicts(self, other: _Ordered) -> bool:
        """Whether any two of the extents do."""
        return any(mine.conflicts(theirs) for mine in self.extents for theirs in other.extents)


class Order:
    """The operations that run and wait, in the order of their arrival."""

    def __init__(self) -> None:
        self._all: dict[_Ordered, None] = {}
        self._closed = False

    def close(self) -> None:
        """End the operations that wait: they raise ConnectionLost."""
        self._closed = True

    async def run(self, extents: Sequence[Extent], operation: Callable[[], Awaitable[T]]) -> T:
        """The result of an operation, which begins when all earlier ones that conflict with it have ended."""
        running = _Ordered(extents)
        for earlier in self._all:
            if earlier.conflicts(running):
                earlier.blocked.append(running)
                running.blockers += 1
        self._all[running] = None
        try:
            if running.blockers:
                running.start = Deferred()
                await running.start
            if self._closed:
                raise ConnectionLost("the session has ended")
            return await operation()
        finally:
            del self._all[running]
            for later in running.blocked:
                later.blockers -= 1
                if not later.blockers and later.start is not None:
                    later.start.callback(None)
