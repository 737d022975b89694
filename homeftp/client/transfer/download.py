"""A GET of a small file, from its head to its verdict: callbacks, for there may be many thousands."""

from __future__ import annotations

from typing import Protocol

from zope.interface import implementer

from homeftp.client.connection.errors import ProtocolViolation
from homeftp.client.connection.replies import Verdict, head, understood
from homeftp.client.connection.response import IResponseHandler, settled
from homeftp.client.transfer.model import FileTask, Outcome
from homeftp.config import STREAM_PIECE
from homeftp.errors import Changed
from homeftp.model import Entry
from homeftp.wire.messages import Response


class IDownloadSink(Protocol):
    """Whoever has asked for it."""

    def fetched(self, case: FileTask, outcome: Outcome, entry: Entry, data: bytes, verdict: Verdict) -> None:
        """The file is here."""

    def fail(self, case: FileTask, failure: Exception) -> None:
        """The file cannot be had."""

    def lost(self, reason: Exception) -> None:
        """The connection has ended."""


@implementer(IResponseHandler)
class DownloadHandler:
    """A GET of a small file under way."""

    __slots__ = ("_case", "_fetch", "_head", "_outcome", "_pieces", "_problem", "_verdict")

    def __init__(self, fetch: IDownloadSink, case: FileTask, outcome: Outcome) -> None:
        self._fetch = fetch
        self._case = case
        self._outcome = outcome
        self._head: Entry | None = None
        self._verdict: Verdict | None = None
        self._pieces: list[bytes] = []
        self._problem: Exception | None = None

    def responded(self, response: Response) -> None:
        """The head, then the verdict."""
        refused = settled(response)
        if refused is not None:
            self._problem = refused
            return
        try:
            if not response.more:
                self._verdict = understood(response.body, Verdict, "the verdict of GET")
            elif self._head is None:
                self._head = head(response.body, response.content_length)
                if response.content_length > STREAM_PIECE:
                    self._problem = Changed("it grew meanwhile: get it again")
            else:
                self._problem = ProtocolViolation("the server sent a file in two parts")
        except ProtocolViolation as violation:
            self._problem = violation

    def received(self, data: bytes) -> None:
        """The content."""
        if self._problem is None:
            self._pieces.append(data)

    def finished(self) -> None:
        """The file is here, or it is known why not."""
        if isinstance(self._problem, ProtocolViolation):
            self._fetch.lost(self._problem)
        elif self._problem is not None:
            self._fetch.fail(self._case, self._problem)
        elif self._head is None or self._verdict is None:
            self._fetch.fail(self._case, Changed("it was changed there meanwhile: get it again"))
        else:
            data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
            self._fetch.fetched(self._case, self._outcome, self._head, data, self._verdict)

    def failed(self, reason: Exception) -> None:
        """The connection has ended."""
        self._fetch.lost(reason)
