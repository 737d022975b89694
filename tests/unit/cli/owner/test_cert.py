"""`homeftp cert` on a state folder."""

from __future__ import annotations

import json
import os
import plistlib

from cryptography import x509

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.crypto.ca import fingerprint, open_identity
from homeftp.host import now
from tests.support.commandline import CommandCase


class CertTests(CommandCase):
    """The command line."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = os.path.abspath(self.mktemp())
        self.homeftp("account", "add", "ann", "--no-password", "--state", self.folder)

    def cert(self, *arguments: str) -> int:
        return self.homeftp("cert", *arguments, "--state", self.folder)

    def start(self) -> x509.Certificate:
        """The home has its identity."""
        return open_identity(self.folder, now=now).ca

    def test_not_started(self) -> None:
        """Before the first start there is none, and the command makes none."""
        self.assertEqual(self.cert(), Exit.USAGE)
        self.assertIn("start the server once", self.err.getvalue())
        self.assertFalse(os.path.exists(os.path.join(self.folder, "identity")))

    def test_fingerprint(self) -> None:
        """The fingerprint is that which the server prints."""
        ca = self.start()
        self.assertEqual(self.cert(), Exit.DONE)
        self.assertEqual(self.out.getvalue(), f"{fingerprint(ca)}, valid until {ca.not_valid_after_utc.date()}\n")

    def test_written(self) -> None:
        """Both forms are written to files; one that is there already stays, whatever it is."""
        ca = self.start()
        pem, profile = os.path.abspath(self.mktemp()), os.path.abspath(self.mktemp())
        self.assertEqual(self.cert("--pem", pem, "--mobileconfig", profile, "--json"), Exit.DONE)
        told = json.loads(self.out.getvalue())
        self.assertEqual((told["fingerprint"], told["pem"], told["mobileconfig"]), (fingerprint(ca), pem, profile))
        with open(pem, "rb") as file:
            self.assertEqual(x509.load_pem_x509_certificate(file.read()), ca)
        with open(profile, "rb") as file:
            self.assertEqual(plistlib.load(file)["PayloadDisplayName"], "homeftp")
        self.assertEqual(self.cert("--pem", pem), Exit.USAGE)
        self.assertIn("exists already", self.err.getvalue())
        self.assertEqual(self.cert("--pem", os.path.join(pem, "x")), Exit.USAGE)
        self.assertIn("Not a directory", self.err.getvalue())

    def test_piped(self) -> None:
        """Standard output gets one form alone."""
        ca = self.start()
        self.assertEqual(self.cert("--pem", "-"), Exit.DONE)
        self.assertEqual(x509.load_pem_x509_certificate(self.out.getvalue().encode()), ca)
        for arguments in (("--pem", "-", "--mobileconfig", "-"), ("--pem", "-", "--json")):
            self.assertEqual(self.cert(*arguments), Exit.USAGE)
            self.assertEqual(self.out.getvalue(), "")
