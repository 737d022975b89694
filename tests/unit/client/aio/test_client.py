"""The methods for asyncio are those for Twisted; tests/system/test_asyncio.py uses them with a real server."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, AsyncIterator, cast

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client import Part, RemoteClient, aio, open_remote
from homeftp.client.aio import AsyncioClient
from homeftp.interfaces import IPayload
from homeftp.status import Status
from homeftp.wire.messages import Response

OWN = {"read"}
"""What only asyncio has: a download there is one step."""


class MirrorTests(SynchronousTestCase):
    """The two classes."""

    def test_parameters(self) -> None:
        """A method has the parameters of the method that it is named after, with the same defaults."""
        for name, method in inspect.getmembers(AsyncioClient, inspect.isfunction):
            if name.startswith("_") or name in OWN:
                continue
            theirs = inspect.signature(getattr(RemoteClient, name)).parameters
            for parameter in inspect.signature(method).parameters.values():
                same = theirs[parameter.name]
                self.assertEqual((parameter.kind, parameter.default), (same.kind, same.default), f"{name} {parameter}")

    def test_all_parameters(self) -> None:
        """All methods but `push`, which takes bytes only, have all parameters; so has open_remote, but for the reactor.

        The content of a `push` there may be continued and hashed on the way; here it is whole.
        """
        for name, method in inspect.getmembers(AsyncioClient, inspect.isfunction):
            if not name.startswith("_") and name not in {*OWN, "push"}:
                theirs = inspect.signature(getattr(RemoteClient, name)).parameters
                self.assertEqual(list(inspect.signature(method).parameters), list(theirs), name)
        opening = [set(inspect.signature(function).parameters) for function in (aio.open_remote, open_remote)]
        self.assertEqual(opening[1] - opening[0], {"reactor"})


class PagesTests(SynchronousTestCase):
    """What is listed page by page."""

    def test_list(self) -> None:
        """Pages come one by one; whoever stops early ends the listing of the server."""
        steps: list[str] = []

        class Listing:
            def request(self, request_type: str, body: dict[str, str]) -> Listing:
                return self

            async def __aiter__(self) -> AsyncIterator[Part]:
                for more in (True, True, False):
                    body: dict[str, Any] = {"entries": []} if more else {"entries_total": 0}
                    yield await succeed(Part(Response(Status.OK, body=body, more=more), cast(IPayload, None)))

            def discard(self) -> None:
                steps.append("ended")

        async def main() -> None:
            client = AsyncioClient(cast(RemoteClient, Listing()))
            self.assertEqual([len(page.entries) async for page in client.list()], [0, 0])
            self.assertEqual(steps, ["ended"])
            pages = client.list()
            await anext(pages)
            await pages.aclose()  # type: ignore[attr-defined]
            self.assertEqual(steps, ["ended", "ended"])

        asyncio.run(main())

    def test_twisted(self) -> None:
        """The control: what is listed awaits Deferreds, which asyncio cannot."""

        async def main() -> None:
            never: Deferred[None] = Deferred()
            await never

        with self.assertRaises(RuntimeError):
            asyncio.run(main())
