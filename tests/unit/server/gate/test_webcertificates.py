"""Which certificate the web shows, and when that changes."""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timedelta, timezone

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.logger import capturedLogs

from homeftp.config import Settings
from homeftp.crypto.ca import FOLDER, key_pem, open_identity
from homeftp.crypto.tls import web_options
from homeftp.crypto.webcert import ServedCertificate, host_names, names_in, open_web_certificate
from homeftp.server.gate.listen import RenewableOptions
from homeftp.server.gate.webcertificates import WebCertificates
from homeftp.workers import InlineWorkers
from tests.support.folders import QuickCase

START = datetime(2026, 5, 1, 12, 0, tzinfo=timezone.utc)


class WebCertificatesCase(QuickCase):
    """A home on a machine with one address."""

    def setUp(self) -> None:
        self.now = START
        self.state = os.path.abspath(self.mktemp())
        self.addresses = ["192.0.2.7"]
        open_identity(self.state, now=lambda: self.now)
        self.options: RenewableOptions[ServedCertificate] = RenewableOptions("1.2", web_options)

    def make(self, chain: str | None = None, key: str | None = None) -> WebCertificates:
        settings = Settings(root="/", state=self.state, web_cert=chain, web_key=key)
        options, workers = self.options, InlineWorkers()
        return WebCertificates(
            settings, options, workers, name="nas", addresses=self.own_addresses, now=lambda: self.now
        )

    def own_addresses(self) -> list[str]:
        """The machine's addresses now; it may be impossible to find out."""
        if not self.addresses:
            raise OSError
        return self.addresses

    def shown(self) -> ServedCertificate:
        """What a new connection is shown."""
        return self.options.identity


class HomeTests(WebCertificatesCase):
    """The certificate of the home."""

    def test_addresses(self) -> None:
        """A new address is in the certificate at the next look; no address, and one that is gone, change nothing."""
        certificates = self.make()
        certificates.open()
        first = self.shown()
        for addresses in ([], ["192.0.2.7"]):
            self.addresses = addresses
            self.successResultOf(certificates.reload())
            self.assertIs(self.shown(), first)
        self.addresses = ["192.0.2.8"]
        self.successResultOf(certificates.reload())
        self.assertIn("192.0.2.8", [str(name.value) for name in names_in(self.shown().certificate)])

    def test_renewed(self) -> None:
        """It is made anew before it ends, without a restart."""
        certificates = self.make()
        certificates.open()
        first = self.shown()
        self.now += timedelta(days=370)
        self.successResultOf(certificates.reload())
        self.assertGreater(self.shown().certificate.not_valid_after_utc, first.certificate.not_valid_after_utc)

    def test_failure(self) -> None:
        """Where it cannot be made, the one before stays, and the log says why."""
        certificates = self.make()
        certificates.open()
        first = self.shown()
        self.now += timedelta(days=370)
        os.chmod(os.path.join(self.state, FOLDER), 0o755)
        self.successResultOf(certificates.reload())
        self.assertIs(self.shown(), first)
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        os.chmod(os.path.join(self.state, FOLDER), 0o700)
        self.successResultOf(certificates.reload())
        self.assertIsNot(self.shown(), first)


class OwnersTests(WebCertificatesCase):
    """The owner's own certificate, from two files: those of another home stand for another authority."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        self.chain, self.key = (os.path.join(self.folder, name) for name in ("fullchain.pem", "privkey.pem"))
        self.logged: list[str] = []

    def write(self, *, key_of: ServedCertificate | None = None) -> ServedCertificate:
        """A new certificate in the files, with its key or another one's."""
        other = os.path.abspath(self.mktemp())
        open_identity(other, now=lambda: self.now)
        made = open_web_certificate(other, host_names("nas", ()), now=lambda: self.now)
        with open(self.chain, "wb") as file:
            file.write(b"".join(each.public_bytes(Encoding.PEM) for each in made.chain))
        key = (key_of or made).key
        with open(self.key + ".new", "wb") as file:
            file.write(key_pem(key))  # type: ignore[arg-type]
        os.replace(self.key + ".new", self.key)
        shutil.rmtree(other)
        return made

    def check(self, certificates: WebCertificates, *, again: bool = False) -> list[str]:
        """Look for changes; gives what is logged as an error."""
        with capturedLogs() as logs:
            self.successResultOf(certificates.reload(again=again))
        return [f"{each['instead']}: {each['why']}" for each in logs if "why" in each]

    def test_read_again(self) -> None:
        """Both files are shown, whole; what is written there is shown at the next look, and at once with SIGHUP."""
        first = self.write()
        certificates = self.make(self.chain, self.key)
        certificates.open()
        self.assertEqual(self.shown().chain, first.chain)
        self.assertEqual(self.check(certificates), [])
        second = self.write()
        self.assertEqual(self.shown().chain, first.chain)
        self.assertEqual(self.check(certificates), [])
        self.assertEqual(self.shown().chain, second.chain)
        third = self.write()
        self.assertEqual(self.check(certificates, again=True), [])
        self.assertEqual(self.shown().chain, third.chain)

    def test_link(self) -> None:
        """Links that name other files by now, as certbot changes them, are noticed."""
        self.write()
        names = (self.chain, self.key)
        for name in names:
            os.rename(name, name + ".1")
            os.symlink(name + ".1", name)
        certificates = self.make(self.chain, self.key)
        certificates.open()
        for name in names:
            os.unlink(name)
        second = self.write()
        for name in names:
            os.rename(name, name + ".2")
            os.symlink(name + ".2", name)
        self.assertEqual(self.check(certificates), [])
        self.assertEqual(self.shown().chain, second.chain)

    def test_unusable(self) -> None:
        """What cannot be used is logged once, in words, and the one before stays; SIGHUP says it again."""
        first = self.write()
        certificates = self.make(self.chain, self.key)
        certificates.open()
        self.write(key_of=first)
        (told,) = self.check(certificates)
        self.assertIn("the previous one stays in use: the key in ", told)
        self.assertEqual(self.check(certificates), [])
        self.assertEqual(len(self.check(certificates, again=True)), 1)
        self.assertEqual(self.shown().chain, first.chain)
        os.unlink(self.key)
        (told,) = self.check(certificates)
        self.assertIn("No such file", told)
        second = self.write()
        self.assertEqual(self.check(certificates), [])
        self.assertEqual(self.shown().chain, second.chain)

    def test_unusable_at_start(self) -> None:
        """At the start the home's own certificate is shown in its place, and renewed; the files are looked at again."""
        self.write()
        self.now += timedelta(days=400)
        certificates = self.make(self.chain, self.key)
        with capturedLogs() as logs:
            certificates.open()
        (told,) = (each for each in logs if "why" in each)
        self.assertIn("the home's own certificate is used", told["instead"])
        self.assertIn("is valid from", told["why"])
        home = self.shown()
        self.assertEqual(home.chain[1], open_identity(self.state, now=lambda: self.now).ca)
        self.addresses = ["192.0.2.9"]
        self.assertEqual(self.check(certificates), [])
        self.assertNotEqual(self.shown(), home)
        own = self.write()
        self.assertEqual(self.check(certificates), [])
        self.assertEqual(self.shown().chain, own.chain)
