"""The certificates of devices: made by the home's CA at pairing, and read when a device logs in.

A device generates its key itself and never sends it. Its certificate contains
an id, under a domain that has no server names, and is for TLS clients only, so
that it can never pass as a server's. accounts/devices.py knows which ids may
log in.
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
"""Age at which a device asks for a new certificate: more than half a year is left for that."""


def device_id(certificate: x509.Certificate, ca: x509.Certificate) -> str | None:
    """The id in a device's certificate; None for any other certificate of that CA.

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
    """A new key for a device, and its signing request; both PEM. The request contains only the public key."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return key_pem(key), request.public_bytes(Encoding.PEM)


def certify_device(state: str, request_pem: bytes, id: str, *, now: Callable[[], datetime]) -> x509.Certificate:
    """A certificate for the device with this id, from its signing request (PEM).

    Only the public key of the request is used. Blocks. Raises `BadRequest`
    (20) unless the request is for a P-256 key and signed by it, and
    `OperatorError` as `open_identity` does.
    """
    try:
        request = x509.load_pem_x509_csr(request_pem)
        key = request.public_key()
        valid = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
        valid = valid and request.is_signature_valid
    except Exception:  # noqa: BLE001 - a hostile request may raise anything
        valid = False
    if not valid or not isinstance(key, ec.EllipticCurvePublicKey):
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


def is_renewal_due(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether the certificate is old enough to be renewed."""
    return now >= certificate.not_valid_before_utc + RENEW_AFTER


def belongs(certificate: x509.Certificate, key: bytes, ca: x509.Certificate) -> bool:
    """Whether a device's certificate was made by that CA, for that key (PEM)."""
    try:
        certificate.verify_directly_issued_by(ca)
        own = load_pem_private_key(key, password=None).public_key()
    except Exception:  # noqa: BLE001 - as above
        return False
    return own == certificate.public_key() and device_id(certificate, ca) is not None
