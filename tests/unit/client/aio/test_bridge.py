"""Deferreds in coroutines of asyncio; tests/system/test_asyncio.py has the reactor, of which a process has one."""

from __future__ import annotations

import asyncio
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.aio import WrongReactor, loop_reactor, wait_for
from homeftp.errors import NotFound


class WaitTests(SynchronousTestCase):
    """wait_for."""

    def test_result(self) -> None:
        """Deferreds and coroutines that await them give their result."""

        async def twisted() -> int:
            return await succeed(1) + 1

        async def main() -> list[object]:
            later: Deferred[str] = Deferred()
            asyncio.get_running_loop().call_soon(later.callback, "later")
            return [await wait_for(succeed("at once")), await wait_for(later), await wait_for(twisted())]

        self.assertEqual(asyncio.run(main()), ["at once", "later", 2])

    def test_failure(self) -> None:
        """An exception is raised as it is, with its traceback."""

        async def refused() -> None:
            raise NotFound("gone")

        with self.assertRaisesRegex(NotFound, "gone"):
            asyncio.run(wait_for(refused()))

    def test_cancelled(self) -> None:
        """A task that is cancelled ends when what it waits for has cleaned up."""
        steps: list[str] = []

        async def work(cleaned: Deferred[None]) -> None:
            try:
                await Deferred()
            except CancelledError:
                steps.append("cleaning")
                await cleaned
                steps.append("cleaned")
                raise

        async def main() -> None:
            cleaned: Deferred[None] = Deferred()
            task = asyncio.ensure_future(wait_for(work(cleaned)))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            self.assertEqual((steps, task.done()), (["cleaning"], False))
            cleaned.callback(None)
            with self.assertRaises(asyncio.CancelledError):
                await task
            self.assertEqual(steps, ["cleaning", "cleaned"])

        asyncio.run(main())


class ReactorTests(SynchronousTestCase):
    """loop_reactor."""

    def test_other_reactor(self) -> None:
        """Where another reactor is installed, as in these tests, the error says which, and what to do."""

        async def main() -> Any:
            return await loop_reactor()

        message = rf"{type(reactor).__name__} is installed.*Use homeftp\.client with it"
        with self.assertRaisesRegex(WrongReactor, message):
            asyncio.run(main())
