"""Answers `/certificate`: a page in the reader's language, its style sheet, and the home's CA in two forms.

All of that is public, and the same for everybody: a CA's certificate is no secret. The page cannot prove that it comes
from the server, because the browser does not know the CA yet; so it says what to compare.
"""

from __future__ import annotations

import hashlib
import re
import string
from http import HTTPStatus
from importlib import resources
from typing import Callable, Mapping

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from zope.interface import implementer

from homeftp.crypto.ca import fingerprint
from homeftp.crypto.mobileconfig import FILE_NAME, mobileconfig
from homeftp.errors import NotFound
from homeftp.server.http.messages import HttpRequest, HttpResponse, IHandler
from homeftp.server.http.refusals import HttpError

PATH = "certificate"
"""The first name of its path."""

CA_FILE = "homeftp-ca.crt"
"""The name of the CA's file, in PEM form."""

DER_FILE = "homeftp-ca.der"
"""The name of the certificate in DER form, whose SHA-256 is the fingerprint."""

LANGUAGES = ("en", "de")
"""The languages of the page; the first is that of everybody else."""

_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The page has no script, and loads its style sheet only."""

_STYLE = "style.css"
_HTML = "text/html; charset=utf-8"


@implementer(IHandler)
@attrs.define(eq=False)
class CertificateHandler:
    """Answers with what `ca` gives once the server has started."""

    _ca: Callable[[], x509.Certificate]
    _texts: Mapping[str, str] = attrs.field(init=False)
    _files: tuple[x509.Certificate, Mapping[str, tuple[str, bytes]]] | None = attrs.field(init=False, default=None)
    """The CA, and every response made from it: its type and its content."""

    @_texts.default
    def _read(self) -> Mapping[str, str]:
        folder = resources.files(__package__).joinpath("pages")
        names = (*(f"{language}.html" for language in LANGUAGES), _STYLE)
        return {name: folder.joinpath(name).read_text(encoding="utf-8") for name in names}

    def allows_without_login(self, request: HttpRequest) -> bool:
        """Everybody may have the CA."""
        return True

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """The page, or the file that is named."""
        if request.method not in ("GET", "HEAD"):
            raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED, "this can only be read", [("Allow", "GET, HEAD")])
        names = request.path[1:]
        if len(names) > 1 or (names and request.is_folder):
            raise NotFound("nothing is at this address")
        name = names[0] if names else f"{_language(request)}.html"
        found = self._made().get(name)
        if found is None or (names and found[0] == _HTML):
            raise NotFound("nothing is at this address")
        content_type, content = found
        headers = [
            ("Content-Type", content_type),
            ("Content-Security-Policy", _POLICY),
            ("Cache-Control", "no-cache"),
            ("ETag", f'"{hashlib.sha256(content).hexdigest()}"'),
            ("Vary", "Accept-Language"),
        ]
        if content_type not in (_HTML, "text/css"):
            headers.append(("Content-Disposition", f'attachment; filename="{name}"'))
        return HttpResponse(HTTPStatus.OK, headers, content)

    def _made(self) -> Mapping[str, tuple[str, bytes]]:
        """Every response, made once for each CA."""
        ca = self._ca()
        if self._files is None or self._files[0] != ca:
            fields = {"fingerprint": fingerprint(ca), "pairs": in_pairs(ca)}
            links = {"profile": FILE_NAME, "style": _STYLE, "ca": CA_FILE, "der": DER_FILE}
            fields |= {name: f"/{PATH}/{file}" for name, file in links.items()}
            pages = {
                name: (_HTML, string.Template(text).substitute(fields).encode())
                for name, text in self._texts.items()
                if name != _STYLE
            }
            files = {
                _STYLE: ("text/css", self._texts[_STYLE].encode()),
                CA_FILE: ("application/x-x509-ca-cert", ca.public_bytes(Encoding.PEM)),
                DER_FILE: ("application/x-x509-ca-cert", ca.public_bytes(Encoding.DER)),
                FILE_NAME: ("application/x-apple-aspen-config", mobileconfig(ca)),
            }
            self._files = ca, {**pages, **files}
        return self._files[1]


def in_pairs(ca: x509.Certificate) -> str:
    """The fingerprint as other systems show it: `AB:CD:…`, SHA-256."""
    return ca.fingerprint(hashes.SHA256()).hex(":").upper()


def _language(request: HttpRequest) -> str:
    """The one that the address asks for, or the first that the browser names and that there is."""
    asked = (request.query.get("lang", ""), *re.split(r"[,;\s]+", request.headers.get("Accept-Language") or ""))
    wanted = (each.lower().partition("-")[0] for each in asked)
    return next((each for each in wanted if each in LANGUAGES), LANGUAGES[0])
