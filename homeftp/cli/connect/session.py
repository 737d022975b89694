"""A logged-in connection to a remote for one command, and what works beside it."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
from typing import TYPE_CHECKING, Any, Awaitable, Callable

from homeftp.cli.connect.reactor import run_reactor

if TYPE_CHECKING:
    from homeftp.client import Address, Client
    from homeftp.client.known.remotes import Remote, Remotes
    from homeftp.client.transfer.model import TransferContext
    from homeftp.crypto.tls import DeviceIdentity

_GARBAGE_AFTER = 20_000
"""New objects between two collections: a transfer has many for each file, and makes no cycles of them."""

_LOOK_AROUND = 2.0
"""Seconds that a server's remembered addresses have alone, before it is looked for by what is announced."""

_MEANWHILE = 0.03
"""Seconds into the connection: then the server checks the password, and what is needed next can be imported."""

Work = Callable[[Any, "Client", "TransferContext"], Awaitable[int]]
"""A command's work: with the reactor, the connection and the tools, to an exit status."""


def with_remote(name: str, work: Work) -> int:
    """Connect to the remote called `name`, do `work`, and end the connection; gives the exit status."""
    from homeftp.client.known.remotes import Remotes, client_folder

    remotes = Remotes(client_folder(os.environ))
    remotes.load(name)  # what is wrong with it is said before anything is begun

    async def main(reactor: Any) -> int:
        from twisted.internet.defer import Deferred

        from homeftp.client.transfer.retry import Reconnector

        line = Reconnector(reactor, lambda: _connect(reactor, remotes, name))
        coming = Deferred.fromCoroutine(line.connect())
        reactor.callLater(_MEANWHILE, _import_transfers)
        client = await coming

        from homeftp.client.known.remotes import hash_cache_path
        from homeftp.client.transfer.model import TransferContext
        from homeftp.config import CLIENT_THREADS
        from homeftp.hashing.hashcache import HashCache
        from homeftp.syscalls import System
        from homeftp.workers import ThreadWorkers

        gc.freeze()
        gc.set_threshold(_GARBAGE_AFTER)
        workers = ThreadWorkers(reactor, size=CLIENT_THREADS, queue=1024, name="homeftp")
        workers.start()
        index = HashCache(hash_cache_path(os.environ))
        try:
            return await work(reactor, client, TransferContext(workers, System(), index, line))
        finally:
            workers.stop()
            index.close()
            await line.close()

    return run_reactor(main)


def _import_transfers() -> None:
    """Import what a transfer needs next."""
    import homeftp.client.plan.cmp
    import homeftp.client.plan.get
    import homeftp.client.plan.push  # noqa: F401


async def _connect(reactor: Any, remotes: Remotes, name: str) -> Client:
    """A connection to the remote, at whichever of its addresses it is; what another command learned is known here."""
    from homeftp.client import connect
    from homeftp.crypto.tls import device_identity
    from homeftp.errors import LoginFailed

    remote = remotes.load(name)
    own = device_identity(remote.certificate, remote.key) if remote.key else None
    if own is not None and _ended(own):
        raise LoginFailed(
            f"this device was not at {remote.name} for so long that its certificate has ended: ask for a code at the "
            "server, homeftp invite, and pair again"
        )
    dial = functools.partial(
        connect, reactor, ca=remote.ca, username=remote.user, password=remote.password, device_identity=own
    )
    client = await _find(reactor, remote, dial)
    await _remember(client, remotes, remote)
    if own is not None:
        await _renew(client, remotes, remote, own)
    return client


async def _find(reactor: Any, remote: Remote, dial: Callable[..., Awaitable[Client]]) -> Client:
    """A connection at one of the remembered addresses; where that takes its time, at one that the server announces."""
    from homeftp.client import ConnectionFailed
    from homeftp.client.connection.race import AllFailed, first_of
    from homeftp.client.known.discover import announced_addresses
    from homeftp.errors import UntrustedServer

    async def announced() -> Client:
        hints = await announced_addresses(reactor, remote.fingerprint)
        new = [each for each in hints if each not in remote.addresses]
        if not new:
            raise ConnectionFailed("the server is not announced")
        return await dial(new)

    ways = [lambda: dial(remote.addresses)]
    if not all(each.local for each in remote.addresses):
        ways.append(announced)
    expected = (UntrustedServer, ConnectionFailed)
    try:
        _, client = await first_of(reactor, ways, seconds=_LOOK_AROUND, failures=expected, unused=_close)
    except AllFailed as failed:
        reason = failed.failures[0]
        raise await _explained(reactor, remote, reason) if isinstance(reason, UntrustedServer) else reason from None
    return client


def _close(client: Client) -> None:
    from twisted.internet.defer import Deferred

    Deferred.fromCoroutine(client.close())


async def _remember(client: Client, remotes: Remotes, remote: Remote) -> None:
    """Where the server was found, for the next time; a file that cannot be written is no reason to do nothing now."""
    from typing import cast

    from twisted.internet.threads import deferToThread

    from homeftp.errors import OperatorError

    where = cast("Address", client.address)
    if where != remote.addresses[0]:
        with contextlib.suppress(OperatorError, OSError):
            await deferToThread(remotes.update, remote, lambda found: found.reached_at(where))


def _ended(own: DeviceIdentity) -> bool:
    from homeftp.host import now

    return now() > own.certificate.not_valid_after_utc


async def _renew(client: Client, remotes: Remotes, remote: Remote, own: DeviceIdentity) -> None:
    """Have the device's certificate renewed, long before it ends. Where that fails there will be another time."""
    from homeftp.crypto.devicecert import may_be_renewed
    from homeftp.host import now

    if not may_be_renewed(own.certificate, now()):
        return
    import attrs
    from twisted.internet.threads import deferToThread

    from homeftp.client.known.pairing import renew
    from homeftp.errors import OperatorError, Refusal, UntrustedServer

    with contextlib.suppress(Refusal, UntrustedServer, OperatorError):
        certificate, key = await renew(client, remote.ca)
        change = functools.partial(attrs.evolve, certificate=certificate, key=key)
        await deferToThread(remotes.update, remote, change)


async def _explained(reactor: Any, remote: Remote, reason: Exception) -> Exception:
    """With a server that is not trusted: who it says it is, and who it should be."""
    from homeftp.client import Address, ConnectionFailed, NoTrustedServer, fetch_server_identity
    from homeftp.client.errors import describe
    from homeftp.errors import UntrustedServer

    failures = reason.failures if isinstance(reason, NoTrustedServer) else [(remote.addresses[0], reason)]
    where, *others = failures  # those that are not trusted come first
    try:
        address = where[0] if isinstance(where[0], Address) else remote.addresses[0]
        presented = await fetch_server_identity(reactor, address)
    except (UntrustedServer, ConnectionFailed):
        return reason
    pinned = remote.fingerprint
    if pinned in ("", presented.fingerprint):
        return reason
    elsewhere = f" Elsewhere it was not found either: {describe(others)}." if others else ""
    text = (
        f"what answers at {where[0]} is not the server that was added as {remote.name}: its fingerprint is "
        f"{presented.fingerprint}, not {pinned}. Nothing was sent.{elsewhere} Only if the server's owner says that it "
        f"was set up anew: homeftp remote remove {remote.name}, then add it again"
    )
    return NoTrustedServer(reason.failures, text) if isinstance(reason, NoTrustedServer) else UntrustedServer(text)
