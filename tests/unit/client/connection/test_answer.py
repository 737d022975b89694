"""The handler of an answer that is one response."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.client.connection.answer import AnswerHandler
from homeftp.client.connection.response import IResponseHandler
from homeftp.client.errors import ConnectionFailed
from homeftp.wire.messages import Response


class AnswerTests(SynchronousTestCase):
    """AnswerHandler."""

    def setUp(self) -> None:
        self.answers: list[Response] = []
        self.reasons: list[Exception] = []
        self.handler = AnswerHandler(self.answers.append, self.reasons.append)

    def test_answered(self) -> None:
        """The last response is the answer; interim responses and bytes are none."""
        verifyObject(IResponseHandler, self.handler)
        last = Response(0, more=False)
        self.handler.responded(Response(0, more=True))
        self.handler.received(b"bytes")
        self.assertEqual(self.answers, [])
        self.handler.responded(last)
        self.handler.finished()
        self.assertEqual((self.answers, self.reasons), ([last], []))

    def test_failed(self) -> None:
        """The end of the connection is given as the reason."""
        reason = ConnectionFailed("it has ended")
        self.handler.failed(reason)
        self.assertEqual((self.answers, self.reasons), ([], [reason]))
