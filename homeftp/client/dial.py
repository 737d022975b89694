"""Making a connection: to a server that is known, or once to one that is not, to learn who it is.

A server may have several addresses. They are tried together, and what decides
is who answers, not where: an address at which TLS does not prove the server
counts as one at which nobody is.
"""

from __future__ import annotations

import errno
import os
from typing import Any, Callable, Sequence, cast

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet import defer, error
from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory

from homeftp.client.api import Client
from homeftp.client.connection.address import Address
from homeftp.client.connection.errors import ConnectionFailed, not_reached
from homeftp.client.connection.protocol import ClientProtocol
from homeftp.client.connection.race import AllFailed, first_of
from homeftp.config import ClientTimeouts
from homeftp.crypto import ca as identity
from homeftp.crypto import tls
from homeftp.errors import LoginFailed, UntrustedServer

Where = IStreamClientEndpoint | Address | str
"""A server's place: an endpoint, an address, or a client endpoint's description such as `tcp:nas.local:8421`."""


@attrs.frozen
class Presented:
    """Who a server says it is. Its certificate fits its CA; whether the CA is the right one, a person has to say."""

    ca: bytes
    """The CA's certificate, PEM: what `connect` takes."""
    fingerprint: str
    """The CA's fingerprint, as the server prints it at its start."""


async def connect(
    reactor: Any,
    endpoint: Where | Sequence[Where],
    *,
    ca: bytes,
    username: str = "",
    password: str = "",
    own: tls.DeviceIdentity | None = None,
    patience: ClientTimeouts | None = None,
) -> Client:
    """Connect to the server of the home whose CA `ca` (PEM) is, and log in: as the device `own`, or with a password.

    Several places are tried together, and the first at which the server
    proves itself is taken; `Client.where` tells which.

    Raises `ConnectionFailed`, `homeftp.errors.NotTrusted` before anything was
    sent to a server of another home, and `LoginFailed` (32). A server that is
    full says so before TLS, where it could be anybody: `ConnectionFailed`.
    Of several places: `NotReached`, and where others answered
    `OthersAnswered`, which is `UntrustedServer` too.
    """
    places = list(endpoint) if isinstance(endpoint, (list, tuple)) else [cast(Where, endpoint)]
    where, protocol = await reach(reactor, places, tls.client_options(ca, own=own), patience or ClientTimeouts())
    client = Client(protocol, where)
    try:
        if own is None:
            await client.login(username, password)
        elif (await client.hello()).account is None:
            raise LoginFailed(
                "this device is not paired any more: ask for a code at the server, homeftp invite, and pair again"
            )
    except BaseException:
        await client.close()
        raise
    return client


async def first_contact(reactor: Any, endpoint: Where, *, patience: ClientTimeouts | None = None) -> Presented:
    """Ask a server who it is, without telling it anything; then hang up.

    Raises `ConnectionFailed`, and `homeftp.errors.NotTrusted` for what is no
    homeftp server.
    """
    protocol = await secure(reactor, endpoint, tls.first_contact_options(), patience or ClientTimeouts())
    try:
        ca: x509.Certificate = tls.presented_ca(protocol.transport)
    finally:
        await protocol.close()
    return Presented(ca.public_bytes(Encoding.PEM), identity.fingerprint(ca))


async def reach(
    reactor: Any,
    places: Sequence[Where],
    options: Any,
    patience: ClientTimeouts,
    proves: Callable[[ClientProtocol], None] = lambda protocol: None,
) -> tuple[Where, ClientProtocol]:
    """A connection on which TLS is up to the first of the places at which it is, and which that is.

    `proves` may look at such a connection, and raise `UntrustedServer` for one
    that is not wanted. All other connections are closed. Raises what
    `secure` does for a single place, `NotReached` for several.
    """

    async def attempt(place: Where) -> ClientProtocol:
        protocol = await secure(reactor, place, options, patience)
        try:
            proves(protocol)
        except UntrustedServer as reason:
            protocol.abandon(reason)
            raise
        return protocol

    def attempting(place: Where) -> Callable[[], Any]:
        return lambda: attempt(place)

    try:
        place, protocol = await first_of(
            reactor,
            [attempting(each) for each in places],
            seconds=patience.attempt_seconds,
            failures=(ConnectionFailed, UntrustedServer),
            unused=lambda each: each.abandon(ConnectionFailed("the server was reached at another address")),
        )
    except AllFailed as failed:
        if len(places) == 1:
            raise failed.failures[0] from None
        named = [each if isinstance(each, Address) else shown(each) for each in places]
        raise not_reached(list(zip(named, failed.failures, strict=True))) from None
    return places[place], protocol


def shown(where: Where) -> str:
    """A place as it is named to a person."""
    return str(where) if isinstance(where, Address | str) else "the server"


async def secure(reactor: Any, where: Where, options: Any, patience: ClientTimeouts) -> ClientProtocol:
    """A connection on which TLS is up. Raises `ConnectionFailed` and `UntrustedServer`."""
    said = shown(where)
    if isinstance(where, Address):
        endpoint = where.endpoint(reactor, patience.connect_seconds)
    elif isinstance(where, str):
        endpoint = clientFromString(reactor, where)
    else:
        endpoint = where
    factory = Factory.forProtocol(lambda: ClientProtocol(options, reactor, patience))
    factory.noisy = False
    connecting = endpoint.connect(factory)
    connecting.addTimeout(patience.connect_seconds, reactor)
    try:
        protocol = cast(ClientProtocol, await connecting)
    except (error.DNSLookupError, ValueError):  # the latter for what cannot be the name of a host
        fault = f"cannot find {said}: is the name right, and is this computer on the network?"
        raise ConnectionFailed(fault, "cannot be found") from None
    except (error.TimeoutError, defer.TimeoutError):
        raise ConnectionFailed(f"{said} does not answer: is the computer on?", "does not answer") from None
    except error.ConnectionRefusedError:
        raise _unheard(where, said) from None
    except error.ConnectError as reason:
        if reason.osError == errno.ENOENT:  # of a UNIX socket
            raise _unheard(where, said) from None
        raise ConnectionFailed(f"cannot reach {said}: {_words(reason)}", _words(reason)) from None
    return await protocol.secured


def _unheard(where: Where, said: str) -> ConnectionFailed:
    place = "path" if isinstance(where, Address) and where.path else "port"
    fault = f"nothing listens at {said}: is the server running, and is the {place} right?"
    return ConnectionFailed(fault, "nothing listens there")


def _words(reason: error.ConnectError) -> str:
    number = reason.osError.errno if isinstance(reason.osError, OSError) else reason.osError
    return os.strerror(number) if isinstance(number, int) else str(reason).rstrip(".")
