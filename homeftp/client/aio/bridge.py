"""Twisted on an event loop of asyncio that the program runs, and waiting for a Deferred in a coroutine of asyncio.

Twisted has one reactor in a process, and its TLS takes that from a global name.
So the reactor is installed there for as long as the loop runs.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import AsyncGenerator, Awaitable, Callable, TypeVar, cast

import twisted.internet
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.defer import Deferred
from twisted.internet.main import CONNECTION_DONE, installReactor
from twisted.internet.posixbase import PosixReactorBase
from twisted.python.failure import Failure
from twisted.python.threadable import isInIOThread

from homeftp.client.connection.resolver import NameResolver
from homeftp.client.known.dialing import IClientReactor

T = TypeVar("T")

_REACTOR = "twisted.internet.reactor"

_CLEAN_UP_SECONDS = 10.0
"""The time that a cancelled call has to clean up; the command line gives as much."""


class WrongReactor(RuntimeError):
    """Twisted's reactor in this process does not run on the event loop that asks for it."""


class LoopReactor(AsyncioSelectorReactor):
    """Twisted's reactor on a loop that somebody else runs: it ends with the loop, and does not stop the loop."""

    seconds = staticmethod(time.monotonic)
    """Twisted's own clock follows the wall clock, which may be set meanwhile."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.loop = loop
        """The event loop."""
        self._keeper = self._until_shutdown()

    async def begin(self) -> None:
        """Be Twisted's reactor, until asyncio shuts down the loop's asynchronous generators at the loop's end."""
        self.installNameResolver(NameResolver(self))
        self.startRunning(installSignalHandlers=False)  # `run` would run the loop too
        await anext(self._keeper)

    async def _until_shutdown(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            ended = self.loop.create_future()
            self.addSystemEventTrigger("after", "shutdown", ended.set_result, None)
            self.stop()
            await ended
            self.removeReader(self.waker)
            self.waker.connectionLost(Failure(CONNECTION_DONE))
            _uninstall(self)

    def crash(self) -> None:
        """End the reactor, and not the loop."""
        PosixReactorBase.crash(self)

    # mypy: the base classes call the first parameter by different names.
    def callFromThread(self, f: Callable[..., object], *args: object, **kwargs: object) -> None:  # type: ignore[override]
        """Call on the loop's thread; where the loop has ended meanwhile, no caller waits any more."""
        try:
            super().callFromThread(f, *args, **kwargs)
        except RuntimeError:
            if not self.loop.is_closed():
                raise


async def loop_reactor() -> IClientReactor:
    """Twisted's reactor on the running event loop; installs one where there is none. `homeftp.client.connect` takes it.

    A program that runs an `AsyncioSelectorReactor` itself gets that one. Raises `WrongReactor` where another kind of
    reactor is installed, where it runs on another loop, and for a loop that cannot watch sockets (on Windows, the
    Proactor loop).
    """
    loop = asyncio.get_running_loop()
    installed: object = sys.modules.get(_REACTOR)
    if isinstance(installed, LoopReactor):
        if installed.loop is loop:
            return cast(IClientReactor, installed)
        if not installed.loop.is_closed():
            raise WrongReactor("homeftp's library is in use in another event loop: use it in one loop at a time")
        _uninstall(installed)
    elif isinstance(installed, AsyncioSelectorReactor) and installed.running and isInIOThread():
        return cast(IClientReactor, installed)
    elif installed is not None:
        raise WrongReactor(
            f"Twisted's {type(installed).__name__} is installed, and does not run on this event loop. Use "
            "homeftp.client with it, or see that nothing imports twisted.internet.reactor before "
            "homeftp.client.aio is used"
        )
    try:
        reactor = LoopReactor(loop)
    except TypeError as error:  # of Twisted, for the Proactor loop
        raise WrongReactor(f"Twisted cannot run on this event loop: {error}. Use asyncio.SelectorEventLoop") from None
    installReactor(reactor)
    await reactor.begin()
    return cast(IClientReactor, reactor)


def _uninstall(reactor: LoopReactor) -> None:
    installed: object = sys.modules.get(_REACTOR)
    if installed is reactor:
        del sys.modules[_REACTOR]
        del twisted.internet.reactor


async def wait_for(awaitable: Awaitable[T]) -> T:
    """The result of a Deferred, or of a coroutine that awaits Deferreds, in a coroutine of asyncio.

    When the task is cancelled, so is what it waits for; the task ends when that has cleaned up, after ten seconds at
    most.
    """
    ended: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    deferred = awaitable if isinstance(awaitable, Deferred) else Deferred.fromCoroutine(_run(awaitable))

    def end(result: object) -> object:
        if not ended.done():
            ended.set_result(result)
        return None if isinstance(result, Failure) else result

    deferred.addBoth(end)
    try:
        await asyncio.wait([ended])
    except asyncio.CancelledError:
        deferred.cancel()
        await asyncio.wait([ended], timeout=_CLEAN_UP_SECONDS)
        raise
    result = ended.result()
    if isinstance(result, Failure):
        result.raiseException()
    return cast(T, result)


async def _run(awaitable: Awaitable[T]) -> T:
    return await awaitable
