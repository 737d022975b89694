"""TLS in memory, and a certificate authority that issues what a home's never would."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, connect
from zope.interface import implementer

from homeftp.crypto.ca import Identity, key_usage, server_name

SECRET = b"the client's first bytes"


def now() -> datetime:
    """OpenSSL goes by the real clock, so the certificates of these tests do."""
    return datetime.now(timezone.utc)


def dns(name: str) -> x509.SubjectAlternativeName:
    """The extension that gives a certificate this name."""
    return x509.SubjectAlternativeName([x509.DNSName(name)])


@attrs.define
class Authority:
    """A CA whose key the test holds, to issue what open_identity never would."""

    name: str = "homeftp home"
    key: ec.EllipticCurvePrivateKey = attrs.field(factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    certificate: x509.Certificate = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Sign its own certificate."""
        self.certificate = self.sign(self.name, self.key, ca=True)

    def sign(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        *,
        ca: bool = False,
        names: x509.ExtensionType | None = None,
        usage: x509.ObjectIdentifier | None = None,
        start: timedelta = timedelta(days=-1),
        end: timedelta = timedelta(days=30),
    ) -> x509.Certificate:
        """A certificate of this CA."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now() + start)
            .not_valid_after(now() + end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(key_usage(certificates=ca), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if not ca:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
            builder = builder.add_extension(identifier, critical=False)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def server(self, **changes: Any) -> Identity:
        """A server of this home: one that every client must accept, but for the `changes`."""
        key = ec.generate_private_key(ec.SECP256R1())
        asked: dict[str, Any] = {
            "names": dns(server_name(self.certificate)),
            "usage": ExtendedKeyUsageOID.SERVER_AUTH,
        }
        return Identity(self.certificate, self.sign("server", key, **(asked | changes)), key)


@implementer(IHandshakeListener)
class Talker(Protocol):
    """Sends its first bytes at once, and keeps what comes."""

    def __init__(self, first: bytes = b"") -> None:
        self.first = first
        self.received = b""
        self.secured = False
        self.reason: Failure | None = None

    def connectionMade(self) -> None:
        """Twisted holds the bytes back until the handshake is done."""
        assert self.transport is not None
        self.transport.write(self.first)

    def handshakeCompleted(self) -> None:
        """TLS is up, as far as this end knows."""
        self.secured = True

    def dataReceived(self, data: bytes) -> None:
        """Keep it."""
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Keep the reason."""
        self.reason = reason


def _same(talker: Talker) -> Talker:
    return talker


def handshake(server_options: Any, client_options: Any) -> tuple[Talker, Talker]:
    """The server's and the client's end of one TLS connection in memory, after all that they would say."""
    server, client = Talker(), Talker(SECRET)
    ends = []
    clock = Clock()
    for options, is_client, talker in ((server_options, False, server), (client_options, True, client)):
        wrapping = TLSMemoryBIOFactory(options, is_client, Factory.forProtocol(partial(_same, talker)), clock)
        wrapped = wrapping.buildProtocol(None)
        ends.append((wrapped, FakeTransport(wrapped, isServer=not is_client)))
    pump = connect(*ends[0], *ends[1])
    pump.flush()
    clock.advance(0)
    pump.flush()
    return server, client
