"""Pairing with a server: from a short code to a certificate of its home, and the next one in time.

Nothing is believed and nothing is told before the server has proven that it
knows the code, in this very TLS session; then it gets a signing request. The
key never leaves this machine.
"""

from __future__ import annotations

from typing import Annotated, Any, Sequence, cast

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Meta

from homeftp.client.api import Client
from homeftp.client.connection.protocol import ClientProtocol
from homeftp.client.connection.replies import understood
from homeftp.client.dial import Where, reach
from homeftp.config import ClientTimeouts
from homeftp.crypto import ca as identity
from homeftp.crypto import tls
from homeftp.crypto.devicecert import belongs, new_request
from homeftp.crypto.pake import Code, PakeExchange, proves
from homeftp.discovery import short
from homeftp.errors import BadRequest, UntrustedServer
from homeftp.wire.messages import Proof, SpakeMessage


@attrs.frozen
class Paired:
    """What a pairing gives."""

    host: str
    """What the server's machine is called there: a suggestion for its name here."""
    account: str
    device: str
    """What this device is called there."""
    fingerprint: str
    """The CA's."""
    ca: bytes
    """The CA's certificate, PEM; this and the next two are what `connect` takes."""
    certificate: bytes
    key: bytes = attrs.field(repr=False)
    where: object = None
    """Which of the places that `pair` was given the server was reached at."""


_Short = Annotated[str, Meta(max_length=256)]


@attrs.frozen
class _Message:
    message: SpakeMessage


@attrs.frozen
class _Proof:
    proof: Proof
    host: _Short = ""


@attrs.frozen
class _Certificate:
    certificate: Annotated[str, Meta(max_length=8192)]
    device: _Short
    account: _Short


@attrs.frozen
class _Renewed:
    certificate: Annotated[str, Meta(max_length=8192)]


async def pair(
    reactor: Any,
    endpoint: Where | Sequence[Where],
    code: Code,
    *,
    device: str,
    announced: str = "",
    patience: ClientTimeouts | None = None,
) -> Paired:
    """Pair with the server at `endpoint`, which knows the code; `device` is what this machine calls itself.

    Several places are tried together. With `announced`, the beginning of a
    CA's fingerprint in hexadecimal digits, the code is tried at a server of
    such a CA only.

    Raises `ConnectionFailed`, `LoginFailed` (32) for a code that is wrong or
    not valid any more, `Busy` (51), and `UntrustedServer` for a server that does
    not know the code, or with somebody between.
    """

    def as_announced(protocol: ClientProtocol) -> None:
        found = identity.fingerprint(tls.presented_ca(protocol.transport))
        if not short(found).startswith(announced):
            raise UntrustedServer("what answers there is not the server that announced itself: the code was not tried")

    places = list(endpoint) if isinstance(endpoint, (list, tuple)) else [cast(Where, endpoint)]
    options = tls.first_contact_options()
    where, protocol = await reach(reactor, places, options, patience or ClientTimeouts(), as_announced)
    try:
        return attrs.evolve(await pair_over(Client(protocol), code, device), where=where)
    finally:
        await protocol.close()


async def pair_over(client: Client, code: Code, device: str) -> Paired:
    """`pair`, over a connection on which TLS is up and nothing has been believed yet."""
    transport = client.protocol.transport
    ca = tls.presented_ca(transport)
    half = PakeExchange(code, is_server=False)
    theirs = await _step(client, _Message, invitation=code.number, message=half.message.hex())
    try:
        proofs = half.finish(bytes.fromhex(theirs.message), tls.pairing_secret(transport))
    except BadRequest as error:
        raise _in_between() from error
    proven = await _step(client, _Proof, proof=proofs.device.hex())
    if not proves(bytes.fromhex(proven.proof), proofs.server):
        raise _in_between()
    key, request = new_request()
    made = await _step(client, _Certificate, request=request.decode("ascii"), device=_plain(device))
    certificate = made.certificate.encode()
    _check(certificate, key, ca)
    return Paired(
        proven.host,
        made.account,
        made.device,
        identity.fingerprint(ca),
        ca.public_bytes(Encoding.PEM),
        certificate,
        key,
    )


async def renew(client: Client, ca_pem: bytes) -> tuple[bytes, bytes]:
    """The next certificate of a device that is logged in by one, and its key; both PEM."""
    key, request = new_request()
    part = await client.request("RENEW", {"request": request.decode("ascii")}).last()
    certificate = understood(part.body, _Renewed, "the answer to RENEW").certificate.encode()
    _check(certificate, key, x509.load_pem_x509_certificate(ca_pem))
    return certificate, key


def _plain(name: str) -> str:
    """What a machine calls itself, as far as it can be sent."""
    return name.encode("utf-8", "replace").decode("utf-8")[:256]


def _in_between() -> UntrustedServer:
    return UntrustedServer("the server does not know the code, or somebody is between: do not use this code again")


async def _step(client: Client, kind: Any, **body: Any) -> Any:
    part = await client.request("PAIR", body).last()
    return understood(part.body, kind, "the answer to PAIR")


def _check(certificate: bytes, key: bytes, ca: x509.Certificate) -> None:
    try:
        good = belongs(x509.load_pem_x509_certificate(certificate), key, ca)
    except Exception:  # noqa: BLE001 - a hostile server's certificate may trip over anything
        good = False
    if not good:
        raise UntrustedServer("the certificate that the server made for this device is none of its home: pair again")
