"""A logged-in connection to a known server for one command."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Awaitable, Callable

from homeftp.cli.connect.reactor import run_reactor
from homeftp.cli.terminal.failures import print_error

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor, TransferContext

_GARBAGE_AFTER = 20_000
"""Allocations between two garbage collections: a transfer allocates a lot, and creates no reference cycles."""

_IMPORT_DELAY = 0.03
"""Seconds after which the transfer commands are imported, while the server checks the login."""

Work = Callable[["IClientReactor", "Client", "TransferContext"], Awaitable[int]]
"""What a command does with the reactor, the connection and the transfer context; returns the exit code."""


def with_remote(name: str, work: Work) -> int:
    """Connect to the server called `name`, do `work`, and close the connection; returns the exit code."""
    from homeftp.client import Remotes, client_folder

    remotes = Remotes(client_folder(os.environ))
    remotes.load(name)  # raises for a bad record before anything else starts

    async def main(reactor: IClientReactor) -> int:
        from twisted.internet.defer import Deferred

        from homeftp.client import Reconnector, connect_remote

        reconnector = Reconnector(reactor, lambda: connect_remote(reactor, remotes, name), notify=print_error)
        connecting = Deferred.fromCoroutine(reconnector.connect())
        reactor.callLater(_IMPORT_DELAY, _import_transfers)
        client = await connecting

        from homeftp.client import TransferContext, hash_cache_path
        from homeftp.config import CLIENT_QUEUE, CLIENT_THREADS
        from homeftp.hashing.hashcache import HashCache
        from homeftp.syscalls import System
        from homeftp.workers import ThreadWorkers

        gc.freeze()
        gc.set_threshold(_GARBAGE_AFTER)
        workers = ThreadWorkers(reactor, size=CLIENT_THREADS, queue=CLIENT_QUEUE, name="homeftp")
        workers.start()
        cache = HashCache(hash_cache_path(os.environ))
        try:
            return await work(reactor, client, TransferContext(workers, System(), cache, reconnector))
        finally:
            workers.stop()
            cache.close()
            await reconnector.close()

    return run_reactor(main)


def _import_transfers() -> None:
    """Import what a transfer needs next."""
    from homeftp.client import cmp, get, push  # noqa: F401
