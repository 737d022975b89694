"""The page's own files: HTML, style sheets, modules, pictures and catalogues of words, read once and kept in memory.

No name that a client sends is ever opened: it is looked up among the names that were read.
"""

from __future__ import annotations

import gzip
from hashlib import sha256
from http import HTTPStatus
from importlib import resources
from typing import TYPE_CHECKING, Iterator, Mapping

import attrs
import msgspec
from zope.interface import implementer

from homeftp.errors import NotFound
from homeftp.server.http.messages import HttpRequest, HttpResponse, IHandler
from homeftp.server.http.refusals import HttpError

if TYPE_CHECKING:
    from importlib.abc import Traversable

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""The files that the page may load and run: its own, and nothing that is written into a page."""

_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
}
"""The type of each kind of file that the page has."""

_PICTURES_CACHED = "max-age=600"
"""Browsers ask for the pictures again with each that is shown; the page and its modules must always fit each other."""

_LANGUAGES = "languages"
_INDEX = f"{_LANGUAGES}/index.json"


@attrs.frozen
class StaticFile:
    """One of the page's files."""

    content_type: str
    content: bytes
    compressed: bytes = attrs.field(init=False)
    etag: str = attrs.field(init=False)

    @compressed.default
    def _compress(self) -> bytes:
        return gzip.compress(self.content, mtime=0)

    @etag.default
    def _digest(self) -> str:
        return f'"{sha256(self.content).hexdigest()}"'


def read_static_files() -> Mapping[str, StaticFile]:
    """All files of the page by their path below `/static/`, and the list of its languages."""
    contents = dict(_contents(resources.files(__package__).joinpath("static"), ""))
    found = {name: StaticFile(_TYPES[name.rpartition(".")[2]], content) for name, content in contents.items()}
    languages = {
        name.removeprefix(f"{_LANGUAGES}/").removesuffix(".json"): msgspec.json.decode(content)["language"]
        for name, content in sorted(contents.items())
        if name.startswith(f"{_LANGUAGES}/")
    }
    found[_INDEX] = StaticFile(_TYPES["json"], msgspec.json.encode(languages))
    return found


def _contents(folder: Traversable, above: str) -> Iterator[tuple[str, bytes]]:
    """The content of each file of a kind that the page has."""
    for each in folder.iterdir():
        if each.is_dir():
            yield from _contents(each, f"{above}{each.name}/")
        elif each.name.rpartition(".")[2] in _TYPES:
            yield above + each.name, each.read_bytes()


@implementer(IHandler)
@attrs.frozen
class StaticFiles:
    """Answers `/` with the page, and `/static/NAME` with its files. All of that is public: it says nothing of files."""

    files: Mapping[str, StaticFile] = attrs.field(factory=read_static_files)

    def allows_without_login(self, request: HttpRequest) -> bool:
        """Everybody may see the page: it asks for the rest."""
        return True

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """The file, whole or compressed, or 304 where the browser has it."""
        if request.method not in ("GET", "HEAD"):
            raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED, "the page can only be read", [("Allow", "GET, HEAD")])
        name = "/".join(request.path[1:]) if request.path else "index.html"
        file = self.files.get(name)
        if file is None or (request.path and request.is_folder):
            raise NotFound("nothing is at this address")
        headers = [
            ("Content-Type", file.content_type),
            ("ETag", file.etag),
            ("Cache-Control", _PICTURES_CACHED if file.content_type == _TYPES["svg"] else "no-cache"),
            ("Vary", "Accept-Encoding"),
            ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Referrer-Policy", "same-origin"),  # without one a form of the page would name no origin
        ]
        if file.etag in (request.headers.get("If-None-Match") or ""):
            return HttpResponse(HTTPStatus.NOT_MODIFIED, headers)
        if "gzip" in (request.headers.get("Accept-Encoding") or ""):
            return HttpResponse(HTTPStatus.OK, [*headers, ("Content-Encoding", "gzip")], file.compressed)
        return HttpResponse(HTTPStatus.OK, headers, file.content)
