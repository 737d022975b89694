"""Connecting to a known server: which of its addresses works, and keeping its record up to date."""

from __future__ import annotations

import contextlib
import functools
from typing import Awaitable, Callable, cast

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorThreads, IReactorTime
from twisted.internet.threads import deferToThreadPool

from homeftp.client.api import Client
from homeftp.client.connection.address import Address, parse_address
from homeftp.client.connection.race import AllFailed, first_of
from homeftp.client.dial import connect, fetch_server_identity
from homeftp.client.errors import ConnectionFailed, NoTrustedServer, describe
from homeftp.client.known.discover import announced_addresses
from homeftp.client.known.remotes import Remote, Remotes
from homeftp.crypto.devicecert import is_renewal_due
from homeftp.crypto.tls import DeviceIdentity, device_identity
from homeftp.errors import LoginFailed, OperatorError, Refusal, UntrustedServer
from homeftp.host import now


class IClientReactor(IReactorTime, IReactorThreads):
    """The reactor, as a connection to a known server uses it: to measure time, and to run threads.

    Twisted's own reactors are such; they also open the TCP and UNIX connections.
    """


_DISCOVERY_DELAY = 2.0
"""Seconds for which only the remembered addresses are tried; then discovery starts too."""

_Update = Callable[[Callable[[Remote], Remote]], Awaitable[object]]
"""Changes the record of a server; may raise OperatorError and OSError."""


async def connect_remote(
    reactor: IClientReactor, remotes: Remotes, name: str, *, bandwidth: float | None = None
) -> Client:
    """Connect to the server that `remotes` knows as `name`, and log in.

    Its record is read anew each time: another program may have changed it meanwhile. The addresses in it are tried
    together; where none answers within two seconds, so are those that the server announces on the network. The record
    gets the address that worked, and a new certificate of the device long before the old one expires. `bandwidth` is
    the most bytes a second in each direction; None: as fast as it goes.

    Raises `OperatorError` where no server has this name, and what `connect` raises.
    """
    remote = remotes.load(name)
    own = device_identity(remote.certificate, remote.key) if remote.key else None
    if own is not None and _has_expired(own):
        raise LoginFailed(
            f"this device has not used {remote.name} for a long time, and its certificate has expired. Run `homeftp "
            "invite` on the server's machine, then pair again."
        )
    dial = functools.partial(
        connect, reactor, ca=remote.ca, username=remote.user, password=remote.password, device_identity=own
    )
    client = await find_server(reactor, remote, dial)

    def update(change: Callable[[Remote], Remote]) -> Awaitable[object]:
        return deferToThreadPool(reactor, reactor.getThreadPool(), remotes.update, remote, change)

    await remember_address(client, remote, update)
    if own is not None:
        await renew_certificate(client, remote, own, update)
    if bandwidth is not None:
        client.limit_bandwidth(bandwidth)
    return client


async def find_server(reactor: IClientReactor, remote: Remote, dial: Callable[..., Awaitable[Client]]) -> Client:
    """A connection at one of the remembered addresses or, after a delay, at one that the server announces."""

    async def announced() -> Client:
        hints = await announced_addresses(reactor, remote.fingerprint)
        new = [each for each in hints if each not in remote.addresses]
        if not new:
            raise ConnectionFailed("the server does not announce itself.")
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

    Deferred.fromCoroutine(client.close())


async def remember_address(client: Client, remote: Remote, update: _Update) -> None:
    """Store the address that worked, and those of servers that are as good, for the next time.

    A failure to write them does not fail the connection.
    """
    where = cast(Address, client.address)
    others = _other_addresses(client, where)
    if where != remote.addresses[0] or not set(others) <= set(remote.addresses):
        with contextlib.suppress(OperatorError, OSError):
            await update(lambda found: found.reached_at(where, *others))


def _other_addresses(client: Client, where: Address) -> list[Address]:
    """The server's other addresses, as it says; none on this machine, unless the server itself is there."""
    found: list[Address] = []
    for text in client.server_info.addresses:
        with contextlib.suppress(OperatorError):
            address = parse_address(text)
            if not address.path and (where.local or not address.local):
                found.append(address)
    return found


def _has_expired(own: DeviceIdentity) -> bool:

    return now() > own.certificate.not_valid_after_utc


async def renew_certificate(client: Client, remote: Remote, own: DeviceIdentity, update: _Update) -> None:
    """Renew the device's certificate long before it expires. A failure is ignored: the next connection tries again."""
    if not is_renewal_due(own.certificate, now()):
        return
    from cryptography.x509 import load_pem_x509_certificate  # needed seldom, and takes a while to import

    from homeftp.client.known.pairing import renew

    with contextlib.suppress(Refusal, UntrustedServer, OperatorError):
        certificate, key = await renew(client, remote.ca)
        if load_pem_x509_certificate(certificate).not_valid_after_utc <= own.certificate.not_valid_after_utc:
            return  # the server's clock is wrong: the old one serves for longer
        await update(functools.partial(attrs.evolve, certificate=certificate, key=key))


async def explain_distrust(reactor: IReactorTime, remote: Remote, reason: Exception) -> Exception:
    """The error for a server that is not trusted, with the fingerprint it presents and the pinned one."""
    failures = reason.failures if isinstance(reason, NoTrustedServer) else [(remote.addresses[0], reason)]
    where, *others = failures  # untrusted servers come first
    try:
        address = where[0] if isinstance(where[0], Address) else remote.addresses[0]
        presented = await fetch_server_identity(reactor, address)
    except (UntrustedServer, ConnectionFailed):
        return reason
    pinned = remote.fingerprint
    if pinned == presented.fingerprint:
        text = (
            f"the server at {where[0]} shows the identity of {remote.name} and a certificate that is not valid now or "
            f"is a device's. Nothing was sent. Check the clocks of both machines: here it is {now():%Y-%m-%d %H:%M} "
            f"UTC. Do not remove {remote.name}."
        )
        return NoTrustedServer(reason.failures, text) if isinstance(reason, NoTrustedServer) else UntrustedServer(text)
    if pinned == "":
        return reason
    elsewhere = f" Other addresses: {describe(others)}." if others else ""
    text = (
        f"the server at {where[0]} is not {remote.name}: its fingerprint is {presented.fingerprint}, not {pinned}. "
        f"Nothing was sent.{elsewhere} If the owner confirms that the server was set up again, run "
        f"`homeftp remote remove {remote.name}` and add it again."
    )
    return NoTrustedServer(reason.failures, text) if isinstance(reason, NoTrustedServer) else UntrustedServer(text)
