"""The home's identity: its own certificate authority, and the server's certificate made by it.

This module defines what the certificates contain, where they are kept and when
they are renewed. A home is identified by its CA alone: the name in a server's
certificate is derived from the CA's key, not from an address, so that a client
that knows the CA can verify the server at any address. tls.py uses the
certificates; devicecert.py makes those of devices.

Sources: RFC 5280 (extensions), RFC 8375, RFC 6762 and
ICANN's resolution of 2024-07-29 (names reserved for private networks),
CA/Browser Forum ballot SC-031 (no more than 398 days for a server).
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import tempfile
from datetime import datetime, timedelta
from typing import Callable

import attrs
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from homeftp.crypto.secretfiles import private_folder, read_private, sync_folder, write_private
from homeftp.errors import OperatorError

FOLDER = "identity"
"""Inside the state folder."""

_CA_CERTIFICATE, _CA_KEY = "ca.crt", "ca.key"

CA_LIFE = timedelta(days=25 * 365)
"""Longer than the machines of a home last: a new CA means that every device pairs again."""

SERVER_LIFE = timedelta(days=397)
RENEW_BEFORE = timedelta(days=30)
"""Time before its end at which a server's certificate is renewed."""

BACKDATED = timedelta(days=1)
"""How far the clock of another machine may be behind when a certificate is new."""

_DOMAIN_BYTES = 20
"""Bytes of the key's hash in a home's domain: 160 bits cannot be forged, and fit a DNS label (RFC 1035)."""

HOME_DOMAINS = ("internal", "local", "home.arpa")
"""The only domains for which the CA may certify: a stolen CA key is useless against public sites."""


@attrs.frozen
class Identity:
    """The certificates and the key with which a server proves that it belongs to the home."""

    ca: x509.Certificate
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = attrs.field(repr=False)
    """The private key of `certificate`."""
    server_name: str = attrs.field(init=False)
    """The name in `certificate`, which clients verify; each HELLO asks for it."""

    @server_name.default
    def _name_of_ca(self) -> str:
        return server_name(self.ca)

    @property
    def fingerprint(self) -> str:
        """The CA's fingerprint, for people to compare."""
        return fingerprint(self.ca)

    @property
    def ca_pem(self) -> bytes:
        """The CA's certificate, as clients store it."""
        return self.ca.public_bytes(Encoding.PEM)

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The certificates that the server presents: its own first, the CA last."""
        return (self.certificate, self.ca)


@attrs.frozen
class HomeCA:
    """The CA of a home in its stored form: PEM."""

    certificate: bytes
    key: bytes = attrs.field(repr=False)

    @property
    def fingerprint(self) -> str:
        """By which devices know the home."""
        return fingerprint(x509.load_pem_x509_certificate(self.certificate))


def fingerprint(certificate: x509.Certificate) -> str:
    """`SHA256:` and the hexadecimal SHA-256 of the certificate's DER form."""
    return "SHA256:" + certificate.fingerprint(hashes.SHA256()).hex()


def normalise_fingerprint(text: str) -> str:
    """A fingerprint that a person typed or pasted, in the form that `fingerprint` gives.

    Case, colons, spaces and a missing prefix do not matter. Raises
    `OperatorError` for anything else.
    """
    digits = re.sub(r"[\s:]", "", text.lower().strip().removeprefix("sha256:"))
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise OperatorError("not a fingerprint: it is SHA256: and 64 digits of 0-9 and a-f, as the server prints it")
    return "SHA256:" + digits


def home_domain(ca: x509.Certificate) -> str:
    """The home's own domain, derived from the CA's public key (the first 160 bits of its SHA-256)."""
    key = ca.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    identifier = base64.b32encode(hashlib.sha256(key).digest()[:_DOMAIN_BYTES]).decode("ascii").lower()
    return f"{identifier}.homeftp.internal"


def server_name(ca: x509.Certificate) -> str:
    """The name of the server in the home with this CA."""
    return f"server.{home_domain(ca)}"


def open_identity(state: str, *, now: Callable[[], datetime]) -> Identity:
    """The identity in the state folder; created at the first start.

    The server's certificate is replaced when it ends in less than 30 days, is
    missing or damaged, or comes from a future clock; the CA never is. A clock
    at which not even the CA is valid is wrong, and replaces nothing; and as any
    other may be wrong too, a new certificate is valid whenever the old one was.
    `now` gives aware datetimes. Blocks; a running server calls it again once a day.
    Raises `OperatorError` for what the owner must repair: modes, a damaged or
    incomplete CA, a folder that cannot be written.
    """
    folder = os.path.join(private_folder(state), FOLDER)
    if not os.path.lexists(folder):
        _place_ca(state, folder, new_home(now()))
    private_folder(folder)
    ca, ca_key = load_ca(folder)
    server, at = _load_server(folder, ca), now()
    if server is None:
        return _make_server(folder, ca, ca_key, max(at, ca.not_valid_before_utc), None)
    is_due = not server.certificate.not_valid_before_utc <= at < _renewal(server.certificate)
    if is_due and is_possible(ca, at):
        return _make_server(folder, ca, ca_key, at, server.certificate)
    return server


