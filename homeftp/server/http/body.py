"""The body of a request on its way: of a known length, or in chunks whose end is not known before it comes."""

from __future__ import annotations

from typing import Callable

from zope.interface import implementer

from homeftp.errors import TooLarge, check_limit
from homeftp.interfaces import IIncomingPayload
from homeftp.model import MAX_SIZE

NewPayload = Callable[[int, Callable[[], None]], IIncomingPayload]
"""Makes a payload that arrives piece by piece, as `IServerContext.payload`."""


def _no_payload(size: int, changed: Callable[[], None]) -> IIncomingPayload:
    raise AssertionError("there is no body")


class _EndOfBody(Exception):
    """The last chunk has arrived."""


@implementer(IIncomingPayload)
class RequestBody:
    """The body of a request. `wanted` is called before it is read for the first time.

    `changed` is called when it becomes full, and whenever it has been read.
    """

    def __init__(
        self, size: int | None, new_payload: NewPayload, changed: Callable[[], None], wanted: Callable[[], None]
    ) -> None:
        self.size = size
        """Bytes; None for a body in chunks."""
        self._payload = None if size == 0 else new_payload(MAX_SIZE if size is None else size, changed)
        self._wanted: Callable[[], None] | None = wanted
        self.arrived = 0
        """Bytes that have arrived."""
        self.taken = 0
        """Bytes that have been read."""
        self.complete = size == 0
        """Whether all of it has arrived."""
        self.discarding = False
        """Whether it will not be read."""

    @classmethod
    def none(cls) -> RequestBody:
        """The body of a request that has none, or whose body is not read."""
        return cls(0, _no_payload, lambda: None, lambda: None)

    @property
    def missing(self) -> int:
        """Bytes that have not arrived yet; for chunks, those that may still come."""
        return 0 if self._payload is None or self.complete else self._payload.missing

    @property
    def full(self) -> bool:
        """Whether to read nothing from the client."""
        return self._payload is not None and not self.discarding and self._payload.full

    @property
    def is_wanted(self) -> bool:
        """Whether it is being read, or discarded: only then the client is expected to send it."""
        return self._wanted is None or self.discarding

    @property
    def waits_for_client(self) -> bool:
        """Whether a reader can go on only when more arrives."""
        return not self.complete and self.arrived == self.taken

    def deliver(self, data: bytes) -> None:
        """Take the next bytes."""
        assert self._payload is not None
        self.arrived += len(data)
        self.complete = self.arrived == self.size
        self._payload.deliver(data)

    def end(self) -> None:
        """The last chunk has arrived."""
        if not self.complete:
            self.complete = True
            if self._payload is not None:
                self._payload.fail(_EndOfBody())

    def fail(self, reason: Exception) -> None:
        """No more will come, although it is not complete."""
        if self._payload is not None and not self.complete:
            self._payload.fail(reason)

    def discard(self) -> None:
        """Forget what was not read, and what still arrives."""
        self.discarding = True
        if self._payload is not None:
            self._payload.discard()

    async def read(self) -> bytes:
        """The next piece; b"" after the last."""
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            wanted()
        if self._payload is None or self.taken == self.size:
            return b""
        try:
            data = await self._payload.read()
        except _EndOfBody:
            return b""
        self.taken += len(data)
        return data

    async def read_all(self, limit: int) -> bytes:
        """The whole body; raises `TooLarge` (22) over `limit`, for chunks as soon as it shows."""
        if self.size is not None:
            check_limit("the body", self.size, limit)
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
            if self.taken > limit:
                raise TooLarge(f"the body has more than the {limit:,} bytes that are allowed here")
        return b"".join(pieces)
