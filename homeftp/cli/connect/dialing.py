"""Connecting to a known server: which of its addresses works, and keeping its record up to date."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any, Awaitable, Callable

if TYPE_CHECKING:
    from homeftp.client import Address, Client
    from homeftp.client.known.remotes import Remote, Remotes
    from homeftp.crypto.tls import DeviceIdentity

_DISCOVERY_DELAY = 2.0
"""Seconds for which only the remembered addresses are tried; then discovery starts too."""


async def connect_remote(reactor: Any, remotes: Remotes, name: str) -> Client:
    """A connection to the server, whose record is read anew: another command may have changed it meanwhile."""
    from homeftp.client import connect
    from homeftp.crypto.tls import device_identity
    from homeftp.errors import LoginFailed

    remote = remotes.load(name)
    own = device_identity(remote.certificate, remote.key) if remote.key else None
    if own is not None and _has_expired(own):
        raise LoginFailed(
            f"This device has not used {remote.name} for a long time, and its certificate has expired. Run `homeftp "
            "invite` on the server's machine, then pair again."
        )
    dial = functools.partial(
        connect, reactor, ca=remote.ca, username=remote.user, password=remote.password, device_identity=own
    )
    client = await find_server(reactor, remote, dial)
    await remember_address(client, remotes, remote)
    if own is not None:
        await renew_certificate(client, remotes, remote, own)
    return client


async def find_server(reactor: Any, remote: Remote, dial: Callable[..., Awaitable[Client]]) -> Client:
    """A connection at one of the remembered addresses or, after a delay, at one that the server announces."""
    from homeftp.client import ConnectionFailed
    from homeftp.client.connection.race import AllFailed, first_of
    from homeftp.client.known.discover import announced_addresses
    from homeftp.errors import UntrustedServer

    async def announced() -> Client:
        hints = await announced_addresses(reactor, remote.fingerprint)
        new = [each for each in hints if each not in remote.addresses]
        if not new:
            raise ConnectionFailed("The server does not announce itself.")
        return await dial(new)

    attempts = [lambda: dial(remote.addresses)]
    if not all(each.local for each in remote.addresses):
        attempts.append(announced)
    expected = (UntrustedServer, ConnectionFailed)
    try:
        _, client = await first_of(reactor, attempts, seconds=_DISCOVERY_DELAY, failures=expected, unused=_close)
    except AllFailed as failed:
        reason = failed.failures[0]
        raise (
            await explain_distrust(reactor, remote, reason) if isinstance(reason, UntrustedServer) else reason
        ) from None
    return client


def _close(client: Client) -> None:
    from twisted.internet.defer import Deferred

    Deferred.fromCoroutine(client.close())


async def remember_address(client: Client, remotes: Remotes, remote: Remote) -> None:
    """Store the address that worked, for the next time. A failure to write it does not fail the command."""
    from typing import cast

    from twisted.internet.threads import deferToThread

    from homeftp.errors import OperatorError

    where = cast("Address", client.address)
    if where != remote.addresses[0]:
        with contextlib.suppress(OperatorError, OSError):
            await deferToThread(remotes.update, remote, lambda found: found.reached_at(where))


def _has_expired(own: DeviceIdentity) -> bool:
    from homeftp.host import now

    return now() > own.certificate.not_valid_after_utc


async def renew_certificate(client: Client, remotes: Remotes, remote: Remote, own: DeviceIdentity) -> None:
    """Renew the device's certificate long before it expires. A failure is ignored: the next command tries again."""
    from homeftp.crypto.devicecert import is_renewal_due
    from homeftp.host import now

    if not is_renewal_due(own.certificate, now()):
        return
    import attrs
    from twisted.internet.threads import deferToThread

    from homeftp.client.known.pairing import renew
    from homeftp.errors import OperatorError, Refusal, UntrustedServer

    with contextlib.suppress(Refusal, UntrustedServer, OperatorError):
        certificate, key = await renew(client, remote.ca)
        change = functools.partial(attrs.evolve, certificate=certificate, key=key)
        await deferToThread(remotes.update, remote, change)


async def explain_distrust(reactor: Any, remote: Remote, reason: Exception) -> Exception:
    """The error for a server that is not trusted, with the fingerprint it presents and the pinned one."""
    from homeftp.client import Address, ConnectionFailed, NoTrustedServer, fetch_server_identity
    from homeftp.client.errors import describe
    from homeftp.errors import UntrustedServer

    failures = reason.failures if isinstance(reason, NoTrustedServer) else [(remote.addresses[0], reason)]
    where, *others = failures  # untrusted servers come first
    try:
        address = where[0] if isinstance(where[0], Address) else remote.addresses[0]
        presented = await fetch_server_identity(reactor, address)
    except (UntrustedServer, ConnectionFailed):
        return reason
    pinned = remote.fingerprint
    if pinned in ("", presented.fingerprint):
        return reason
    elsewhere = f" Other addresses: {describe(others)}." if others else ""
    text = (
        f"The server at {where[0]} is not {remote.name}: its fingerprint is {presented.fingerprint}, not {pinned}. "
        f"Nothing was sent.{elsewhere} If the owner confirms that the server was set up again, run "
        f"`homeftp remote remove {remote.name}` and add it again."
    )
    return NoTrustedServer(reason.failures, text) if isinstance(reason, NoTrustedServer) else UntrustedServer(text)
