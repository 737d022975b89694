"""Share links without a database: what dispatchers, clients and commands make of them."""

from __future__ import annotations

from typing import Sequence

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from homeftp.endpoint import parse
from homeftp.errors import NotFound
from homeftp.interfaces import IShareLinks
from homeftp.interfaces.links import LinkState, LinkTerms, MadeLink, ShareLink

MADE = 1_700_000_000.0
URL = "https://nas.example:8443/s/AAAAAAAAAAAAAAAAAAAAAA/"


@implementer(IShareLinks)
@attrs.define
class FakeShareLinks:
    """Keeps the links that are made, and remembers what they were to be."""

    found: list[ShareLink] = attrs.field(factory=list)
    wanted: list[LinkTerms] = attrs.field(factory=list)

    def make(self, terms: LinkTerms, origin: str | None = None) -> Deferred[MadeLink]:
        self.wanted.append(terms)
        link = ShareLink(
            id=f"link-{len(self.wanted)}",
            endpoint=terms.endpoint,
            state=LinkState.OPEN,
            made=MADE,
            ends=MADE + terms.seconds,
            upload=terms.upload,
            uses_left=terms.uses,
            has_password=terms.password is not None,
            device="ann-laptop",
        )
        self.found.insert(0, link)
        return succeed(MadeLink(link, URL if origin is None else f"{origin}/s/A/"))

    def allowed(self) -> Deferred[bool]:
        return succeed(True)

    def list(self) -> Deferred[Sequence[ShareLink]]:
        return succeed(list(self.found))

    def revoke(self, id: str) -> Deferred[ShareLink]:
        for link in self.found:
            if link.id == id:
                self.found.remove(link)
                return succeed(link)
        return fail(NotFound(f"there is no link {id}"))


ENDED = (
    ShareLink("link-u", parse("a"), LinkState.USED, MADE, MADE + 60, uses_left=0),
    ShareLink("link-e", parse("b"), LinkState.EXPIRED, MADE, MADE + 60, upload=True),
    ShareLink("link-b", parse("c"), LinkState.BROKEN, MADE, MADE + 60, has_password=True),
)
"""Links that do not work any more, each for another reason."""
