"""A dispatcher is called with files in memory, or in any store."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.errors import NotFound
from homeftp.interfaces import IDispatcher, IRequest, IResolution
from homeftp.testing import MemoryStore, call
from homeftp.wire.messages import AtEndpoint


@implementer(IDispatcher)
class Size:
    """Answers how large a file is."""

    request_type = "SIZE"
    body_type = AtEndpoint

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Read it."""
        body: Any = request.body
        content = await request.files.read(body.rel_endpoint, 100)
        resolution.resolve(0, "read", {"size": len(content)})


class CallTests(SynchronousTestCase):
    """What a dispatcher's author sees."""

    def test_memory(self) -> None:
        """The files are those that were given, and what is left is told."""
        answer = call(Size(), {"rel_endpoint": "d/a.txt"}, files={"d/a.txt": b"four", "A": b"", "a": b""})
        self.assertEqual((answer.status, answer.body), (0, {"size": 4}), answer.raised)
        self.assertEqual(answer.files, {"d/a.txt": b"four", "A": b"", "a": b""})

    def test_store(self) -> None:
        """The store may be another; what was in it is there as well, and it stays open."""
        store = MemoryStore()
        self.assertEqual(call(Size(), {"rel_endpoint": "a"}, files={"a": b"a"}, store=store).body, {"size": 1})
        self.assertEqual(call(Size(), {"rel_endpoint": "a"}, store=store).body, {"size": 1})
        self.assertEqual(call(Size(), {"rel_endpoint": "b"}, store=store).status, NotFound.status)
