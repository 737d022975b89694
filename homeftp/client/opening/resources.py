"""Resources of all transfers of a program or command: threads, the hash cache, and the record of what was seen."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorCore, IReactorFromThreads

from homeftp.client.seen.store import SeenStore
from homeftp.client.transfer.model import TransferContext
from homeftp.config import CLIENT_QUEUE, CLIENT_THREADS
from homeftp.hashing.hashcache import HashCache
from homeftp.syscalls import System
from homeftp.workers import ThreadWorkers


class TransferResources:
    """The context of transfers with real threads, a hash cache in `cache_path`, and what was seen in `seen_path`.

    `close` ends them, and so does the end of the reactor: a process cannot end while the threads run.
    """

    def __init__(self, reactor: IReactorFromThreads, cache_path: str, seen_path: str) -> None:
        self._reactor = IReactorCore(reactor)
        self._workers = ThreadWorkers(reactor, size=CLIENT_THREADS, queue=CLIENT_QUEUE, name="homeftp")
        self._cache_path = cache_path
        self._seen_path = seen_path
        self._context: TransferContext | None = None
        self._turn = DeferredLock()
        self._at_shutdown: Any = None

    async def context(self) -> TransferContext:
        """The context; the first call starts the threads, and opens the files."""
        if self._at_shutdown is None:
            self._workers.start()
            self._at_shutdown = self._reactor.addSystemEventTrigger("during", "shutdown", self._stop)
        await self._turn.acquire()  # transfers that begin together need one cache
        try:
            if self._context is None:
                await self._workers.run(self._open)
        finally:
            self._turn.release()
        return cast(TransferContext, self._context)

    def _open(self) -> None:
        """Open the files, in a worker; they stay open until the end, also where the wait for them is cancelled."""
        if self._context is None:
            cache, seen = HashCache(self._cache_path), SeenStore(self._seen_path)
            self._context = TransferContext(self._workers, System(), cache, seen)

    async def close(self) -> None:
        """End the threads after the jobs that run, and close the files. For transfers that have ended."""
        if self._at_shutdown is not None:
            await self._workers.idle()
            trigger, self._at_shutdown = self._at_shutdown, None
            self._reactor.removeSystemEventTrigger(trigger)
            self._stop()

    def _stop(self) -> None:
        self._at_shutdown = None
        self._workers.stop()
        if self._context is not None:
            self._context.seen.close()
            if self._context.hash_cache is not None:
                self._context.hash_cache.close()