def read_ca(state: str) -> HomeCA | None:
    """The CA in the state folder, as it is stored; None where there is none. Raises `OperatorError`."""
    folder = os.path.join(state, FOLDER)
    if not os.path.lexists(folder):
        return None
    load_ca(folder)
    certificate, key = (read_private(os.path.join(folder, name)) for name in (_CA_CERTIFICATE, _CA_KEY))
    return HomeCA(certificate or b"", key or b"")


def adopt_ca(state: str, home: HomeCA) -> None:
    """Let a state folder without an identity have the CA of another server of the same home. Raises `OperatorError`."""
    _place_ca(state, os.path.join(private_folder(state), FOLDER), home)


def is_possible(ca: x509.Certificate, at: datetime) -> bool:
    """Whether it may be that time: the home's CA exists and has not ended."""
    return ca.not_valid_before_utc <= at < ca.not_valid_after_utc


def _renewal(certificate: x509.Certificate) -> datetime:
    return certificate.not_valid_after_utc - RENEW_BEFORE


def new_home(now: datetime) -> HomeCA:
    """A new CA, which is stored nowhere yet."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "homeftp home")])
    certificate = (
        certificate_builder(name, name, key.public_key(), now, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(certificates=True), critical=True)
        .add_extension(x509.NameConstraints([x509.DNSName(name) for name in HOME_DOMAINS], None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return HomeCA(certificate.public_bytes(Encoding.PEM), key_pem(key))


def _place_ca(state: str, folder: str, home: HomeCA) -> None:
    """Store a CA, in a folder that appears complete: there is never a key without its certificate."""
    try:
        temporary = tempfile.mkdtemp(prefix=".new-identity-", dir=state)  # mkdtemp makes it 0700
        try:
            write_private(os.path.join(temporary, _CA_KEY), home.key)
            write_private(os.path.join(temporary, _CA_CERTIFICATE), home.certificate)
            os.rename(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        sync_folder(state)
    except OSError as error:
        if not os.path.exists(folder):  # otherwise another process was first: use its identity
            raise OperatorError(f"cannot create {folder}: {error.strerror}") from error


def _make_server(
    folder: str,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    before: x509.Certificate | None,
) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "homeftp server")])
    certificate = (
        certificate_builder(name, ca.subject, key.public_key(), now, SERVER_LIFE, before)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(server_name(ca))]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    write_private(os.path.join(folder, "server.key"), key_pem(key))
    write_private(os.path.join(folder, "server.crt"), certificate.public_bytes(Encoding.PEM))
    return Identity(ca, certificate, key)


def certificate_builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    life: timedelta,
    before: x509.Certificate | None = None,
) -> x509.CertificateBuilder:
    """The parts that all certificates of the home have in common; it is also valid when `before` was."""
    begin, end = now - BACKDATED, now - BACKDATED + life
    if before is not None:
        begin, end = min(begin, before.not_valid_before_utc), max(end, before.not_valid_after_utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def key_usage(*, certificates: bool) -> x509.KeyUsage:
    """The usage of a key: it signs either certificates or handshakes, never both."""
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def load_ca(folder: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """The CA and its key, from the identity's folder. Raises `OperatorError`."""
    pair = _load_pair(folder, "ca")
    if pair is None:
        raise OperatorError(
            f"the home's identity in {folder} is damaged: restore ca.key and ca.crt from a backup, or move the folder "
            "away to get a new identity; then every client must add this server again"
        )
    return pair


def _load_server(folder: str, ca: x509.Certificate) -> Identity | None:
    """The server's certificate, if it is intact and made by this CA."""
    pair = issued_pair(folder, "server", ca)
    return None if pair is None else Identity(ca, *pair)


def issued_pair(
    folder: str, name: str, ca: x509.Certificate
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """A certificate and its key, if they are intact and made by this CA."""
    pair = _load_pair(folder, name)
    if pair is None:
        return None
    try:
        pair[0].verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return None
    return pair


def _load_pair(folder: str, name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """A certificate and its key; None unless both are intact and belong together."""
    certificate_pem = read_private(os.path.join(folder, f"{name}.crt"))
    key_pem = read_private(os.path.join(folder, f"{name}.key"))
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem or b"")
        key = load_pem_private_key(key_pem or b"", password=None)
    except (ValueError, TypeError):  # TypeError: the key is encrypted
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    return certificate, key


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key in its stored form."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
