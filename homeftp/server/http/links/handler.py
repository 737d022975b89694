"""Handles requests below `/s/TOKEN/`: a visit of a share link becomes a page, a download, or files that are added."""

from __future__ import annotations

from http import HTTPStatus
from typing import AsyncIterator, Sequence
from urllib.parse import parse_qs

import attrs
from zope.interface import implementer

from homeftp.accounts.links.visits import DeadLink, LinkProblem, LinkVisits, Visit
from homeftp.accounts.loginaudit import RefusalAudit
from homeftp.config import KIB
from homeftp.endpoint import Endpoint, parse
from homeftp.errors import BadEndpoint, BadRequest, Busy, LoginFailed, LoginRequired, NoSpace, Refusal
from homeftp.interfaces import IFiles, ILogin, ListingPage
from homeftp.interfaces.files import AsyncPages
from homeftp.server.http.content import BINARY, attachment, send_file
from homeftp.server.http.cookies import cookie, cookie_header
from homeftp.server.http.links.dropbox import DropBox
from homeftp.server.http.links.pages import END, HEADERS, LinkPages
from homeftp.server.http.links.words import language
from homeftp.server.http.messages import HttpRequest, HttpResponse, IHandler
from homeftp.server.http.page.archive import archive_response
from homeftp.server.http.page.members import ArchiveMemory
from homeftp.server.http.refusals import HttpError, http_status
from homeftp.server.http.target import path_of

COOKIE = "__Secure-homeftp-link"
"""The cookie that spares typing the password of a link again, for the paths of that link only."""

PASSWORD_FORM = 8 * KIB
"""Bytes of the form with a password, at most."""

MOST_FIELDS = 4
"""Fields of that form, at most."""

_SECRET = 2
"""Names of a path up to the secret of the link, with it."""

_FORM = "application/x-www-form-urlencoded"


@implementer(IHandler)
@attrs.frozen
class LinkHandler:
    """Answers everything below `/s/`, for people without an account."""

    _visits: LinkVisits
    _refusals: RefusalAudit
    _archives: ArchiveMemory = attrs.field(factory=ArchiveMemory)

    def allows_without_login(self, request: HttpRequest) -> bool:
        """The link is the login."""
        return True

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """The response; why a link does not work is a page in the browser's language."""
        pages = LinkPages(language(request.headers.get("accept-language")))
        if request.method not in ("GET", "HEAD", "POST"):
            raise HttpError(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "a share link can be opened, and files sent to it",
                [("Allow", "GET, HEAD, POST")],
            )
        try:
            if len(request.path) < _SECRET:
                raise DeadLink(LinkProblem.NO_SUCH)
            if len(request.path) == _SECRET and not request.is_folder:
                return _redirect(HTTPStatus.PERMANENT_REDIRECT, path_of(*request.path, is_folder=True))
            if request.method == "POST" and (request.headers.get("content-type") or "").startswith(_FORM):
                return await self._unlock(request)
            visit = await self._visits.open(request.path[1], request.address, proof=cookie(request.headers, COOKIE))
            login = await request.log_in(visit.credentials, _key(visit))
            await self._visits.check_target(login, upload=visit.record.upload)
            self._visits.check_left(visit)
            opened = OpenLink(self._visits, self._refusals, self._archives, visit, login, request, pages)
            return await (opened.upload() if visit.record.upload else opened.read())
        except DeadLink as dead:
            return _page(HTTPStatus.NOT_FOUND, pages.problem(dead.problem.value))
        except LoginRequired:
            return _page(HTTPStatus.FORBIDDEN, pages.password(wrong=False))
        except LoginFailed:
            return _page(HTTPStatus.FORBIDDEN, pages.password(wrong=True))
        except Busy:
            return _page(HTTPStatus.SERVICE_UNAVAILABLE, pages.problem("throttled"))

    async def _unlock(self, request: HttpRequest) -> HttpResponse:
        """The password of a link was sent: keep the proof of it in the browser, and show the page."""
        body = await request.body.read_all(PASSWORD_FORM)
        try:
            given = parse_qs(body.decode("ascii"), max_num_fields=MOST_FIELDS, errors="strict").get("password", [""])[0]
        except ValueError:
            raise BadRequest("the form with the password is malformed") from None
        visit = await self._visits.open(request.path[1], request.address, password=given)
        path = path_of(*request.path[:_SECRET], is_folder=True)
        fields: list[tuple[str, str]] = []
        if visit.proof is not None:
            fields.append(cookie_header(COOKIE, visit.proof, path=path, same_site="Lax"))
        return _redirect(HTTPStatus.SEE_OTHER, path, fields)


