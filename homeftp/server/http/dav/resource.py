"""The resource of a WebDAV request: an endpoint of the account, its URL, and the request's headers."""

from __future__ import annotations

from datetime import datetime, timezone
from http import HTTPStatus
from typing import Sequence
from urllib.parse import urlsplit

import attrs

from homeftp.endpoint import Endpoint, parse
from homeftp.errors import BadEndpoint, BadRequest, Forbidden, NotFound
from homeftp.interfaces import IFiles, ILogin
from homeftp.model import SECOND_US
from homeftp.server.http.content import parse_date
from homeftp.server.http.messages import HttpRequest
from homeftp.server.http.refusals import HttpError
from homeftp.server.http.target import parse_path, path_of
from homeftp.store.policy.rights import READ

PREFIX = "dav"
"""The first name of every path here."""

_DEPTHS = {"0": 0, "1": 1, "infinity": None}


@attrs.frozen(eq=False)
class DavRequest:
    """One request of an account."""

    http: HttpRequest
    login: ILogin
    endpoint: Endpoint
    """The endpoint of its URL, as the account sees it."""

    @property
    def files(self) -> IFiles:
        """The account's files; the audit log names the method."""
        return self.login.files(self.http.method)

    @property
    def whole(self) -> Endpoint:
        """The endpoint in the store: the same for every account that sees it."""
        return self.whole_of(self.endpoint)

    def whole_of(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint in the store of another one of the account."""
        return self.login.home.beneath(*endpoint.parts)

    @property
    def owner(self) -> str:
        """The owner of the locks that it makes: another account that gets the name later is another owner."""
        return self.login.actor().owner or self.login.account

    def sees(self, endpoint: Endpoint) -> bool:
        """Whether the account sees what is attached to what is at an endpoint: locks and properties.

        Not of a directory that only leads to its folders: of that it sees the name.
        """
        return READ in self.login.rights_at(endpoint)

    def header(self, name: str) -> str | None:
        """A header field."""
        return self.http.headers.get(name)


def endpoint_of(names: Sequence[str]) -> Endpoint:
    """The endpoint of these names; raises `BadEndpoint` (41)."""
    return parse("/".join(names))


def existing_endpoint(names: Sequence[str]) -> Endpoint:
    """The endpoint of an existing file: where no file can have such a name, nothing is there."""
    try:
        return endpoint_of(names)
    except BadEndpoint as impossible:
        raise NotFound(impossible.message) from None


def href(endpoint: Endpoint, *, is_folder: bool) -> str:
    """The path of a URL that names an endpoint; that of a folder ends in a slash."""
    return path_of(PREFIX, *endpoint.parts, is_folder=is_folder)


def parse_time(text: str) -> int | None:
    """Microseconds since 1970 of a date of HTTP, or of ISO 8601 as Apple writes it; None for another text."""
    seconds = parse_date(text)
    if seconds is not None:
        return seconds * SECOND_US
    try:
        parsed = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        return int(parsed.replace(tzinfo=parsed.tzinfo or timezone.utc).timestamp() * SECOND_US)
    except (ValueError, OverflowError):
        return None


def depth(request: DavRequest, default: int | None) -> int | None:
    """The `Depth` of a request: 0, 1, or None for infinity. Raises `BadRequest` (20)."""
    given = request.header("depth")
    if given is None:
        return default
    try:
        return _DEPTHS[given.strip().lower()]
    except KeyError:
        raise BadRequest("Depth is 0, 1 or infinity") from None


def destination(request: DavRequest) -> Endpoint:
    """The endpoint that `Destination` names: a URL of this server below `/dav/`, or a path there.

    Raises `BadRequest` (20), `BadEndpoint` (41), `Forbidden` (33) for the root, and 502 for another server.
    """
    given = request.header("destination")
    if given is None:
        raise BadRequest("COPY and MOVE need a Destination")
    try:
        url = urlsplit(given.strip())
    except ValueError:
        raise BadRequest("the Destination is not a URL") from None
    host = (request.header("host") or "").lower()
    if (url.scheme or url.netloc) and (url.scheme.lower() != "https" or url.netloc.lower() != host):
        raise HttpError(HTTPStatus.BAD_GATEWAY, "the Destination is on another server")
    if url.query or url.fragment or not url.path.startswith("/"):
        raise BadRequest("the Destination is not a path below /dav/")
    names, _ = parse_path(url.path)
    if not names or names[0] != PREFIX:
        raise HttpError(HTTPStatus.BAD_GATEWAY, "the Destination is not below /dav/")
    endpoint = endpoint_of(names[1:])
    if endpoint.is_top:
        raise Forbidden("the shared folder itself cannot be replaced")
    return endpoint


def overwrites(request: DavRequest) -> bool:
    """Whether what is at the destination may be replaced. Raises `BadRequest` (20)."""
    given = (request.header("overwrite") or "T").strip().upper()
    if given not in ("T", "F"):
        raise BadRequest("Overwrite is T or F")
    return given == "T"
