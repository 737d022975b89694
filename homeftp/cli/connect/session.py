"""A logged-in connection to a known server for one command."""

from __future__ import annotations

import functools
import gc
import os
from typing import TYPE_CHECKING, Awaitable, Callable, Sequence

from homeftp.cli.connect.reactor import run_reactor
from homeftp.cli.terminal.failures import print_error

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor, Remotes, TransferContext

_IMPORT_DELAY = 0.03
"""Seconds after which what the command needs next is imported, while the server checks the login."""

_GARBAGE_AFTER = 20_000
"""Allocations between two garbage collections of a command that is connected: it leaves few reference cycles."""

ClientWork = Callable[["IClientReactor", "Client"], Awaitable[int]]
"""The work of a command with the reactor and the connection; returns the exit code."""

Work = Callable[["IClientReactor", "Client", "TransferContext"], Awaitable[int]]
"""The work of a command that transfers files, with the transfer context."""


def with_client(name: str, work: ClientWork) -> int:
    """Connect to the server called `name`, do `work`, and close the connection; returns the exit code.

    For commands that need no more than the connection: they start sooner than with `with_remote`.
    """
    remotes = _load(name)

    async def main(reactor: IClientReactor) -> int:
        from homeftp.client import connect_remote

        client = await connect_remote(reactor, remotes, name)
        client.protocol.on_silence(print_error)
        _end_start()
        try:
            return await work(reactor, client)
        finally:
            await client.close()

    return _start(main)


def with_remote(
    name: str,
    work: Work,
    bandwidth: float | None = None,
    uses: Sequence[str] = (),
    ask: Callable[[Client], object] | None = None,
) -> int:
    """Run a command that transfers files, as `with_client` runs others.

    A lost connection, and the new one, are reported on standard error. `bandwidth` is the most bytes a second in each
    direction; None: as fast as it goes. `uses` names what `work` imports from `homeftp.client`: where the server is
    slow to answer, it is imported meanwhile. `ask` sends a first request, for which the server works long: what `work`
    needs is imported and opened only after that.
    """
    remotes = _load(name)

    async def main(reactor: IClientReactor) -> int:
        from twisted.internet.defer import Deferred

        from homeftp.client import Reconnector, connect_remote

        connect = functools.partial(connect_remote, reactor, remotes, name, bandwidth=bandwidth)
        reconnector = Reconnector(reactor, connect, notify=print_error)
        connecting = Deferred.fromCoroutine(reconnector.connect())
        if ask is None:
            reactor.callLater(_IMPORT_DELAY, _import, uses)
        client = await connecting
        if ask is not None:
            ask(client)
            await _sent(reactor)

        import attrs

        from homeftp.client import TransferResources, hash_cache_path, seen_path
        from homeftp.config import HEAP_SLACK
        from homeftp.syscalls.memory import c_mallopt, give_back_memory

        _end_start()
        give_back_memory(HEAP_SLACK, c_mallopt())  # before there is a pool: each thread would have a heap of its own
        resources = TransferResources(reactor, hash_cache_path(os.environ), seen_path(os.environ))
        try:
            context = await resources.context()
            context.system.release_code()  # most of it only starts a command
            return await work(reactor, client, attrs.evolve(context, reconnector=reconnector))
        finally:
            await resources.close()
            await reconnector.close()

    return _start(main)


async def _sent(reactor: IClientReactor) -> None:
    """Return when the reactor has sent what was written. The first turn ends before it looks at the connection."""
    from twisted.internet.task import deferLater

    await deferLater(reactor, 0)
    await deferLater(reactor, 0)


def _load(name: str) -> Remotes:
    """The known servers. Raises `OperatorError` for a bad record before anything else starts."""
    from homeftp.client import Remotes, client_folder

    remotes = Remotes(client_folder(os.environ))
    remotes.load(name)
    return remotes


def _import(names: Sequence[str]) -> None:
    """Import what a command needs next."""
    from homeftp import client

    for name in names:
        getattr(client, name)


def _start(main: Callable[[IClientReactor], Awaitable[int]]) -> int:
    """Run `main`. What it imports stays until the end: a search for garbage in it would find nothing."""
    gc.disable()
    return run_reactor(main)


def _end_start() -> None:
    """From now on collect garbage, but not in what has been imported."""
    gc.freeze()
    gc.set_threshold(_GARBAGE_AFTER)
    gc.enable()
