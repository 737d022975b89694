"""Bodies of requests: read as they arrive, with and without a known length."""

from __future__ import annotations

from typing import Callable

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.config import MIB
from homeftp.errors import TooLarge
from homeftp.files.budget import MemoryBudget
from homeftp.files.upload import IncomingPayload
from homeftp.interfaces import IIncomingPayload
from homeftp.server.http.body import RequestBody


class RequestBodyTests(SynchronousTestCase):
    """One body."""

    def make(self, size: int | None) -> RequestBody:
        self.budget = MemoryBudget()
        self.events: list[str] = []

        def payload(size: int, changed: Callable[[], None]) -> IIncomingPayload:
            return IncomingPayload(size, changed, self.budget)

        return RequestBody(size, payload, lambda: self.events.append("changed"), lambda: self.events.append("wanted"))

    def read(self, body: RequestBody) -> Deferred[bytes]:
        return Deferred.fromCoroutine(body.read())

    def test_sized(self) -> None:
        """A body of known length is complete with its last byte."""
        body = self.make(5)
        verifyObject(IIncomingPayload, body)
        reading = self.read(body)
        self.assertEqual(self.events, ["wanted"])
        self.assertTrue(body.waits_for_client)
        body.deliver(b"hel")
        self.assertEqual((body.complete, body.missing), (False, 2))
        body.deliver(b"lo")
        self.assertTrue(body.complete)
        self.assertEqual(self.successResultOf(reading), b"hello")
        self.assertEqual(self.successResultOf(self.read(body)), b"")
        self.assertEqual(self.events.count("wanted"), 1)
        self.assertEqual(self.budget.granted, 0)

    def test_chunks(self) -> None:
        """A body in chunks ends when the last one is told, and its memory is free then."""
        body = self.make(None)
        body.deliver(b"hel")
        body.deliver(b"lo")
        reading = Deferred.fromCoroutine(body.read_all(5))
        self.assertNoResult(reading)
        body.end()
        self.assertEqual(self.successResultOf(reading), b"hello")
        self.assertEqual(self.successResultOf(self.read(body)), b"")
        self.assertEqual((body.complete, body.missing, self.budget.granted), (True, 0, 0))

    def test_empty(self) -> None:
        """A request without a body has one of no bytes."""
        body = self.make(0)
        body.end()
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(body.read_all(0))), b"")
        body.discard()
        body.fail(ConnectionLost())
        self.assertTrue(body.complete)

    def test_limit(self) -> None:
        """More than a handler takes is refused, in chunks as soon as there is more."""
        self.failureResultOf(Deferred.fromCoroutine(self.make(6).read_all(5)), TooLarge)
        body = self.make(None)
        reading = Deferred.fromCoroutine(body.read_all(5))
        body.deliver(bytes(2 * MIB))
        self.failureResultOf(reading, TooLarge)

    def test_failed(self) -> None:
        """A body that is not complete fails for its reader, and never ends as if it were whole."""
        for size in (5, None):
            body = self.make(size)
            body.deliver(b"hel")
            body.fail(ConnectionLost())
            self.assertEqual(self.successResultOf(self.read(body)), b"hel")
            self.failureResultOf(self.read(body), ConnectionLost)

    def test_full(self) -> None:
        """The client has to wait while more is held than may be, unless it is discarded."""
        body = self.make(None)
        body.deliver(bytes(2 * MIB))
        self.assertTrue(body.full)
        body.discard()
        self.assertFalse(body.full)
        body.deliver(bytes(2 * MIB))
        self.assertFalse(body.full)
