"""The answer to a GET of a small file, handled by callbacks: there may be many thousands at once."""

from __future__ import annotations

from zope.interface import Interface, implementer

from homeftp.client.connection.replies import Verdict, head, understood
from homeftp.client.connection.response import IResponseHandler
from homeftp.client.errors import ConnectionFailed, ProtocolViolation
from homeftp.client.transfer.model import FileTask, Outcome
from homeftp.config import MOST_DISCARDED, STREAM_PIECE
from homeftp.errors import Changed
from homeftp.model import Entry
from homeftp.wire.messages import Response


class ISmallGetReceiver(Interface):
    """Receives small files: one of these calls ends each GET."""

    def on_fetched(task: FileTask, outcome: Outcome, entry: Entry, data: bytes, verdict: Verdict) -> None:
        """The file has arrived; `entry` and `verdict` are what the server said before and after the content."""

    def fail_task(task: FileTask, failure: Exception) -> None:
        """The server refused, or the file changed while it was sent."""

    def fail(reason: Exception) -> None:
        """The connection has ended or must not be used any more."""


@implementer(IResponseHandler)
class SmallGetHandler:
    """Handles the answer to one GET, and gives the result to `receiver`."""

    __slots__ = ("_entry", "_failure", "_outcome", "_pieces", "_receiver", "_task", "_verdict")

    def __init__(self, receiver: ISmallGetReceiver, task: FileTask, outcome: Outcome) -> None:
        self._receiver = receiver
        self._task = task
        self._outcome = outcome
        self._entry: Entry | None = None
        self._verdict: Verdict | None = None
        self._pieces: list[bytes] = []
        self._failure: Exception | None = None

    def responded(self, response: Response) -> None:
        """The first response has the entry, the last one the verdict."""
        refused = response.refusal
        if refused is not None:
            self._failure = refused
            return
        try:
            if not response.more:
                self._verdict = understood(response.body, Verdict, "the verdict of GET")
            elif self._entry is None:
                self._entry = head(response.body, response.content_length)
                if response.content_length > MOST_DISCARDED:
                    self._receiver.fail(ConnectionFailed("the server sends far more than it listed"))
                elif response.content_length > STREAM_PIECE:
                    self._failure = Changed("the server's file grew during the transfer: get it again")
            else:
                self._failure = ProtocolViolation("the server sent a file in two parts")
        except ProtocolViolation as violation:
            self._failure = violation

    def received(self, data: bytes) -> None:
        """Keep a part of the file's content."""
        if self._failure is None:
            self._pieces.append(data)

    def finished(self) -> None:
        """Report the result of the transfer of this file."""
        if isinstance(self._failure, ProtocolViolation):
            self._receiver.fail(self._failure)
        elif self._failure is not None:
            self._receiver.fail_task(self._task, self._failure)
        elif self._entry is None or self._verdict is None:
            self._receiver.fail_task(self._task, Changed("the server's file changed during the transfer: get it again"))
        else:
            data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
            self._receiver.on_fetched(self._task, self._outcome, self._entry, data, self._verdict)

    def failed(self, reason: Exception) -> None:
        """Report that the connection ended before the answer was complete."""
        self._receiver.fail(reason)
