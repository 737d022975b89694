"""Making a connection: to a server that is known, or once to one that is not, to learn who it is."""

from __future__ import annotations

import errno
import os
from typing import Any, cast

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet import defer, error
from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory

from homeftp import identity, tls
from homeftp.client.address import Address
from homeftp.client.api import Client
from homeftp.client.errors import ConnectionFailed
from homeftp.client.protocol import ClientProtocol
from homeftp.config import Patience
from homeftp.errors import LoginFailed

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
    endpoint: Where,
    *,
    ca: bytes,
    username: str = "",
    password: str = "",
    own: tls.Own | None = None,
    patience: Patience | None = None,
) -> Client:
    """Connect to the server of the home whose CA `ca` (PEM) is, and log in: as the device `own`, or with a password.

    Raises `ConnectionFailed`, `homeftp.errors.NotTrusted` before anything was
    sent to a server of another home, and `LoginFailed` (32). A server that is
    full says so before TLS, where it could be anybody: `ConnectionFailed`.
    """
    protocol = await secure(reactor, endpoint, tls.client_options(ca, own=own), patience or Patience())
    client = Client(protocol)
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


async def first_contact(reactor: Any, endpoint: Where, *, patience: Patience | None = None) -> Presented:
    """Ask a server who it is, without telling it anything; then hang up.

    Raises `ConnectionFailed`, and `homeftp.errors.NotTrusted` for what is no
    homeftp server.
    """
    protocol = await secure(reactor, endpoint, tls.first_contact_options(), patience or Patience())
    try:
        ca: x509.Certificate = tls.presented_ca(protocol.transport)
    finally:
        await protocol.close()
    return Presented(ca.public_bytes(Encoding.PEM), identity.fingerprint(ca))


async def secure(reactor: Any, where: Where, options: Any, patience: Patience) -> ClientProtocol:
    """A connection on which TLS is up. Raises `ConnectionFailed` and `NotTrusted`."""
    if isinstance(where, Address):
        endpoint = where.endpoint(reactor, patience.connect_seconds)
        shown = str(where)
    elif isinstance(where, str):
        endpoint = clientFromString(reactor, where)
        shown = where
    else:
        endpoint, shown = where, "the server"
    factory = Factory.forProtocol(lambda: ClientProtocol(options, reactor, patience))
    factory.noisy = False
    connecting = endpoint.connect(factory)
    connecting.addTimeout(patience.connect_seconds, reactor)
    try:
        protocol = cast(ClientProtocol, await connecting)
    except error.DNSLookupError:
        fault = f"cannot find {shown}: is the name right, and is this computer on the network?"
        raise ConnectionFailed(fault) from None
    except (error.TimeoutError, defer.TimeoutError):
        raise ConnectionFailed(f"{shown} does not answer: is the computer on?") from None
    except error.ConnectionRefusedError:
        raise _unheard(where, shown) from None
    except error.ConnectError as reason:
        if reason.osError == errno.ENOENT:  # of a UNIX socket
            raise _unheard(where, shown) from None
        raise ConnectionFailed(f"cannot reach {shown}: {_words(reason)}") from None
    return await protocol.secured


def _unheard(where: Where, shown: str) -> ConnectionFailed:
    place = "path" if isinstance(where, Address) and where.path else "port"
    return ConnectionFailed(f"nothing listens at {shown}: is the server running, and is the {place} right?")


def _words(reason: error.ConnectError) -> str:
    number = reason.osError.errno if isinstance(reason.osError, OSError) else reason.osError
    return os.strerror(number) if isinstance(number, int) else str(reason).rstrip(".")
