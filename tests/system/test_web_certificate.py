"""The certificate of the web with real clients: OpenSSL, curl and Chromium; and files that change while it runs."""

from __future__ import annotations

import os
import re
import shutil
import signal
import ssl
import subprocess
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.trial.unittest import SynchronousTestCase

from homeftp.crypto.ca import FOLDER, certificate_builder, key_pem, load_ca, open_identity
from homeftp.crypto.webcert import ServedCertificate, host_names, open_web_certificate
from homeftp.host import now, own_name
from tests.support import needs
from tests.support.processes import ServerProcess, run_homeftp
from tests.support.waiting import wait_until

UNTRUSTED, NO_HANDSHAKE = 60, 35
"""What curl(1) returns for a server that does not prove who it is, and for one without a common cipher."""

SECONDS = 60


class WebCertificateCase(SynchronousTestCase):
    """A server with HTTPS."""

    def start(self, *options: str) -> None:
        """Start it, with these options."""
        self.server = ServerProcess("--https", "tcp:0:interface=127.0.0.1", "--no-announce", *options)
        self.addCleanup(self.server.end)
        match = re.search(r"https://127\.0\.0\.1:(\d+)/", self.server.output())
        assert match is not None, self.server.output()
        self.port = int(match[1])

    def shown(self) -> x509.Certificate:
        """The certificate that a new connection is shown."""
        return x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", self.port)).encode())


