"""Requests of a client over a connection in memory, and what a test gives and sees of them."""

from __future__ import annotations

from typing import Sequence

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.client.connection.response import IResponseHandler
from homeftp.config import ClientTimeouts
from homeftp.interfaces import IPayload
from homeftp.server.json.payload import WholePayload
from homeftp.wire.messages import Response
from tests.support.fakeserver import Wire


@implementer(IResponseHandler)
@attrs.define
class RecordingHandler:
    """Keeps what it is told of one request."""

    responses: list[Response] = attrs.field(factory=list)
    payload: bytes = b""
    ended: bool = False
    reason: Exception | None = None

    def responded(self, response: Response) -> None:
        """Keep a response."""
        self.responses.append(response)

    def received(self, data: bytes) -> None:
        """Keep a piece of a payload."""
        self.payload += data

    def finished(self) -> None:
        """The request is over."""
        self.ended = True

    def failed(self, reason: Exception) -> None:
        """The request has failed."""
        self.reason = reason


@implementer(IPayload)
class ManualPayload:
    """A payload whose pieces a test gives."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.reading: Deferred[bytes] | None = None
        """Fires with the next piece; None while nobody reads."""

    def read(self) -> Deferred[bytes]:
        """The piece that the test gives next."""
        self.reading = Deferred()
        return self.reading

    def give(self, data: bytes) -> None:
        """Give a piece to the reader, who must wait for one."""
        assert self.reading is not None
        reading, self.reading = self.reading, None
        reading.callback(data)

    async def read_all(self, limit: int) -> bytes:
        """What is sent is read piece by piece."""
        raise NotImplementedError


class ConnectedCase(SynchronousTestCase):
    """A client whose connection to a server has TLS; nobody has logged in."""

    timeouts = ClientTimeouts()

    def setUp(self) -> None:
        self.wire = Wire(patience=self.timeouts)
        self.wire.secure()
        self.client = self.successResultOf(self.wire.client.secured)


class FailingPayload(WholePayload):
    """A payload of which these pieces are read, one after the other; an error is raised."""

    def __init__(self, pieces: Sequence[bytes | Exception]) -> None:
        super().__init__(b"a content")
        self._pieces = iter(pieces)

    async def read(self) -> bytes:
        """The next one."""
        piece = next(self._pieces)
        if isinstance(piece, Exception):
            raise piece
        return piece
