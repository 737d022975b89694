"""Connecting to a server: to a known one, or once to an unknown one, to learn its identity.

The addresses of a server are tried together, each a moment after the one
before. The first at which TLS proves the server wins; an address at which
another server answers counts as failed.
"""

from __future__ import annotations

import errno
import os
from typing import Any, Callable, Sequence, cast

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet import defer, error
from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory

from homeftp.client.api import Client
from homeftp.client.connection.address import Address
from homeftp.client.connection.protocol import ClientProtocol
from homeftp.client.connection.race import AllFailed, first_of
from homeftp.client.errors import ConnectionFailed, all_failed
from homeftp.config import ClientTimeouts
from homeftp.crypto import ca as identity
from homeftp.crypto import tls
from homeftp.errors import LoginFailed, UntrustedServer

ServerAddress = IStreamClientEndpoint | Address | str
"""An address, a client endpoint, or the description of a client endpoint such as `tcp:nas.local:8421`."""


class ServerIdentity(msgspec.Struct, frozen=True):
    """The CA that a server presents. Its certificate fits this CA; only a person can say whether it is the right CA."""

    ca: bytes
    """The CA's certificate, PEM; `connect` takes it."""
    fingerprint: str
    """The CA's fingerprint, as the server prints it when it starts."""


async def connect(
    reactor: IReactorTime,
    endpoint: ServerAddress | Sequence[ServerAddress],
    *,
    ca: bytes,
    username: str = "",
    password: str = "",
    device_identity: tls.DeviceIdentity | None = None,
    timeouts: ClientTimeouts | None = None,
) -> Client:
    """Connect to the server with a certificate of the CA `ca` (PEM), and log in.

    The login is by the certificate of `device_identity`, or by username and
    password. Of several addresses the first at which the server proves its
    identity is taken; `Client.address` says which.

    Raises `ConnectionFailed`, also for a server that refuses connections
    before TLS, where anybody could have sent the refusal; `UntrustedServer`,
    before anything is sent to a server of another CA; and `LoginFailed` (32).
    With several addresses these are `AllAddressesFailed`, and
    `NoTrustedServer` where another server answered at one of them.
    """
    addresses = list(endpoint) if isinstance(endpoint, (list, tuple)) else [cast(ServerAddress, endpoint)]
    options = tls.client_options(ca, own=device_identity)
    address, protocol = await connect_first(reactor, addresses, options, timeouts or ClientTimeouts())
    client = Client(protocol, address, identity.fingerprint(x509.load_pem_x509_certificate(ca)))
    try:
        if device_identity is None:
            await client.login(username, password)
        elif (await client.hello()).account is None:
            raise LoginFailed(
                "this device is no longer paired. Ask the server's owner for a code (homeftp invite) and pair again"
            )
    except BaseException:
        await client.close()
        raise
    return client


async def fetch_server_identity(
    reactor: IReactorTime, endpoint: ServerAddress, *, timeouts: ClientTimeouts | None = None
) -> ServerIdentity:
    """Get the identity that a server presents, without sending it anything, and disconnect.

    Raises `ConnectionFailed`, and `UntrustedServer` for what is no homeftp
    server.
    """
    protocol = await connect_tls(reactor, endpoint, tls.first_contact_options(), timeouts or ClientTimeouts())
    try:
        ca: x509.Certificate = tls.presented_ca(protocol.transport)
    finally:
        await protocol.close()
    return ServerIdentity(ca.public_bytes(Encoding.PEM), identity.fingerprint(ca))


async def connect_first(
    reactor: IReactorTime,
    addresses: Sequence[ServerAddress],
    options: Any,
    timeouts: ClientTimeouts,
    check: Callable[[ClientProtocol], None] = lambda protocol: None,
) -> tuple[ServerAddress, ClientProtocol]:
    """Connect to the first address at which TLS succeeds with `options`; gives the address and the connection.

    `check` may raise `UntrustedServer` to refuse a connection with TLS. The
    connections to the other addresses are closed. Raises what `connect_tls`
    raises for a single address, `AllAddressesFailed` for several.
    """

    async def attempt(address: ServerAddress) -> ClientProtocol:
        protocol = await connect_tls(reactor, address, options, timeouts)
        try:
            check(protocol)
        except UntrustedServer as reason:
            protocol.abort(reason)
            raise
        return protocol

    def attempting(address: ServerAddress) -> Callable[[], Any]:
        return lambda: attempt(address)

    try:
        index, protocol = await first_of(
            reactor,
            [attempting(each) for each in addresses],
            seconds=timeouts.attempt_seconds,
            failures=(ConnectionFailed, UntrustedServer),
            unused=lambda each: each.abort(ConnectionFailed("the server was reached at another address")),
        )
    except AllFailed as failed:
        if len(addresses) == 1:
            raise failed.failures[0] from None
        named = [each if isinstance(each, Address) else _display(each) for each in addresses]
        raise all_failed(list(zip(named, failed.failures, strict=True))) from None
    return addresses[index], protocol


def _display(address: ServerAddress) -> str:
    """An address as it is shown to people."""
    return str(address) if isinstance(address, Address | str) else "the server"


async def connect_tls(
    reactor: IReactorTime, address: ServerAddress, options: Any, timeouts: ClientTimeouts
) -> ClientProtocol:
    """Connect to one address and complete the TLS handshake. Raises `ConnectionFailed` and `UntrustedServer`."""
    shown = _display(address)
    if isinstance(address, Address):
        endpoint = address.endpoint(reactor, timeouts.connect_seconds)
    elif isinstance(address, str):
        endpoint = clientFromString(reactor, address)
    else:
        endpoint = address
    factory = Factory.forProtocol(lambda: ClientProtocol(options, reactor, timeouts))
    factory.noisy = False
    connecting = endpoint.connect(factory)
    connecting.addTimeout(timeouts.connect_seconds, reactor)
    try:
        protocol = cast(ClientProtocol, await connecting)
    except (error.DNSLookupError, ValueError):  # ValueError: it cannot be the name of a host
        message = f"cannot find {shown}: is the name right, and is this computer on the network?"
        raise ConnectionFailed(message, "cannot be found") from None
    except (error.TimeoutError, defer.TimeoutError):
        raise ConnectionFailed(f"{shown} does not answer: is the computer on?", "does not answer") from None
    except error.ConnectionRefusedError:
        raise _not_listening(address, shown) from None
    except error.ConnectError as reason:
        if reason.osError == errno.ENOENT:  # the path of a UNIX socket
            raise _not_listening(address, shown) from None
        raise ConnectionFailed(f"cannot reach {shown}: {_describe(reason)}", _describe(reason)) from None
    return await protocol.secured


def _not_listening(address: ServerAddress, shown: str) -> ConnectionFailed:
    what = "path" if isinstance(address, Address) and address.path else "port"
    message = f"nothing listens at {shown}: is the server running, and is the {what} right?"
    return ConnectionFailed(message, "nothing listens there")


def _describe(reason: error.ConnectError) -> str:
    number = reason.osError.errno if isinstance(reason.osError, OSError) else reason.osError
    return os.strerror(number) if isinstance(number, int) else str(reason).rstrip(".")
