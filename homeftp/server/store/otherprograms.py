"""Changes by other programs in the shared folder, told to the hub: the option `--watch-root`."""

from __future__ import annotations

from typing import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorFDSet, IReactorTime, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.errors import OperatorError, Refusal
from homeftp.files.watches.hub import ChangeHub
from homeftp.interfaces import IStore, IWorkers
from homeftp.interfaces.observing import IObservableStore, IStoreObserver

PACE_SECONDS = 0.1
"""Between two looks at what has changed. A program that writes all the time costs ten short jobs a second."""

CHECK_SECONDS = 5.0
"""Between two looks whether the folder is still the one that is observed, and before it is observed anew."""


@implementer(IReadDescriptor)
class _Readable:
    """Calls `readable` when a descriptor can be read."""

    def __init__(self, fd: int, readable: Callable[[], None]) -> None:
        self._fd = fd
        self._on_readable = readable

    def fileno(self) -> int:
        return self._fd

    def doRead(self) -> None:
        self._on_readable()

    def connectionLost(self, reason: Failure) -> None:
        self._on_readable()

    def logPrefix(self) -> str:
        return "watch-root"


class OtherPrograms:
    """Observes the store from `start` to `stop`, anew where changes were lost; that is told as "anything"."""

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorFDSet,
        clock: IReactorTime,
        workers: IWorkers,
        store: Callable[[], IStore],
        hub: ChangeHub,
    ) -> None:
        self._reactor = reactor
        self._clock = clock
        self._workers = workers
        self._store = store
        self._hub = hub
        self._running = False
        self._waiting: Deferred[bool] | None = None
        self._ended: Deferred[None] = succeed(None)
        self._problem: str | None = None

    def start(self) -> None:
        """Begin. Raises `OperatorError` for a store that cannot be observed."""
        if not IObservableStore.providedBy(self._store()):
            raise OperatorError("this store does not notice what other programs change: start without --watch-root")
        self._running = True
        self._ended = Deferred.fromCoroutine(self._run())

    def stop(self) -> Deferred[None]:
        """Stop; fires when nothing is observed any more."""
        self._running = False
        self._wake(readable=False)
        return self._ended

    async def _run(self) -> None:
        while self._running:
            try:
                observer = await self._workers.run_unbounded(IObservableStore(self._store()).observe)
            except (OperatorError, Refusal) as error:
                self._note(f"changes by other programs are not noticed: {error}")
            else:
                await self._observe(observer)
            await self._wait(CHECK_SECONDS)

    async def _observe(self, observer: IStoreObserver) -> None:
        """Tell what an observer notices, until it may have lost something."""
        try:
            self._hub.tell(None)  # what has changed before is not known
            while self._running:
                self._note(observer.problem())
                if await self._wait(CHECK_SECONDS, observer):
                    changes = await self._workers.run_unbounded(observer.changes)
                    if changes is None:
                        break
                    self._hub.tell(changes)
                    await self._wait(PACE_SECONDS)
                elif self._running and not await self._workers.run_unbounded(observer.is_current):
                    break
        except Exception:  # noqa: BLE001 (the disk may fail: it is observed anew)
            self._log.failure("observing the shared folder failed")
        finally:
            observer.close()

    def _note(self, problem: str | None) -> None:
        """Log a problem when it is new, and when it is over."""
        before, self._problem = self._problem, problem
        if problem is not None and problem != before:
            self._log.warn("{problem}", problem=problem)
        elif problem is None and before is not None:
            self._log.info("resolved: {problem}", problem=before)

    async def _wait(self, seconds: float, observer: IStoreObserver | None = None) -> bool:
        """Whether an observer has something within so many seconds; False at once where nothing is to be observed."""
        if not self._running:
            return False
        waiting = self._waiting = Deferred()
        timer = self._clock.callLater(seconds, self._wake, False)
        readable = None if observer is None else _Readable(observer.fileno(), lambda: self._wake(readable=True))
        if readable is not None:
            self._reactor.addReader(readable)
        try:
            return await waiting
        finally:
            if timer.active():
                timer.cancel()
            if readable is not None:
                self._reactor.removeReader(readable)

    def _wake(self, readable: bool) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(readable)
