"""The profile for Apple's systems."""

from __future__ import annotations

import plistlib
import uuid

from cryptography.hazmat.primitives.serialization import Encoding

from homeftp.crypto.ca import fingerprint, home_domain
from homeftp.crypto.mobileconfig import mobileconfig
from tests.unit.crypto.test_ca import IdentityCase


class MobileConfigTests(IdentityCase):
    """What it contains."""

    def test_profile(self) -> None:
        """It installs the CA as a root, can be removed, and says what to compare."""
        ca = self.open().ca
        profile = plistlib.loads(mobileconfig(ca))
        self.assertEqual((profile["PayloadType"], profile["PayloadVersion"]), ("Configuration", 1))
        self.assertIs(profile["PayloadRemovalDisallowed"], False)
        self.assertIn(fingerprint(ca), profile["PayloadDescription"])
        (payload,) = profile["PayloadContent"]
        self.assertEqual(payload["PayloadType"], "com.apple.security.root")
        self.assertEqual(payload["PayloadContent"], ca.public_bytes(Encoding.DER))
        for each in (profile, payload):
            self.assertTrue(each["PayloadIdentifier"].startswith(home_domain(ca)))
            self.assertEqual(str(uuid.UUID(each["PayloadUUID"])).upper(), each["PayloadUUID"])
        self.assertNotEqual(profile["PayloadUUID"], payload["PayloadUUID"])

    def test_same(self) -> None:
        """The same home gives the same profile, so that a second one replaces the first; another home another one."""
        first = mobileconfig(self.open().ca)
        self.assertEqual(mobileconfig(self.open().ca), first)
        self.state = self.mktemp()
        other = plistlib.loads(mobileconfig(self.open().ca))
        self.assertNotEqual(other["PayloadUUID"], plistlib.loads(first)["PayloadUUID"])
