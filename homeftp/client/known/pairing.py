"""Pairing with a server: a short code becomes a device certificate; later the certificate is renewed.

The server must prove that it knows the code in this TLS session before
anything is sent to it but the messages of the key exchange. Then it gets a
certificate signing request; the device's key never leaves this machine.
"""

from __future__ import annotations

from typing import Annotated, Any, Callable, Sequence, TypeVar, cast

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Meta
from twisted.internet.interfaces import IReactorTime

from homeftp.client.api import Client
from homeftp.client.connection.protocol import ClientProtocol
from homeftp.client.connection.replies import understood
from homeftp.client.dial import ServerAddress, connect_first
from homeftp.config import MAX_NAME, ClientTimeouts
from homeftp.crypto import ca as identity
from homeftp.crypto import tls
from homeftp.crypto.devicecert import belongs, new_request
from homeftp.crypto.pake import Code, PakeExchange, proves
from homeftp.discovery import short
from homeftp.errors import BadRequest, UntrustedServer
from homeftp.wire.messages import Proof, SpakeMessage

T = TypeVar("T")

_MAX_CERTIFICATE = 8192
"""Characters of a certificate in PEM; the server's have fewer than 1000."""


@attrs.frozen
class PairingResult:
    """The values that `connect` needs to log in to the paired server, and the server's names for them."""

    host: str
    """The name of the server's machine: a suggestion for the remote's name."""
    account: str
    """The name of the account."""
    device: str
    """The name of this device on the server."""
    fingerprint: str
    """The CA's fingerprint."""
    ca: bytes
    """The CA's certificate, PEM."""
    certificate: bytes
    """The device's certificate, PEM."""
    key: bytes = attrs.field(repr=False)
    """The device's key, PEM."""
    address: object = None
    """The one of the addresses given to `pair` at which the server was reached."""


_Name = Annotated[str, Meta(max_length=MAX_NAME)]
_Certificate = Annotated[str, Meta(max_length=_MAX_CERTIFICATE)]


@attrs.frozen
class _MessageReply:
    message: SpakeMessage


@attrs.frozen
class _ProofReply:
    proof: Proof
    host: _Name = ""


@attrs.frozen
class _PairReply:
    certificate: _Certificate
    device: _Name
    account: _Name


@attrs.frozen
class _RenewReply:
    certificate: _Certificate


async def pair(
    reactor: IReactorTime,
    endpoint: ServerAddress | Sequence[ServerAddress],
    code: Code,
    *,
    device: str,
    machine: Callable[[str], str] | None = None,
    announced: str = "",
    timeouts: ClientTimeouts | None = None,
) -> PairingResult:
    """Pair with the server that made the code; `device` is the name that this machine suggests for itself.

    `machine` gives the id by which the server with that CA fingerprint recognises this machine (`Machine.id_for`).
    Several addresses are tried together. `announced` is the beginning of a
    CA's fingerprint in hexadecimal digits; the code is then only tried with a
    server of that CA.

    Raises `ConnectionFailed`, `LoginFailed` (32) for a code that is wrong or
    no longer valid, `Busy` (51), and `UntrustedServer` for a server that does
    not know the code, or a connection that is intercepted.
    """

    def check_announced(protocol: ClientProtocol) -> None:
        fingerprint = identity.fingerprint(tls.presented_ca(protocol.transport))
        if not short(fingerprint).startswith(announced):
            raise UntrustedServer("another server than the announced one answers there; the code was not sent")

    addresses = list(endpoint) if isinstance(endpoint, (list, tuple)) else [cast(ServerAddress, endpoint)]
    options = tls.first_contact_options()
    address, protocol = await connect_first(reactor, addresses, options, timeouts or ClientTimeouts(), check_announced)
    try:
        return attrs.evolve(await pair_over(Client(protocol), code, device, machine), address=address)
    finally:
        await protocol.close()


async def pair_over(
    client: Client, code: Code, device: str, machine: Callable[[str], str] | None = None
) -> PairingResult:
    """`pair` over a connection with TLS whose server has not proven its identity."""
    transport = client.protocol.transport
    ca = tls.presented_ca(transport)
    exchange = PakeExchange(code, is_server=False)
    reply = await _request(client, _MessageReply, invitation=code.number, message=exchange.message.hex())
    try:
        proofs = exchange.finish(bytes.fromhex(reply.message), tls.pairing_secret(transport))
    except BadRequest as error:
        raise _wrong_proof() from error
    proven = await _request(client, _ProofReply, proof=proofs.device.hex())
    if not proves(bytes.fromhex(proven.proof), proofs.server):
        raise _wrong_proof()
    key, request = new_request()
    same = {} if machine is None else {"machine": machine(identity.fingerprint(ca))}
    paired = await _request(client, _PairReply, request=request.decode("ascii"), device=_sendable(device), **same)
    certificate = paired.certificate.encode()
    _check_certificate(certificate, key, ca)
    return PairingResult(
        proven.host,
        paired.account,
        paired.device,
        identity.fingerprint(ca),
        ca.public_bytes(Encoding.PEM),
        certificate,
        key,
    )


async def renew(client: Client, ca_pem: bytes) -> tuple[bytes, bytes]:
    """A new certificate for the device that is logged in, and its new key; both PEM.

    Raises the server's refusals, and `UntrustedServer` for a certificate that
    is not of the CA `ca_pem`.
    """
    key, request = new_request()
    part = await client.request("RENEW", {"request": request.decode("ascii")}).last()
    certificate = understood(part.body, _RenewReply, "the answer to RENEW").certificate.encode()
    _check_certificate(certificate, key, x509.load_pem_x509_certificate(ca_pem))
    return certificate, key


def _sendable(name: str) -> str:
    """A machine's name, without what cannot be sent."""
    return name.encode("utf-8", "replace").decode("utf-8")[:MAX_NAME]


def _wrong_proof() -> UntrustedServer:
    return UntrustedServer(
        "the server does not know the code, or someone is intercepting the connection. Do not use this code "
        "again; make a new one"
    )


async def _request(client: Client, kind: type[T], **body: Any) -> T:
    part = await client.request("PAIR", body).last()
    return understood(part.body, kind, "the answer to PAIR")


def _check_certificate(certificate: bytes, key: bytes, ca: x509.Certificate) -> None:
    try:
        is_valid = belongs(x509.load_pem_x509_certificate(certificate), key, ca)
    except Exception:  # noqa: BLE001 (a hostile server's certificate may raise anything)
        is_valid = False
    if not is_valid:
        raise UntrustedServer("the certificate that the server made for this device is not from its own CA: pair again")
