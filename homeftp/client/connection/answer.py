"""Handles a request whose answer is one response without a payload, by a callback: there may be many thousands."""

from __future__ import annotations

from typing import Callable

from zope.interface import implementer

from homeftp.client.connection.response import IResponseHandler
from homeftp.wire.messages import Response


@implementer(IResponseHandler)
class AnswerHandler:
    """Calls `answered` with the answer, or `failed` with the reason when the connection ends. Interim answers pass."""

    __slots__ = ("_answered", "failed")

    def __init__(self, answered: Callable[[Response], object], failed: Callable[[Exception], None]) -> None:
        self._answered = answered
        self.failed = failed

    def responded(self, response: Response) -> None:
        """The server answered."""
        if not response.more:
            self._answered(response)

    def received(self, data: bytes) -> None:
        """Ignore it: the answer has no payload."""

    def finished(self) -> None:
        """Do nothing: the answer was handled."""
