"""The messages about share links: to make, list and revoke them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from homeftp.config import MAX_PASSWORD, MOST_LINK_SECONDS, MOST_LINK_USES
from homeftp.endpoint import MAX_PATH_BYTES
from homeftp.wire.messages import Moment, Name, RelEndpoint

_URL = r"\Ahttps://[!-~]{1,1024}\Z"

_MAX_ID = 64

LinkId = Annotated[str, Meta(min_length=1, max_length=_MAX_ID)]
"""The id of a link, which is no secret."""


class LinkBody(msgspec.Struct, frozen=True):
    """LINK's body."""

    rel_endpoint: RelEndpoint
    seconds: Annotated[int, Meta(ge=1, le=MOST_LINK_SECONDS)] | None = None
    uses: Annotated[int, Meta(ge=1, le=MOST_LINK_USES)] | None = None
    upload: bool = False
    password: Annotated[str, Meta(min_length=1, max_length=MAX_PASSWORD)] | None = None

    def __repr__(self) -> str:
        return f"LinkBody(rel_endpoint={self.rel_endpoint!r})"  # the password is a secret


class UnlinkBody(msgspec.Struct, frozen=True):
    """UNLINK's body."""

    link: LinkId


class ShareLinkBody(msgspec.Struct, frozen=True):
    """A link as LINKS lists it, and as a part of the answer to LINK."""

    link: LinkId
    state: Literal["open", "used", "expired", "broken"]
    made: Moment
    ends: Moment
    rel_endpoint: Annotated[str, Meta(max_length=MAX_PATH_BYTES)]
    upload: bool = False
    uses_left: Annotated[int, Meta(ge=0, le=MOST_LINK_USES)] | None = None
    password: bool = False
    device: Name | None = None


class MadeLinkBody(ShareLinkBody, frozen=True, kw_only=True):
    """The answer to LINK."""

    url: Annotated[str, Meta(pattern=_URL)]

    def __repr__(self) -> str:
        return f"MadeLinkBody(link={self.link!r})"  # the URL is a secret