class ClientTests(WebCertificateCase):
    """What clients say of the home's own certificate."""

    def setUp(self) -> None:
        self.start()

    def curl(self, *options: str, host: str = "127.0.0.1", path: str = "certificate") -> int:
        """What curl returns; the name leads to the server."""
        asked = ("--resolve", f"{host}:{self.port}:127.0.0.1", f"https://{host}:{self.port}/{path}")
        command = [needs.program("curl"), "-sS", "-f", "-o", "/dev/null", *options, *asked]
        return subprocess.run(command, capture_output=True, timeout=SECONDS, check=False).returncode

    def test_curl(self) -> None:
        """curl with the CA connects by address and by each name of a home, and refuses other names, and without it."""
        written = os.path.abspath(self.mktemp())
        exported = run_homeftp("cert", "--pem", written, "--state", self.server.state)
        self.assertEqual(exported.returncode, 0, exported.stderr)
        self.assertIn(self.server.fingerprint, exported.stdout)
        trusted = ("--cacert", written)
        for host in ("127.0.0.1", *(f"{own_name()}.{domain}" for domain in ("local", "home.arpa", "internal"))):
            self.assertEqual(self.curl(*trusted, host=host), 0, host)
        self.assertEqual(self.curl(*trusted, host="other.local"), UNTRUSTED)
        self.assertEqual(self.curl(), UNTRUSTED)
        self.assertEqual(self.curl("--insecure"), 0, "the control")

    def test_versions(self) -> None:
        """TLS 1.3 and 1.2 with authenticated encryption are spoken, and nothing older or weaker."""
        trusted = ("--cacert", self.server.ca_file)
        for options, code in (
            (("--tlsv1.3",), 0),
            (("--tls-max", "1.2"), 0),
            (("--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-SHA256"), NO_HANDSHAKE),
            (("--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"), NO_HANDSHAKE),
        ):
            self.assertEqual(self.curl(*trusted, *options), code, options)

    def test_constraints(self) -> None:
        """OpenSSL refuses what the CA's key signs for a name outside of a home, also for a name of one word."""
        folder = os.path.abspath(self.mktemp())
        os.mkdir(folder)
        ca, ca_key = load_ca(os.path.join(self.server.state, FOLDER))
        for name, code in (("nas.local", 0), ("a.nas.internal", 0), ("www.example.org", 2), ("nas", 2)):
            key = ec.generate_private_key(ec.SECP256R1())
            subject = x509.Name([])
            builder = certificate_builder(subject, ca.subject, key.public_key(), now(), timedelta(days=9))
            made = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
            path = os.path.join(folder, "leaf.pem")
            with open(path, "wb") as file:
                file.write(made.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
            command = [needs.program("openssl"), "verify", "-CAfile", self.server.ca_file, path]
            said = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
            self.assertEqual(said.returncode, code, (name, said))
            self.assertEqual("permitted subtree violation" in said.stderr, code != 0, said)

    def test_chromium(self) -> None:
        """Chromium shows the page without a warning once the CA is installed, and refuses the server before."""
        chromium, certutil = needs.program("chromium"), needs.program("certutil")
        home = os.path.abspath(self.mktemp())
        self.addCleanup(shutil.rmtree, home, ignore_errors=True)
        database = os.path.join(home, ".pki", "nssdb")
        os.makedirs(database)

        def shown() -> str:
            profile = os.path.join(home, "profile")
            shutil.rmtree(profile, ignore_errors=True)
            options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--dump-dom")
            command = [chromium, *options, f"https://127.0.0.1:{self.port}/certificate?lang=en"]
            environment = {**os.environ, "HOME": home}
            said = subprocess.run(command, capture_output=True, env=environment, timeout=SECONDS, check=False)
            return said.stdout.decode("utf-8", "replace")

        def change(*arguments: str) -> None:
            command = [certutil, "-d", f"sql:{database}", *arguments]
            subprocess.run(command, stdin=subprocess.DEVNULL, check=True, capture_output=True, timeout=SECONDS)

        change("-N", "--empty-password")
        self.assertNotIn("Let your devices recognise this server", shown(), "the control")
        change("-A", "-t", "C,,", "-n", "homeftp", "-i", self.server.ca_file)
        self.assertIn("Let your devices recognise this server", shown())


class OwnersCertificateTests(WebCertificateCase):
    """The owner's own certificate: that of another home stands for one of another authority."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        self.chain, self.key = (os.path.join(self.folder, name) for name in ("fullchain.pem", "privkey.pem"))
        self.first = self.write()

    def write(self, *, with_key: bool = True) -> ServedCertificate:
        """A new certificate in the files."""
        other = os.path.abspath(self.mktemp())
        open_identity(other, now=now)
        made = open_web_certificate(other, host_names("nas", ()), now=now)
        with open(self.chain, "wb") as file:
            file.write(b"".join(each.public_bytes(Encoding.PEM) for each in made.chain))
        if with_key:
            with open(self.key, "wb") as file:
                file.write(key_pem(made.key))  # type: ignore[arg-type]
        return made

    def says(self, text: str) -> None:
        """Wait until the server's log has this text."""
        wait_until(lambda: text in self.server.output(), self.server.output)

    def test_hangup(self) -> None:
        """SIGHUP reads the files again; what cannot be used is named in words, and the certificate before stays."""
        self.start("--web-cert", self.chain, "--web-key", self.key)
        self.assertEqual(self.shown(), self.first.certificate)
        second = self.write()
        self.server.send(signal.SIGHUP)
        self.says("the web shows a new certificate")
        self.assertEqual(self.shown(), second.certificate)
        self.write(with_key=False)
        self.server.send(signal.SIGHUP)
        self.says(f"the previous one stays in use: the key in {self.key} is not that of the first certificate")
        os.chmod(self.key, 0)
        os.unlink(self.chain)
        self.server.send(signal.SIGHUP)
        self.says(f"cannot read {self.chain}: No such file or directory")
        self.assertEqual(self.shown(), second.certificate)
        self.assertNotIn("Traceback", self.server.output())

    def test_unusable_at_start(self) -> None:
        """A server whose files cannot be used starts with the home's own certificate, and says so."""
        os.unlink(self.key)
        self.start("--web-cert", self.chain, "--web-key", self.key)
        self.says(f"so the home's own certificate is used: cannot read {self.key}")
        with open(os.path.join(self.server.state, FOLDER, "web.crt"), "rb") as file:
            self.assertEqual(self.shown(), x509.load_pem_x509_certificate(file.read()))
