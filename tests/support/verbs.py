"""What tests of requests share: a server without a socket, and a client that has logged in."""

from __future__ import annotations

import hashlib
from typing import Sequence
from unittest import mock

from twisted.internet.defer import maybeDeferred
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import SMALL_FILE, Limits
from homeftp.interfaces import IDispatcher
from tests.support.inmemory import PASSWORD, Connection, Server
from tests.support.queuedworkers import QueuedWorkers

SIZES = (0, 1, SMALL_FILE, SMALL_FILE + 1, 3_000_000)
"""Sizes of files on both sides of what is small."""


def content(size: int) -> bytes:
    """So many bytes."""
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


def digest(data: bytes) -> str:
    """The hash of a content, made without the code under test."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class VerbTestCase(SynchronousTestCase):
    """A server, and a client that has logged in."""

    filetypes: tuple[str, ...] = ()
    limits = Limits()

    def make_server(self) -> Server:
        """The server of the test."""
        return Server.make(filetypes=self.filetypes, limits=self.limits)

    def setUp(self) -> None:
        self.server = self.make_server()
        self.addCleanup(self.server.close)
        self.connection = Connection(self.server)
        self.ask = self.connection.ask

        self.read = self.server.read


class QueuedCase(SynchronousTestCase):
    """A client that has logged in to a server whose jobs run when a test lets them."""

    dispatchers: Sequence[IDispatcher] = ()
    """More than the server of every test has."""
    limits = Limits()

    def setUp(self) -> None:
        self.workers = QueuedWorkers()
        self.server = Server.make(extra=self.dispatchers, limits=self.limits, workers=self.workers)
        self.addCleanup(self.server.close)
        self.connection = self.connect()

    def connect(self) -> Connection:
        """A connection that has logged in."""
        connection = Connection(self.server, login=False)
        connection.send("LOGIN", {"username": "ann", "password": PASSWORD})
        self.work()
        self.assertEqual([response.status for response in connection.responses()], [0])
        return connection

    def work(self) -> None:
        """Run all jobs, and those that come of them."""
        self.workers.work_all()


def assert_closed(case: SynchronousTestCase, dispatcher: IDispatcher, body: object, method: str, page: object) -> None:
    """The pages of a method of `IFiles` are closed when one cannot be sent, and the request ends with that error."""
    pages = mock.MagicMock(aclose=mock.AsyncMock())
    pages.__aiter__.return_value = [page]
    request = mock.Mock(body=body)
    getattr(request.files, method).return_value = pages
    resolution = mock.Mock(turn=mock.AsyncMock(), send=mock.AsyncMock(side_effect=ConnectionLost()))
    case.failureResultOf(maybeDeferred(dispatcher.dispatch, request, resolution), ConnectionLost)
    pages.aclose.assert_awaited_once_with()
