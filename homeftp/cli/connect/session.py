"""A logged-in connection to a known server for one command."""

from __future__ import annotations

import functools
import gc
import os
from typing import TYPE_CHECKING, Awaitable, Callable

from homeftp.cli.connect.reactor import run_reactor
from homeftp.cli.terminal.failures import print_error

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor, TransferContext

_GARBAGE_AFTER = 20_000
"""Allocations between two garbage collections: imports and transfers allocate a lot, and create few reference cycles.

With Python's default, collections are a seventh of the processor time until the connection is made."""

_IMPORT_DELAY = 0.03
"""Seconds after which the transfer commands are imported, while the server checks the login."""

Work = Callable[["IClientReactor", "Client", "TransferContext"], Awaitable[int]]
"""What a command does with the reactor, the connection and the transfer context; returns the exit code."""


def with_remote(name: str, work: Work, bandwidth: float | None = None) -> int:
    """Connect to the server called `name`, do `work`, and close the connection; returns the exit code.

    A lost connection, and the new one, are reported on standard error. `bandwidth` is the most bytes a second in each
    direction; None: as fast as it goes.
    """
    gc.set_threshold(_GARBAGE_AFTER)
    from homeftp.client import Remotes, client_folder

    remotes = Remotes(client_folder(os.environ))
    remotes.load(name)  # raises for a bad record before anything else starts

    async def main(reactor: IClientReactor) -> int:
        from twisted.internet.defer import Deferred

        from homeftp.client import Reconnector, connect_remote

        connect = functools.partial(connect_remote, reactor, remotes, name, bandwidth=bandwidth)
        reconnector = Reconnector(reactor, connect, notify=print_error)
        connecting = Deferred.fromCoroutine(reconnector.connect())
        reactor.callLater(_IMPORT_DELAY, _import_transfers)
        client = await connecting

        import attrs

        from homeftp.client import TransferResources, hash_cache_path, seen_path

        gc.freeze()
        resources = TransferResources(reactor, hash_cache_path(os.environ), seen_path(os.environ))
        try:
            context = await resources.context()
            return await work(reactor, client, attrs.evolve(context, reconnector=reconnector))
        finally:
            await resources.close()
            await reconnector.close()

    return run_reactor(main)


def _import_transfers() -> None:
    """Import what a transfer needs next."""
    from homeftp.client import cmp, get, push  # noqa: F401
