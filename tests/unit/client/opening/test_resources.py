"""The threads of a program's transfers end with them, or with the reactor."""

from __future__ import annotations

import os
import threading
from typing import Any, Callable

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorCore, IReactorFromThreads, IReactorTime
from twisted.trial.unittest import TestCase
from zope.interface import alsoProvides

from homeftp.client.opening.resources import TransferResources


class EndingReactor:
    """The real reactor, of which a test fires the shutdown."""

    def __init__(self) -> None:
        self.triggers: list[Callable[[], None]] = []
        alsoProvides(self, IReactorCore, IReactorTime, IReactorFromThreads)

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)

    def addSystemEventTrigger(self, phase: str, event: str, act: Callable[[], None]) -> Callable[[], None]:
        self.triggers.append(act)
        return act

    def removeSystemEventTrigger(self, act: Callable[[], None]) -> None:
        self.triggers.remove(act)


def threads() -> set[str]:
    """The names of the threads of transfers."""
    return {each.name for each in threading.enumerate() if "homeftp" in each.name}


class ResourcesTests(TestCase):
    """TransferResources."""

    def setUp(self) -> None:
        self.reactor, folder = EndingReactor(), os.path.abspath(self.mktemp())
        self.resources = TransferResources(self.reactor, f"{folder}/index", f"{folder}/seen")  # type: ignore[arg-type]

    async def test_lazy(self) -> None:
        """Nothing is started for a program that transfers nothing, and closing it is nothing."""
        await self.resources.close()
        self.assertEqual((threads(), self.reactor.triggers), (set(), []))

    async def test_closed(self) -> None:
        """All transfers have the same context; at the end no thread and no trigger is left."""
        context = await self.resources.context()
        self.assertIs(await self.resources.context(), context)
        self.assertTrue(threads(), "the control")
        await self.resources.close()
        self.assertEqual((threads(), self.reactor.triggers), (set(), []))

    async def test_together(self) -> None:
        """Transfers that begin at the same time, one of them cancelled, have one cache, which is closed at the end."""
        calls = [Deferred.fromCoroutine(self.resources.context()) for _ in range(3)]
        self.addCleanup(lambda: Deferred.fromCoroutine(self.resources.close()))
        calls[0].cancel()
        await self.assertFailure(calls[0], CancelledError)
        self.assertIs(await calls[1], await calls[2])

    async def test_shutdown(self) -> None:
        """A program that forgets to close can end nevertheless."""
        await self.resources.context()
        (stop,) = self.reactor.triggers
        stop()
        self.assertEqual(threads(), set())
        self.reactor.triggers.clear()
        await self.resources.close()
