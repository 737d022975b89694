"""Share links: what one is to be, what one is, and what makes, lists and revokes those of an account.

A share link is a URL that works without an account: who has it reads a file or a folder, or adds files to a folder,
until it ends. What it reaches is what its account may do at that moment.
"""

from __future__ import annotations

import enum
from typing import Awaitable, Sequence

import attrs
import msgspec
from zope.interface import Interface

from homeftp.config import DAY
from homeftp.endpoint import Endpoint

LINK_PATH = "s"
"""The first name in the path of every link's URL; the second is its secret."""

LINK_SECONDS = int(7 * DAY)
"""How long a link works where its maker says nothing."""


class LinkState(enum.Enum):
    """Whether a link works, and if not, why."""

    OPEN = "open"
    USED = "used"
    """It was used as often as it may be."""
    EXPIRED = "expired"
    BROKEN = "broken"
    """Nothing is at its path any more, or its account may not do there what the link is for."""


@attrs.frozen
class LinkTerms:
    """The terms of a new link."""

    endpoint: Endpoint
    """A file or a directory, as the account sees it."""
    seconds: int = LINK_SECONDS
    """How long it works: 1 to `MOST_LINK_SECONDS`."""
    uses: int | None = None
    """How often it may be used: 1 to `MOST_LINK_USES`; None: any number of times."""
    upload: bool = False
    """Whether files can be added to the directory, and nothing can be seen of it."""
    password: str | None = attrs.field(default=None, repr=False)
    """The password that a person who opens it has to know besides."""


class ShareLink(msgspec.Struct, frozen=True):
    """A link, as its account sees it. Times are seconds since 1970 UTC."""

    id: str
    endpoint: Endpoint
    state: LinkState
    made: float
    ends: float
    upload: bool = False
    uses_left: int | None = None
    """None: any number."""
    has_password: bool = False
    device: str | None = None
    """The name of the device that made it; None where its maker logged in with a password."""


@attrs.frozen
class MadeLink:
    """A link that was just made. Its URL is not kept, and cannot be told again."""

    link: ShareLink
    url: str = attrs.field(repr=False)


class IShareLinks(Interface):
    """Share links of an account, for one login. Every method raises `Internal` (50) where the accounts fail."""

    def make(terms: LinkTerms, origin: str | None = None) -> Awaitable[MadeLink]:
        """Make a link to what is at an endpoint now.

        Its URL begins with `origin`, the address by which the maker reaches the server's web front end, such as
        `https://nas.local:8443`; None: the one that the server knows of itself.

        Raises `Forbidden` (33) where the owner does not allow the account to make links, where the server has no web
        front end, and where the account may not do there what the link is for; `NotFound` (40), and `WrongKind` (43)
        for an upload link to a file; `BadRequest` (20) for terms out of bounds; `Busy` (51) where the account has too
        many links.
        """

    def allowed() -> Awaitable[bool]:
        """Whether the owner allows the account to make links."""

    def list() -> Awaitable[Sequence[ShareLink]]:
        """All links of the account to what this login may see, by any of its devices, the newest first.

        Links that have ended are among them for a month.
        """

    def revoke(id: str) -> Awaitable[ShareLink]:
        """End one of them at once; gives it as it was before. Raises `NotFound` (40) where there is none of that id."""
