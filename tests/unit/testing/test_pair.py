"""The public in-memory pair: a client and a server without sockets."""

from __future__ import annotations

import textwrap
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.errors import Changed, NotFound
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces import IDispatcher, IRequest, IResolution
from homeftp.status import Status
from homeftp.testing import InMemoryPair, MemoryStore, pair
from homeftp.wire.states import Phase


@attrs.frozen
class Body:
    """The body of WORDCOUNT."""

    rel_endpoint: str


@implementer(IDispatcher)
class WordCount:
    """The dispatcher of the example."""

    request_type = "WORDCOUNT"
    body_type = Body

    async def _dispatch(self, request: Any, resolution: IResolution) -> None:
        from homeftp.endpoint import parse

        content = await request.files.read(parse(request.body.rel_endpoint), 1000)
        data = content if isinstance(content, bytes) else content[1]
        resolution.resolve(Status.OK, "counted", {"words": len(data.split())})

    def dispatch(self, request: IRequest, resolution: IResolution) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._dispatch(request, resolution))


class ExampleTests(SynchronousTestCase):
    """What the docstring shows."""

    def test_docstring(self) -> None:
        """The example runs, and its assertion holds; with another number it would not."""
        assert pair.__doc__ is not None
        example = textwrap.dedent(pair.__doc__.split("\n\n")[1])
        self.assertIn("assert", example)
        names = {"InMemoryPair": InMemoryPair, "WordCount": WordCount}
        exec(compile(example, "pair.py", "exec"), names)
        with self.assertRaises(AssertionError):
            exec(compile(example.replace('"words": 2', '"words": 3'), "pair.py", "exec"), names)


class PairTests(SynchronousTestCase):
    """What works over a network works here."""

    def setUp(self) -> None:
        self.store = MemoryStore()
        self.pair = InMemoryPair(self.store)
        self.addCleanup(self.pair.close)
        self.client = self.pair.client

    def test_transfers(self) -> None:
        """Small and large files go both ways, through real TLS, into the store that was given."""
        for content in (b"", b"small", bytes(range(256)) * 20_000):
            self.pair.run(self.client.push("d/file", content))

            async def fetch() -> bytes:
                return await (await self.client.get("d/file")).read_all(10**7)

            self.assertEqual(self.pair.run(fetch()), content)
            self.assertEqual(self.pair.run(self.client.cmp("d/file", hash=hash_bytes(content))).status, Status.SAME)

    def test_refusals(self) -> None:
        """A refusal is raised, as the client raises it."""
        with self.assertRaises(NotFound):
            self.pair.run(self.client.get("nothing"))

    def test_two_clients(self) -> None:
        """Two clients see each other's changes, and a precondition holds between them."""
        other = self.pair.connect()
        self.pair.run(self.client.push("a", b"one", if_hash="absent"))
        with self.assertRaises(Changed):
            self.pair.run(other.push("a", b"two", if_hash="absent"))

    def test_login(self) -> None:
        """The client is logged in, to the account that was named."""
        self.assertIs(self.client.protocol.phase, Phase.AUTHENTICATED)
        self.assertEqual(self.pair.run(self.client.hello()).account, "tester")

    def test_waiting_for_nothing(self) -> None:
        """A Deferred that cannot fire fails the test at once; one that fires meanwhile does not."""
        with self.assertRaises(AssertionError):
            self.pair.run(Deferred())

    def test_time(self) -> None:
        """Time passes only where a test says so: an idle client stays connected, for hours."""
        self.pair.advance(10_000)
        self.assertEqual(self.pair.run(self.client.hello()).account, "tester")

    def test_close(self) -> None:
        """Closed, the client's connection has ended; the store is still the caller's."""
        self.pair.run(self.client.push("a", b"x"))
        ended = self.client.when_ended()
        self.pair.close()
        self.pair.close()
        self.successResultOf(ended)
        self.assertEqual(self.pair.clock.getDelayedCalls(), [])
