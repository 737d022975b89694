"""The certificates of devices: made by the home's CA after a pairing, and what is read from one.

A device makes its key itself, and nobody else ever has it. Its certificate
bears an id, under a domain in which no server's name lies, and is for clients
alone, so that it can never pass as the server's. Which ids may come in is not
written here, but in accounts/devices.py.
"""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from typing import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from homeftp.crypto.ca import FOLDER, certificate_builder, home_domain, key_pem, key_usage, load_ca
from homeftp.crypto.secretfiles import private_folder
from homeftp.errors import BadRequest

DEVICE_LIFE = timedelta(days=397)

RENEW_AFTER = DEVICE_LIFE / 2
"""Then a device asks for a new one, with more than half a year in which it may do so."""


def device_id(certificate: x509.Certificate, ca: x509.Certificate) -> str | None:
    """The id that a device's certificate bears; None for any other certificate of that CA.

    The names of devices and of the server lie in different domains, and each
    certificate is for one use alone.
    """
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    found = [name.value for name in names if isinstance(name, x509.DNSName)]
    match = re.fullmatch(rf"([0-9a-f]{{32}})\.device\.{re.escape(home_domain(ca))}", found[0]) if found else None
    if match is None or len(list(names)) != 1 or list(usage) != [ExtendedKeyUsageOID.CLIENT_AUTH]:
        return None
    return match[1]


def new_request() -> tuple[bytes, bytes]:
    """A new key for a device, and its signing request; both PEM. The request says nothing but the public key."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return key_pem(key), request.public_bytes(Encoding.PEM)


def certify_device(state: str, request_pem: bytes, id: str, *, now: Callable[[], datetime]) -> x509.Certificate:
    """A certificate for the device with this id, as its signing request (PEM) asks for one.

    Of the request only the public key counts. Blocks. Raises `BadRequest`
    (20) for what is no request for a P-256 key, or not signed by that key,
    and `SetupError` as `open_identity` does.
    """
    try:
        request = x509.load_pem_x509_csr(request_pem)
        key = request.public_key()
        fits = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
        fits = fits and request.is_signature_valid
    except Exception:  # noqa: BLE001 - a hostile request may trip over anything
        fits = False
    if not fits or not isinstance(key, ec.EllipticCurvePublicKey):
        raise BadRequest("the signing request must be PEM, for a P-256 key, and signed with it")
    ca, ca_key = load_ca(private_folder(os.path.join(state, FOLDER)))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "homeftp device")])
    return (
        certificate_builder(name, ca.subject, key, now(), DEVICE_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(f"{id}.device.{home_domain(ca)}")]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def may_be_renewed(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether enough of its life is over."""
    return now >= certificate.not_valid_before_utc + RENEW_AFTER


def belongs(certificate: x509.Certificate, key: bytes, ca: x509.Certificate) -> bool:
    """Whether a device's certificate is of that CA, and for that key (PEM)."""
    try:
        certificate.verify_directly_issued_by(ca)
        own = load_pem_private_key(key, password=None).public_key()
    except Exception:  # noqa: BLE001 - as above
        return False
    return own == certificate.public_key() and device_id(certificate, ca) is not None