@attrs.frozen
class OpenLink:
    """One request of a person whose link was opened."""

    _visits: LinkVisits
    _refusals: RefusalAudit
    _archives: ArchiveMemory
    _visit: Visit
    _login: ILogin
    _request: HttpRequest
    _pages: LinkPages

    @property
    def _files(self) -> IFiles:
        return self._login.files(self._request.method)

    @property
    def _shared_by(self) -> str:
        return self._pages.shared_by(self._login.account, self._visit.record.ends)

    async def read(self) -> HttpResponse:
        """The page of a file, the listing of a directory, or a download."""
        request = self._request
        if request.method == "POST":
            raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED, "this link is for reading", [("Allow", "GET, HEAD")])
        names = request.path[_SECRET:]
        try:
            endpoint = parse("/".join(names))
            entry = await self._files.stat(endpoint)
        except BadEndpoint:
            entry = None
        if entry is None:
            raise DeadLink(LinkProblem.BROKEN)
        name = names[-1] if names else self._visit.record.narrowing.home.name
        if entry.kind == "directory":
            if not request.is_folder:
                return _redirect(HTTPStatus.PERMANENT_REDIRECT, path_of(*request.path, is_folder=True))
            if "zip" in request.query:
                return await self._zip(endpoint, name or self._login.account)
            await self._note(endpoint)
            return await self._listing(endpoint, name)
        if not names and "download" not in request.query:
            await self._note(endpoint)
            return _page(HTTPStatus.OK, self._pages.file(name, entry, self._shared_by))
        await self._count(endpoint)
        return await send_file(request, self._files, endpoint, [("Content-Type", BINARY), attachment(name)])

    async def upload(self) -> HttpResponse:
        """The form of a drop box, or what became of the files that were sent with it."""
        request, pages = self._request, self._pages
        if request.path[_SECRET:]:
            raise DeadLink(LinkProblem.NO_SUCH)
        if request.method != "POST":
            return _page(HTTPStatus.OK, pages.upload(self._login.account, self._shared_by))
        quiet = self._login.files(request.method, record_refusals=False)
        box = DropBox(quiet, lambda: self._visits.use(self._visit), self._note_refused)
        received = await box.receive(request.body, request.headers.get("content-type"))
        refused = [(name, _why(refusal)) for name, refusal in received.refused]
        status = http_status(received.refused[0][1]) if received.refused and not received.stored else HTTPStatus.OK
        return _page(status, pages.received(received.stored, refused))

    async def _count(self, endpoint: Endpoint) -> None:
        """A download is a use of the link."""
        if self._request.method == "GET":
            await self._visits.use(self._visit)
            await self._note(endpoint)

    async def _zip(self, endpoint: Endpoint, name: str) -> HttpResponse:
        """A directory, as one file that is made while it is sent."""
        await self._count(endpoint)
        return await archive_response(self._archives, self._login, self._files, endpoint, (), name)

    async def _note(self, endpoint: Endpoint) -> None:
        whole = self._login.home.beneath(*endpoint.parts)
        await self._visits.note(self._visit, self._login.actor(self._request.method), whole)

    async def _note_refused(self, name: str, refusal: Refusal) -> None:
        """Record that a file was not stored."""
        whole = self._login.home.beneath(name).whole
        await self._refusals.note(self._login.actor(self._request.method), refusal.status, lambda: {"endpoint": whole})

    async def _listing(self, endpoint: Endpoint, name: str) -> HttpResponse:
        """A directory, page by page; what cannot be listed is refused before anything is sent."""
        listing = self._files.list(endpoint)
        try:
            first = await anext(listing, None)
        except BaseException:
            await listing.aclose()
            raise
        title = name or self._login.account
        return HttpResponse(
            HTTPStatus.OK, HEADERS, self._rows(title, bool(endpoint.parts), first, listing), listing.aclose
        )

    async def _rows(
        self, title: str, below: bool, first: ListingPage | None, listing: AsyncPages[ListingPage]
    ) -> AsyncIterator[bytes]:
        pages = self._pages
        up = f'<p><a href="../">{pages.text("up")}</a></p>\n' if below else ""
        yield f'{pages.head(title)}{up}<p><a href="?zip" download>{pages.text("all")}</a></p>\n<table>\n'.encode()
        page, count = first, 0
        while page is not None:
            count += len(page.entries)
            yield "".join(map(pages.row, page.entries)).encode()
            page = await anext(listing, None)
        empty = "" if count else f"<p>{pages.text('empty')}</p>\n"
        yield f"</table>\n{empty}{self._shared_by}{END}".encode()


def _key(visit: Visit) -> bytes:
    """By what the login of a link is found again."""
    return b"link:" + visit.record.device.id.encode()


def _page(status: int, page: bytes) -> HttpResponse:
    return HttpResponse(status, HEADERS, page)


def _redirect(status: int, path: str, fields: Sequence[tuple[str, str]] = ()) -> HttpResponse:
    return HttpResponse(status, [("Location", path), ("Cache-Control", "no-store"), *fields])


def _why(refusal: Refusal) -> str:
    """The text for a file that was not stored."""
    if isinstance(refusal, NoSpace):
        return "full"
    return "failed" if isinstance(refusal, Busy) else "denied"
