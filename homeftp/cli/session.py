"""A logged-in connection to a remote for one command, and what works beside it."""

from __future__ import annotations

import gc
import importlib
import os
from typing import TYPE_CHECKING, Any, Awaitable, Callable

from homeftp.cli.running import run_reactor

if TYPE_CHECKING:
    from homeftp.client import Client
    from homeftp.client.cases import Tools
    from homeftp.client.remotes import Remote

_GARBAGE_AFTER = 20_000
"""New objects between two collections: a transfer has many for each file, and makes no cycles of them."""

_MEANWHILE = 0.03
"""Seconds into the connection: then the server checks the password, and what is needed next can be imported."""

Work = Callable[[Any, "Client", "Tools"], Awaitable[int]]
"""A command's work: with the reactor, the connection and the tools, to an exit status."""


def with_remote(name: str, work: Work) -> int:
    """Connect to the remote called `name`, do `work`, and end the connection; gives the exit status."""
    from homeftp.client.remotes import Remotes, client_home

    remote = Remotes(client_home(os.environ)).load(name)

    async def main(reactor: Any) -> int:
        from twisted.internet.defer import Deferred

        from homeftp.client.line import Line

        line = Line(reactor, lambda: _connect(reactor, remote))
        coming = Deferred.fromCoroutine(line.connect())
        reactor.callLater(_MEANWHILE, importlib.import_module, "homeftp.client.transfer")
        client = await coming

        from homeftp.client.cases import Tools
        from homeftp.client.remotes import index_path
        from homeftp.config import CLIENT_THREADS
        from homeftp.index import Index
        from homeftp.syscalls import System
        from homeftp.workers import ThreadWorkers

        gc.freeze()
        gc.set_threshold(_GARBAGE_AFTER)
        workers = ThreadWorkers(reactor, size=CLIENT_THREADS, queue=1024, name="homeftp")
        workers.start()
        index = Index(index_path(os.environ))
        try:
            return await work(reactor, client, Tools(workers, System(), index, line))
        finally:
            workers.stop()
            index.close()
            await line.close()

    return run_reactor(main)


async def _connect(reactor: Any, remote: Remote) -> Client:
    from homeftp.client import connect
    from homeftp.errors import NotTrusted

    try:
        return await connect(reactor, remote.address, ca=remote.ca, username=remote.user, password=remote.password)
    except NotTrusted as reason:
        raise await _explained(reactor, remote, reason) from None


async def _explained(reactor: Any, remote: Remote, reason: Exception) -> Exception:
    """With a server that is not trusted: who it says it is, and who it should be."""
    from cryptography import x509

    from homeftp.client import ConnectionFailed, first_contact
    from homeftp.errors import NotTrusted
    from homeftp.identity import fingerprint

    try:
        presented = await first_contact(reactor, remote.address)
        pinned = fingerprint(x509.load_pem_x509_certificate(remote.ca))
    except (NotTrusted, ConnectionFailed, ValueError):
        return reason
    if presented.fingerprint == pinned:
        return reason
    return NotTrusted(
        f"what answers at {remote.address} is not the server that was added as {remote.name}: its fingerprint is "
        f"{presented.fingerprint}, not {pinned}. Nothing was sent. Only if the server's owner says that it was set up "
        f"anew: homeftp remote remove {remote.name}, then add it again"
    )
