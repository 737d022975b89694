"""The TLS options of the server and the client, and what a handshake has proven.

Nothing but policy is here: versions, ciphers, names and whom to trust. Which
certificates there are is identity.py's; when a handshake begins and what may
cross before its end is the protocols'.
"""

from __future__ import annotations

from typing import Any, Protocol

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity.cryptography import extract_patterns
from service_identity.hazmat import DNS_ID, verify_service_identity
from twisted.internet import ssl
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from homeftp.config import ALPN
from homeftp.crypto.ca import Identity, server_name
from homeftp.crypto.devicecert import device_id
from homeftp.crypto.tlsrecords import whole_writes
from homeftp.crypto.webcert import ServedCertificate
from homeftp.errors import UntrustedServer

HTTP_ALPN = b"http/1.1"
"""The application protocol of the web (RFC 7301)."""

BINDING_BYTES = 32
"""Length of the secret of a session that a pairing is bound to."""

_EXPORTER = b"EXPORTER-homeftp-pair"
"""The label of the TLS exporter that gives this secret."""

_MINIMUM = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

_CIPHERS_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Forward secrecy and authenticated encryption only; every cipher of TLS 1.3 is so by itself."""


class TLSTransport(Protocol):
    """A transport with TLS established, by `startTLS` or a TLS endpoint."""

    def getHandle(self) -> Any:
        """The `OpenSSL.SSL.Connection`; None once it is lost."""


def server_options(identity: Identity, minimum: str = "1.3") -> ssl.CertificateOptions:
    """The server's end, for `startTLS` and for `TLSMemoryBIOFactory`; `minimum` is "1.3" or "1.2".

    A client may show a certificate, and need not; one that shows a wrong one
    (of another CA, expired, for another use) is refused. One object serves
    all connections. A client that offers other application protocols only is
    refused; one that offers none is not (see `negotiated_ok`).
    """
    # Twisted's annotations still name pyOpenSSL's deprecated classes; it takes cryptography's.
    own: dict[str, Any] = {
        "privateKey": identity.key,
        "certificate": identity.certificate,
        "extraCertChain": list(identity.chain[1:]),
    }
    options = ssl.CertificateOptions(**own, acceptableProtocols=[ALPN], **_common(minimum))
    context = options.getContext()
    # Twisted offers "from this CA" and "if you like" only apart from each other.
    store = context.get_cert_store()
    assert store is not None
    store.add_cert(X509.from_cryptography(identity.ca))
    context.set_verify(SSL.VERIFY_PEER, _accept)
    context.set_options(SSL.OP_NO_RENEGOTIATION)
    whole_writes(context)
    context.set_alpn_select_callback(_choose_protocol)
    return options


def web_options(served: ServedCertificate, minimum: str = "1.2") -> ssl.CertificateOptions:
    """The server's end for browsers and other HTTP clients: HTTP/1.1, and no certificate is asked of a client.

    A browser that is asked for one shows its user a dialog that few people understand. Televisions and older phones
    have no TLS 1.3; of 1.2 only the ciphers of `_CIPHERS_1_2` are offered.
    """
    own: dict[str, Any] = {
        "privateKey": served.key,
        "certificate": served.certificate,
        "extraCertChain": list(served.chain[1:]),
    }
    options = ssl.CertificateOptions(**own, acceptableProtocols=[HTTP_ALPN], **_common(minimum))
    context = options.getContext()
    context.set_options(SSL.OP_NO_RENEGOTIATION)
    whole_writes(context)
    context.set_alpn_select_callback(_choose_http)
    return options


def _choose_http(connection: SSL.Connection, offered: list[bytes]) -> bytes:
    """Choose HTTP/1.1; a client that offers none of it, such as one of HTTP/2 only, is refused."""
    if HTTP_ALPN not in offered:
        raise SSL.Error([("homeftp", "ALPN", "the client offers other application protocols only")])
    return HTTP_ALPN


def _accept(connection: SSL.Connection, certificate: X509, error: int, depth: int, chain_valid: int) -> bool:
    """Accept each certificate of a client's chain that OpenSSL accepts."""
    return bool(chain_valid)


def _choose_protocol(connection: SSL.Connection, offered: list[bytes]) -> bytes:
    """Choose our application protocol; where it is not offered, the handshake ends with an alert.

    What is raised makes OpenSSL send the alert no_application_protocol
    (RFC 7301). Twisted's own choice is an empty name, which the client can
    only take for a broken server.
    """
    if ALPN not in offered:
        raise SSL.Error([("homeftp", "ALPN", "the client offers other application protocols only")])
    return ALPN


@attrs.frozen
class DeviceIdentity:
    """The certificate and key by which a device proves its identity."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = attrs.field(repr=False)


def device_identity(certificate_pem: bytes, key_pem: bytes) -> DeviceIdentity:
    """A device's certificate and its key; raises `UntrustedServer` when they are damaged."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        key = load_pem_private_key(key_pem, password=None)
    except Exception:  # noqa: BLE001 - whatever is wrong with it
        raise UntrustedServer("this device's certificate is damaged: pair again") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise UntrustedServer("this device's certificate is damaged: pair again")
    return DeviceIdentity(certificate, key)


