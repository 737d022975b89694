"""The payload of a response, as its reader gets it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.client.connection.response import ResponseBody
from homeftp.config import STREAM_PIECE
from homeftp.interfaces import IPayload


class Unbroken:
    """Stands for the response stream of a connection that holds."""

    broken = None

    def taken(self, size: int) -> None:
        """Nothing waits here."""


class ResponseBodyTests(SynchronousTestCase):
    """`ResponseBody` as an `IPayload`."""

    def test_bounded(self) -> None:
        """A reader never gets more than `STREAM_PIECE` bytes, however many come at once; nothing is lost."""
        content = bytes(range(256)) * (5 * STREAM_PIECE // 512)
        answer: Any = Unbroken()
        body = ResponseBody(len(content), answer)
        verifyObject(IPayload, body)
        body.deliver(content[:100])
        body.deliver(content[100:])
        pieces = []
        while piece := self.successResultOf(Deferred.fromCoroutine(body.read())):
            pieces.append(piece)
        self.assertEqual([len(piece) for piece in pieces], [STREAM_PIECE, STREAM_PIECE, STREAM_PIECE // 2])
        self.assertEqual(b"".join(pieces), content)
