"""The certificate of the web: a second one of the home's CA, with the machine's names and addresses.

Browsers and other programs know a server by its address, not by the name that
homeftp's own clients verify. So this certificate has the addresses of the
machine, and is made anew when these change. Or the owner has one of another
authority, in two files that another program renews.

The CA may certify only for the domains of a home (`ca.HOME_DOMAINS`): a name of
one word, such as `nas`, is in none of them, and would make programs refuse the
whole certificate. Addresses are not limited (RFC 5280, section 4.2.1.10: there
is no constraint of that form).
"""

from __future__ import annotations

import ipaddress
import os
from datetime import datetime, timedelta
from typing import Callable, Sequence

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from homeftp.config import MIB
from homeftp.crypto.ca import (
    FOLDER,
    HOME_DOMAINS,
    RENEW_BEFORE,
    certificate_builder,
    is_possible,
    issued_pair,
    key_pem,
    key_usage,
    load_ca,
)
from homeftp.crypto.secretfiles import private_folder, write_private
from homeftp.errors import OperatorError

WEB_LIFE = timedelta(days=397)
"""Apple and Chromium refuse longer ones, of public authorities at least: 398 days (CA/Browser Forum ballot SC-031)."""

MOST_ADDRESSES = 100
"""Addresses in a certificate, at most: a machine with many containers has dozens."""

_LOOPBACK = ("127.0.0.1", "::1")
"""For programs on the server's own machine."""

_LARGEST = 1 * MIB
"""Bytes of a file with a certificate or a key, at most."""

WebKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
"""The kinds of keys that a certificate of another authority may have."""

FileStamp = tuple[int, int, int, int, int] | None
"""A value that changes when a file, or the target of a link, is written, replaced or made readable; None: no file."""


@attrs.frozen
class ServedCertificate:
    """The certificates for the web, the server's own first, and the key of that."""

    chain: tuple[x509.Certificate, ...]
    key: WebKey = attrs.field(repr=False, eq=False)

    @property
    def certificate(self) -> x509.Certificate:
        """The server's own."""
        return self.chain[0]


def host_names(name: str, addresses: Sequence[str]) -> tuple[x509.GeneralName, ...]:
    """The names of a machine in its network, from its host name and its addresses."""
    domains = [x509.DNSName(f"{name}.{domain}") for domain in HOME_DOMAINS]
    numbers = [ipaddress.ip_address(each) for each in (*_LOOPBACK, *addresses[:MOST_ADDRESSES])]
    return (*domains, *map(x509.IPAddress, dict.fromkeys(numbers)))


def open_web_certificate(
    state: str, names: Sequence[x509.GeneralName], *, now: Callable[[], datetime]
) -> ServedCertificate:
    """The certificate for these names, from the state folder; made where there is none, or it has not all of them.

    It is made anew in the last 30 days of its life, too. A clock at which not even the CA is valid replaces nothing.
    The home's identity must exist. Blocks; raises `OperatorError` as `open_identity` does.
    """
    folder = private_folder(os.path.join(state, FOLDER))
    ca, ca_key = load_ca(folder)
    found, at = issued_pair(folder, "web", ca), now()
    if found is not None:
        certificate, key = found
        is_due = not certificate.not_valid_before_utc <= at < certificate.not_valid_after_utc - RENEW_BEFORE
        if not set(names) - set(names_in(certificate)) and (not is_due or not is_possible(ca, at)):
            return ServedCertificate((certificate, ca), key)
    return _make(folder, ca, ca_key, max(at, ca.not_valid_before_utc), names)


def names_in(certificate: x509.Certificate) -> list[x509.GeneralName]:
    """The names and addresses that a certificate is for."""
    try:
        return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def _make(
    folder: str,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    at: datetime,
    names: Sequence[x509.GeneralName],
) -> ServedCertificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "homeftp web")])
    certificate = (
        certificate_builder(subject, ca.subject, key.public_key(), at, WEB_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    write_private(os.path.join(folder, "web.key"), key_pem(key))
    write_private(os.path.join(folder, "web.crt"), certificate.public_bytes(Encoding.PEM))
    return ServedCertificate((certificate, ca), key)


def read_web_certificate(chain: str, key: str, *, now: Callable[[], datetime]) -> ServedCertificate:
    """The certificate of another authority, from a file with it and those above it, and the file of its key; both PEM.

    Blocks. Raises `OperatorError`, in words, for files that cannot be read or used now.
    """
    chain_content, key_content = _read(chain), _read(key)
    try:
        certificates = x509.load_pem_x509_certificates(chain_content)
    except ValueError:
        raise OperatorError(f"{chain} has no certificate in PEM form, such as certbot's fullchain.pem") from None
    try:
        private = load_pem_private_key(key_content, password=None)
    except TypeError:
        raise OperatorError(f"the key in {key} is encrypted: write it without a password") from None
    except Exception:  # noqa: BLE001 (ValueError, and what the library does not know)
        raise OperatorError(f"{key} has no private key in PEM form, such as certbot's privkey.pem") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise OperatorError(f"the key in {key} is neither RSA nor ECDSA: browsers accept no other")
    own, at = certificates[0], now()
    if private.public_key() != own.public_key():
        raise OperatorError(f"the key in {key} is not that of the first certificate in {chain}")
    if not own.not_valid_before_utc <= at < own.not_valid_after_utc:
        begin, end = own.not_valid_before_utc.date(), own.not_valid_after_utc.date()
        raise OperatorError(f"the certificate in {chain} is valid from {begin} to {end}, and today is {at.date()}")
    return ServedCertificate(tuple(certificates), private)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror}") from None
    if len(content) > _LARGEST:
        raise OperatorError(f"{path} is too large for a certificate or a key")
    return content


def file_stamp(path: str) -> FileStamp:
    """The stamp of a file, to compare later, to find out whether it has changed. Blocks."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