def client_options(
    ca_pem: bytes, *, minimum: str = "1.3", own: DeviceIdentity | None = None
) -> IOpenSSLClientConnectionCreator:
    """The client's end: only a server of the home whose CA this is will do, whatever its address.

    With `own` the client proves its own identity too, but only after the
    server has proven its identity.

    The name is not sent (no SNI): the server needs none, and it would let
    every network on the way recognise the home. Raises `UntrustedServer` when
    `ca_pem` is no certificate.
    """
    try:
        ca = x509.load_pem_x509_certificate(ca_pem)
    except ValueError as error:
        raise UntrustedServer("the server's pinned certificate is damaged: add the server again") from error
    trust = ssl.trustRootFromCertificates([ssl.Certificate.loadPEM(ca_pem)])
    proof: dict[str, Any] = {} if own is None else {"privateKey": own.key, "certificate": own.certificate}
    options = ssl.CertificateOptions(trustRoot=trust, acceptableProtocols=[ALPN], **proof, **_common(minimum))
    whole_writes(options.getContext())
    return _NameVerifier(options, DNS_ID(server_name(ca)))


@implementer(IOpenSSLClientConnectionCreator)
@attrs.frozen
class _NameVerifier:
    """Connections that fail unless the other end's certificate bears this name.

    `optionsForClientTLS` is not enough: its check lets a certificate pass
    whose names cannot be read, or that has none (Twisted 26.10 with
    service-identity 26.1), since only a `VerificationError` stops it. Here
    nothing passes but a name that fits.
    """

    options: ssl.CertificateOptions
    name: DNS_ID

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """The OpenSSL connection of one transport."""
        connection = self.options.clientConnectionForTLS(tlsProtocol)
        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._verify)
        return connection

    def _verify(self, connection: SSL.Connection, certificate: X509, error: int, depth: int, chain_valid: int) -> bool:
        """Accept what OpenSSL accepts; of the server's own certificate check the name and the usage too."""
        if depth > 0 or not chain_valid:
            return bool(chain_valid)
        try:
            presented = certificate.to_cryptography()
            verify_service_identity(extract_patterns(presented), [self.name], [])
            usage = presented.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            names = presented.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            if ExtendedKeyUsageOID.SERVER_AUTH not in usage or any("*" in str(name.value) for name in names):
                return False
        except Exception:  # noqa: BLE001 - whatever the reason, the name is not proven
            return False
        return True


def first_contact_options(*, minimum: str = "1.3") -> ssl.CertificateOptions:
    """The client's end when no CA is known yet: any server will do, so nothing secret may be sent.

    For `presented_ca` alone; then the connection is closed, and a person
    compares the fingerprint before there is another.
    """
    return ssl.CertificateOptions(acceptableProtocols=[ALPN], **_common(minimum))


def presented_ca(transport: TLSTransport) -> x509.Certificate:
    """The CA that the server at the other end of `transport` presented, once it is proven to be that server's.

    Raises `UntrustedServer` when the chain is not that of a homeftp server: no CA
    in it, a certificate that the CA did not make or that bears another name,
    is for another use, or is not valid today.
    """
    try:
        leaf, ca = transport.getHandle().get_peer_cert_chain(as_cryptography=True)
        ca.verify_directly_issued_by(ca)
        policy = verification.PolicyBuilder().store(verification.Store([ca]))
        policy.build_server_verifier(x509.DNSName(server_name(ca))).verify(leaf, [])
    except Exception as error:  # a hostile chain may trip over anything
        raise UntrustedServer(
            "what answers there does not prove to be a homeftp server: check the address and both machines' clocks"
        ) from error
    authority: x509.Certificate = ca
    return authority


def presented_device(transport: TLSTransport, ca: x509.Certificate) -> str | None:
    """The id of the device at the other end, which TLS has verified; None when it showed no certificate."""
    connection = transport.getHandle()
    certificate = None if connection is None else connection.get_peer_certificate(as_cryptography=True)
    return None if certificate is None else device_id(certificate, ca)


def pairing_secret(transport: TLSTransport) -> bytes:
    """A secret that only the two ends of this TLS session know; it binds a pairing to the session. b"" without TLS."""
    connection = transport.getHandle()
    if connection is None:
        return b""
    secret: bytes = connection.export_keying_material(_EXPORTER, BINDING_BYTES)
    return secret


def negotiated_ok(transport: TLSTransport, *, required: bool = False) -> bool:
    """Whether the application protocol is ours, as far as ALPN says (RFC 7301).

    A peer without ALPN passes unless `required`: `openssl s_client` offers
    none, our own client always insists.
    """
    connection = transport.getHandle()
    if connection is None:
        return False
    negotiated = connection.get_alpn_proto_negotiated()
    return negotiated == ALPN or (negotiated == b"" and not required)


def _common(minimum: str) -> dict[str, Any]:
    """The options of both ends.

    By itself Twisted leaves out compression, sessions and tickets, and gives
    back the buffers of idle connections (MODE_RELEASE_BUFFERS).
    """
    return {
        "raiseMinimumTo": _MINIMUM[minimum],
        "acceptableCiphers": ssl.AcceptableCiphers.fromOpenSSLCipherString(_CIPHERS_1_2),
    }
