"""`/api/session`: a browser signs in, asks who it is, and signs out.

POST takes an object with `code`, or `secret`, or `user` and `password`, and perhaps `name`; it answers as GET does,
with the cookie. A page of another site cannot sign somebody in: the engine refuses its requests.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Callable, Mapping, Sequence

import attrs
import msgspec
from msgspec import Meta
from zope.interface import implementer

from homeftp.accounts.devices import Device
from homeftp.accounts.sessions.signin import Browser, SignedIn, SignInService
from homeftp.config import KIB, MAX_NAME, MAX_PASSWORD
from homeftp.crypto.pake import parse_code
from homeftp.errors import BadRequest, LoginFailed, LoginRequired, OperatorError
from homeftp.interfaces import ILogin
from homeftp.server.http.cookies import cookie, cookie_header, removed_cookie
from homeftp.server.http.messages import HttpRequest, HttpResponse, IHandler
from homeftp.server.http.refusals import HttpError
from homeftp.server.http.signin.browsers import browser_name
from homeftp.server.http.signin.cookie import SESSION_COOKIE
from homeftp.store.policy.rights import ORDER

MOST_BODY = 16 * KIB
"""Bytes of the object, at most."""

_MAX_CODE = 100
"""Characters of an invitation's code or secret, at most, with what a person types between its parts."""

_MAX_BROWSER = 100
"""Characters of the name that a person gives a browser, at most."""

REQUEST = "session"
"""The name of the request in audit records."""


class SignInBody(msgspec.Struct, frozen=True):
    """The request of a browser to sign in."""

    code: Annotated[str, Meta(max_length=_MAX_CODE)] | None = None
    secret: Annotated[str, Meta(max_length=_MAX_CODE)] | None = None
    user: Annotated[str, Meta(max_length=MAX_NAME)] | None = None
    password: Annotated[str, Meta(max_length=MAX_PASSWORD)] | None = None
    name: Annotated[str, Meta(max_length=_MAX_BROWSER)] | None = None

    def __repr__(self) -> str:
        return "SignInBody(…)"  # all but the names are secrets


@implementer(IHandler)
@attrs.frozen(kw_only=True)
class SessionHandler:
    """Answers `/api/session`."""

    signins: SignInService
    fingerprint: Callable[[], str]
    """The fingerprint of the home's CA, for people to compare."""
    now: Callable[[], float]
    """Seconds since 1970 UTC."""
    thumbnails: Sequence[str] = ()
    """Ends of the names of files that may have a thumbnail."""

    def allows_without_login(self, request: HttpRequest) -> bool:
        """To sign in needs no login; GET answers 401 to a browser that is not signed in."""
        return request.method == "POST"

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request about the session of a browser."""
        if request.method == "POST":
            return await self._sign_in(request)
        if request.login is None:
            raise LoginRequired("sign in first")
        if request.method == "GET":
            return await self._describe(request, request.login)
        if request.method == "DELETE":
            return await self._sign_out(request.login)
        raise HttpError(
            HTTPStatus.METHOD_NOT_ALLOWED, "a session is made, looked at and ended", [("Allow", "GET, POST, DELETE")]
        )

    async def _sign_in(self, request: HttpRequest) -> HttpResponse:
        body = _decoded(await request.body.read_all(MOST_BODY))
        client = browser_name(request.headers.get("user-agent"))
        browser = Browser(body.name or client, client, request.address)
        signed_in = await self._by_what_was_given(body, browser)
        fields = [self._cookie(signed_in.token, signed_in.device)]
        return _json({"account": signed_in.device.account, "device": signed_in.device.name}, fields)

    async def _by_what_was_given(self, body: SignInBody, browser: Browser) -> SignedIn:
        given = (body.code is not None, body.secret is not None, body.user is not None and body.password is not None)
        if sum(given) != 1:
            raise BadRequest("give a code, or a secret, or a user and a password")
        if body.code is not None:
            try:
                code = parse_code(body.code)
            except OperatorError as error:
                raise LoginFailed(str(error)) from None
            return await self.signins.with_code(code, browser)
        if body.secret is not None:
            return await self.signins.with_secret(body.secret, browser)
        assert body.user is not None and body.password is not None
        return await self.signins.with_password(body.user, body.password, browser)

    async def _describe(self, request: HttpRequest, login: ILogin) -> HttpResponse:
        """The account that is signed in; a session that is used lasts longer."""
        fields = []
        token = cookie(request.headers, SESSION_COOKIE)
        if login.device_id is not None and token is not None:
            device = await self.signins.renew(login.device_id)
            if device is not None:
                fields.append(self._cookie(token, device))
        files = login.files(REQUEST)
        described = {
            "account": login.account,
            "device": login.device,
            "rights": [right for right in ORDER if right in login.rights],
            "read_only": files.read_only is not None,
            "free": (await files.space()).free,
            "fingerprint": self.fingerprint(),
            "links": login.links is not None and await login.links.allowed(),
            "thumbnails": self.thumbnails,
        }
        return _json(described, fields)

    async def _sign_out(self, login: ILogin) -> HttpResponse:
        if login.device_id is not None:
            await self.signins.sign_out(login.device_id, login.actor(REQUEST))
        return HttpResponse(
            HTTPStatus.NO_CONTENT,
            [removed_cookie(SESSION_COOKIE), ("Cache-Control", "no-store"), ("Clear-Site-Data", '"cache"')],
        )

    def _cookie(self, token: str, device: Device) -> tuple[str, str]:
        age = max(0, int((device.expires or 0) - self.now()))
        return cookie_header(SESSION_COOKIE, token, max_age=age)


def _decoded(data: bytes) -> SignInBody:
    try:
        return msgspec.json.decode(data, type=SignInBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest("the body is not an object that signs in") from error


def _json(value: Mapping[str, Any], fields: list[tuple[str, str]]) -> HttpResponse:
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), *fields]
    return HttpResponse(HTTPStatus.OK, headers, msgspec.json.encode(value))
