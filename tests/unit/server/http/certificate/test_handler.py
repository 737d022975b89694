"""The page that explains the home's certificate, and its files."""

from __future__ import annotations

import hashlib
import plistlib
import re
from html.parser import HTMLParser
from typing import Any, Mapping

from cryptography import x509
from zope.interface.verify import verifyObject

from homeftp.crypto.ca import fingerprint, open_identity
from homeftp.host import now
from homeftp.interfaces import IServerContext
from homeftp.server.http.certificate.handler import PATH, CertificateHandler, in_pairs
from homeftp.server.http.messages import IHandler
from tests.support.httpclient import Answer, HttpCase

LANGUAGE = "Accept-Language"


class Elements(HTMLParser):
    """The elements of a page, and what they link to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.links |= {value for name, value in attrs if name in ("href", "src")}


class CertificateTests(HttpCase):
    """What strangers get."""

    def handlers(self, context: IServerContext) -> Mapping[str, IHandler]:
        return {PATH: CertificateHandler(lambda: self.ca)}

    @property
    def ca(self) -> x509.Certificate:
        return self.server.services.tls.identity.ca

    def get(self, path: str, *headers: tuple[str, str], method: str = "GET") -> Answer:
        return self.client.ask(method, path, headers)

    def test_interface(self) -> None:
        """It is a handler."""
        verifyObject(IHandler, self.handlers(self.server.services)[PATH])

    def test_languages(self) -> None:
        """The page is in the language that the browser asks for, or the address, or in English; both say the same."""
        for headers, query, language in (
            ((), "", "en"),
            (((LANGUAGE, "de-AT,de;q=0.9,en;q=0.8"),), "", "de"),
            (((LANGUAGE, "fr, de;q=0.5"),), "", "de"),
            (((LANGUAGE, "fr"),), "", "en"),
            (((LANGUAGE, "de"),), "?lang=en", "en"),
            ((), "?lang=de", "de"),
            ((), "?lang=../../../etc/passwd", "en"),
            (((LANGUAGE, ";;,,-q=x"),), "", "en"),
        ):
            answer = self.get(f"/certificate{query}", *headers)
            self.assertEqual(answer.status, 200)
            self.assertIn(f'<html lang="{language}">', answer.body.decode(), (headers, query))
            self.assertEqual(answer.headers["vary"], "Accept-Language")
        english, german = (Elements(self.get(f"/certificate/?lang={each}").body.decode()) for each in ("en", "de"))
        self.assertEqual(english.tags, german.tags)
        self.assertEqual(english.links ^ german.links, {"?lang=en", "?lang=de"})

    def test_page(self) -> None:
        """It shows the fingerprint in both spellings, has no script, and each of its links leads somewhere."""
        answer = self.get("/certificate")
        page = answer.body.decode()
        self.assertIn(fingerprint(self.ca), page)
        self.assertIn(in_pairs(self.ca), page)
        self.assertNotIn("$", page)
        elements = Elements(page)
        self.assertFalse({"script", "iframe", "form", "img", "style"} & set(elements.tags))
        self.assertNotRegex(page, r"\son[a-z]+=|style=")
        self.assertRegex(answer.headers["content-security-policy"], "default-src 'none'; style-src 'self'; .*ancestors")
        own = {link for link in elements.links if link.startswith(f"/{PATH}/")}
        self.assertEqual(len(own), 4)
        for link in own:
            self.assertEqual(self.get(link).status, 200, link)
        self.assertEqual(elements.links - own, {"/", "?lang=de"})

    def test_files(self) -> None:
        """The CA comes in PEM and in DER, whose SHA-256 is the fingerprint, and as a profile, each as a download."""
        pem, der, profile = (
            self.get(f"/certificate/homeftp{each}") for each in ("-ca.crt", "-ca.der", ".mobileconfig")
        )
        self.assertEqual(x509.load_pem_x509_certificate(pem.body), self.ca)
        self.assertEqual("SHA256:" + hashlib.sha256(der.body).hexdigest(), fingerprint(self.ca))
        self.assertEqual(plistlib.loads(profile.body)["PayloadType"], "Configuration")
        types = [each.headers["content-type"] for each in (pem, der, profile)]
        ca_type = "application/x-x509-ca-cert"
        self.assertEqual(types, [ca_type, ca_type, "application/x-apple-aspen-config"])
        for each in (pem, der, profile):
            self.assertTrue(re.fullmatch('attachment; filename="homeftp[a-z.-]+"', each.headers["content-disposition"]))

    def test_head(self) -> None:
        """HEAD gives the headers alone."""
        answer = self.get("/certificate/homeftp-ca.crt", method="HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))
        length = len(self.get("/certificate/homeftp-ca.crt").body)
        self.assertEqual(answer.headers.get("content-length"), str(length))

    def test_others(self) -> None:
        """Nothing else is there, and nothing can be changed."""
        for path in ("/certificate/ca.key", "/certificate/en.html", "/certificate/homeftp-ca.crt/", "/certificate/a/b"):
            self.assertEqual(self.get(path).status, 404, path)
        for method in ("POST", "DELETE"):
            self.client = self.web.connect()
            answer = self.get("/certificate", method=method)
            self.assertEqual((answer.status, answer.headers.get("allow")), (405, "GET, HEAD"))

    def test_other_home(self) -> None:
        """Once the server uses another home's identity, that one's CA is given."""
        before = self.get("/certificate/homeftp-ca.crt").body
        self.assertEqual(self.get("/certificate/homeftp-ca.crt").body, before, "the control")
        self.server.services.tls.renew(open_identity(self.mktemp(), now=now))
        after = self.get("/certificate/homeftp-ca.crt").body
        self.assertNotEqual(after, before)
        self.assertEqual(x509.load_pem_x509_certificate(after), self.ca)
        self.assertIn(fingerprint(self.ca), self.get("/certificate").body.decode())
