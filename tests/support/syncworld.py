"""A server and two laptops in one process, whose syncs may end at any byte or at any job."""

from __future__ import annotations

import os
import shutil
from typing import Any, Callable, Coroutine

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from homeftp.client import Client, TransferContext, TransferObserver
from homeftp.client.sync.local.marker import FolderLock
from homeftp.client.sync.run import SyncRequest, SyncResult
from homeftp.hashing.hashcache import HashCache
from homeftp.syscalls import System
from homeftp.workers import InlineWorkers
from tests.support.fakeserver import identity
from tests.support.folders import quick_temp_dir
from tests.support.inmemory import PASSWORD, Server
from tests.support.reconnects import BreakingWire
from tests.support.syncs import DISPATCHERS, Laptop, contents


class Crash(Exception):
    """The process ends here."""


class CrashingWorkers(InlineWorkers):
    """Ends the process before a job: after so many no job runs any more."""

    def __init__(self, jobs: int) -> None:
        super().__init__()
        self._left = jobs
        self._locks: list[FolderLock] = []
        self._crashed: list[Deferred[Any]] = []

    def run(self, job: Callable[..., Any], *args: Any) -> Deferred[Any]:
        self._left -= 1
        if self._left < 0:
            self._crashed.append(Deferred.fromCoroutine(_crash()))
            return self._crashed[-1]
        running = super().run(job, *args)
        running.addCallback(self._note)
        return running

    run_unbounded = run_slice = run_hash = run

    def _note(self, result: Any) -> Any:
        if isinstance(result, FolderLock):
            self._locks.append(result)
        return result

    def end(self) -> None:
        """The system closes what a process has open, and nobody learns how its jobs would have ended."""
        for lock in self._locks:
            lock.release()
        for crashed in self._crashed:
            crashed.addErrback(lambda _: None)


async def _crash() -> None:
    raise Crash


State = dict[str, tuple[bytes | None, int, int]]
"""What events tell of a folder: the content of each name, its mode, and the time of a file."""


def state(folder: str) -> State:
    """The state of a folder."""
    found = {}
    for name, content in contents(folder).items():
        stat = os.lstat(os.path.join(folder, name))
        found[name] = content, stat.st_mode, 0 if content is None else stat.st_mtime_ns
    return found


@attrs.define
class Watched:
    """A folder that is watched: the names of what has changed in it since the last look."""

    path: str
    last: State = attrs.field(factory=dict)

    def changes(self) -> set[str]:
        """The names at which anything is different from the last time."""
        now, before = state(self.path), self.last
        self.last = now
        return {name for name in now.keys() | before.keys() if now.get(name) != before.get(name)}


@attrs.define(eq=False)
class SyncWorld:
    """The server, and the laptops."""

    folder: str
    server: Server
    laptops: list[Laptop]
    _wires: dict[str, tuple[BreakingWire, Client]] = attrs.field(factory=dict)
    """The connections of laptops whose last sync has come to its end: to make one takes as long as half a sync."""

    @classmethod
    def make(cls) -> SyncWorld:
        """A server without files, and two empty laptops."""
        folder = quick_temp_dir()
        laptops = [Laptop(name, os.path.join(folder, name)) for name in ("ann-laptop", "bob-laptop")]
        for laptop in laptops:
            os.mkdir(laptop.path)
        return cls(folder, Server.make(extra=DISPATCHERS), laptops)

    def close(self) -> None:
        """Remove everything."""
        for wire, _ in self._wires.values():
            wire.cut()
            wire.pump()
        for laptop in self.laptops:
            laptop.archive.close()
            if laptop.cache is not None:
                laptop.cache.close()
        self.server.close()
        shutil.rmtree(self.folder)

    def there(self) -> dict[str, bytes | None]:
        """What the server has."""
        return contents(os.path.join(self.server.root, "Docs"))

    def live(self) -> set[bytes]:
        """All contents that some side has."""
        sides = [self.there(), *(laptop.contents() for laptop in self.laptops)]
        return {content for side in sides for content in side.values() if content is not None}

    def _connect(self) -> tuple[BreakingWire, Client]:
        """A connection that is logged in."""
        wire = BreakingWire(clock=self.server.clock, server=self.server.protocol(identity=identity("home")))
        client = Client(wire.client, fingerprint=identity("home").fingerprint)
        wire.pump()
        login = Deferred.fromCoroutine(client.login("ann", PASSWORD))
        wire.pump()
        assert login.called
        return wire, client

    def sync(
        self,
        laptop: Laptop,
        run: Callable[..., Coroutine[Any, Any, SyncResult]],
        request: SyncRequest,
        observer: TransferObserver,
        *,
        cut_after: int | None = None,
        jobs: int | None = None,
    ) -> SyncResult:
        """Sync a laptop; the connection ends after so many bytes, or the process after so many jobs."""
        wire, client = self._wires.pop(laptop.name) if laptop.name in self._wires else self._connect()
        if laptop.cache is None:
            laptop.cache = HashCache(os.path.join(self.folder, f"{laptop.name}.sqlite"))
        workers = InlineWorkers() if jobs is None else CrashingWorkers(jobs)
        context = TransferContext(workers, System(), laptop.cache, laptop.seen)

        wire.upwards = cut_after
        results: list[Any] = []
        Deferred.fromCoroutine(run(client, context, laptop.archive, request, observer)).addBoth(results.append)
        wire.pump()
        if cut_after is None and jobs is None and results and not isinstance(results[0], Failure):
            self._wires[laptop.name] = wire, client
        else:
            wire.cut()
            wire.pump()
        if isinstance(workers, CrashingWorkers):
            workers.end()
        (result,) = results
        if isinstance(result, Failure):
            result.raiseException()
        return result  # type: ignore[no-any-return]
