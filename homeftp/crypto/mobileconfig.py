"""A configuration profile for Apple's systems that installs the home's CA (Apple's Configuration Profile Reference)."""

from __future__ import annotations

import plistlib
import uuid

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from homeftp.crypto.ca import fingerprint, home_domain

FILE_NAME = "homeftp.mobileconfig"
"""The name that people see among their downloads."""


def mobileconfig(ca: x509.Certificate) -> bytes:
    """The profile. It is the same each time, so that a second installation replaces the first."""
    domain, shown = home_domain(ca), fingerprint(ca)
    identifiers = [f"{domain}.profile", f"{domain}.ca"]
    profile, payload = (str(uuid.uuid5(uuid.NAMESPACE_DNS, each)).upper() for each in identifiers)
    certificate = {
        "PayloadType": "com.apple.security.root",
        "PayloadVersion": 1,
        "PayloadIdentifier": identifiers[1],
        "PayloadUUID": payload,
        "PayloadDisplayName": "homeftp home",
        "PayloadDescription": f"The certificate authority of one homeftp server. {shown}",
        "PayloadCertificateFileName": "homeftp-ca.cer",
        "PayloadContent": ca.public_bytes(Encoding.DER),
    }
    whole = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": identifiers[0],
        "PayloadUUID": profile,
        "PayloadDisplayName": "homeftp",
        "PayloadDescription": f"Lets this device recognise your homeftp server. Compare before you install: {shown}",
        "PayloadRemovalDisallowed": False,
        "PayloadContent": [certificate],
    }
    return plistlib.dumps(whole)
