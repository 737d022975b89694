"""The answer of one request, and the payload of a response, as their readers get them."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.client.connection.response import ResponseBody, ResponseStream
from homeftp.client.errors import ConnectionFailed, ProtocolViolation
from homeftp.config import STREAM_PIECE
from homeftp.interfaces import IPayload
from homeftp.testing.memorylink import BUFFER_SIZE
from tests.support.exchanges import ConnectedCase


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
        sizes = [100, STREAM_PIECE, STREAM_PIECE, STREAM_PIECE // 2 - 100]
        self.assertEqual([len(piece) for piece in pieces], sizes)
        self.assertEqual(b"".join(pieces), content)


class AnswerTests(ConnectedCase):
    """The answer of one request, for coroutines."""

    def setUp(self) -> None:
        super().setUp()
        self.answer = ResponseStream(self.client)
        self.client.request(self.answer, "GET")
        self.wire.pump()

    def respond(self, payload: bytes = b"", **fields: Any) -> None:
        self.wire.say({"status": 0, "message": "", "id": 1, "content_length": len(payload), **fields}, payload)
        self.wire.pump()

    def test_parts(self) -> None:
        """Iterating gives every response with its payload."""

        async def collect() -> list[tuple[dict[str, Any], bytes]]:
            return [(part.body, await part.payload.read_all(100)) async for part in self.answer]

        collecting = Deferred.fromCoroutine(collect())
        self.respond(b"one", more=True, body={"n": 1})
        self.assertNoResult(collecting)
        self.respond(b"", body={"n": 2})
        self.assertEqual(self.successResultOf(collecting), [({"n": 1}, b"one"), ({"n": 2}, b"")])

    def test_refusal(self) -> None:
        """A refusal is raised, with the server's words."""
        waiting = Deferred.fromCoroutine(self.answer.last())
        self.respond(status=33, message="not yours")
        self.assertEqual(str(self.failureResultOf(waiting).value), "not yours")

    def test_connection_lost(self) -> None:
        """So is the end of the connection, in the middle of a payload too."""

        async def read() -> bytes:
            part = await self.answer.last()
            return await part.payload.read_all(100)

        reading = Deferred.fromCoroutine(read())
        self.wire.say({"status": 0, "message": "", "id": 1, "content_length": 10}, b"x")
        self.wire.pump()
        self.wire.cut()
        self.failureResultOf(reading, ConnectionFailed)

    def test_unread_payload_holds_up(self) -> None:
        """A megabyte that is not read pauses the connection; reading resumes it."""
        self.wire.say({"status": 0, "message": "", "id": 1, "content_length": 5 * STREAM_PIECE})
        for _ in range(40):
            self.wire.far.write(bytes(STREAM_PIECE // 8))
            self.wire.pump()
        self.assertFalse(self.wire.near.reading)
        self.assertLess(self.answer._held, STREAM_PIECE + BUFFER_SIZE)
        reading = Deferred.fromCoroutine(self._read_size())
        self.wire.pump()
        self.assertEqual(self.successResultOf(reading), 5 * STREAM_PIECE)

    def test_cancelled(self) -> None:
        """What arrives for a reader that was cancelled is discarded, so that it holds up no later answer."""
        reading = Deferred.fromCoroutine(self._read_size())
        self.wire.say({"status": 0, "message": "", "id": 1, "content_length": 5 * STREAM_PIECE})
        self.wire.pump()
        reading.cancel()
        self.failureResultOf(reading, CancelledError)
        later = ResponseStream(self.client)
        self.client.request(later, "HELLO")
        waiting = Deferred.fromCoroutine(later.last())
        for _ in range(40):
            self.wire.far.write(bytes(STREAM_PIECE // 8))
            self.wire.pump()
        self.wire.say({"status": 0, "message": "", "id": 2})
        self.wire.pump()
        self.successResultOf(waiting)

    async def _read_size(self) -> int:
        part = await self.answer.last()
        size = 0
        while piece := await part.payload.read():
            size += len(piece)
        return size

    def test_status_that_is_none(self) -> None:
        """A status that neither answers nor refuses is no answer: it is not taken for success."""
        waiting = Deferred.fromCoroutine(self.answer.last())
        self.wire.say({"status": -1, "message": "", "id": 1})
        self.wire.pump()
        self.failureResultOf(waiting, ProtocolViolation)

    def test_last_skips(self) -> None:
        """Waiting for the last response throws away what is before it, however much that is."""
        waiting = Deferred.fromCoroutine(self.answer.last())
        for _ in range(4):
            self.respond(bytes(STREAM_PIECE), more=True)
        self.respond(b"", body={"done": True})
        self.assertEqual(self.successResultOf(waiting).body, {"done": True})

    def test_discard(self) -> None:
        """An answer that is not wanted does not hold up the connection."""
        self.wire.say({"status": 0, "message": "", "id": 1, "content_length": 3 * STREAM_PIECE})
        self.wire.far.write(bytes(2 * STREAM_PIECE))
        self.wire.pump()
        self.assertFalse(self.wire.near.reading)
        self.answer.discard()
        self.wire.far.write(bytes(STREAM_PIECE))
        self.wire.pump()
        self.assertTrue(self.wire.near.reading)
