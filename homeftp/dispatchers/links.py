"""LINK, LINKS and UNLINK: an account makes, lists and revokes share links, where the owner allowed it to have some."""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from homeftp.endpoint import ROOT
from homeftp.errors import Forbidden
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution, IShareLinks
from homeftp.interfaces.links import LINK_SECONDS, LinkTerms, ShareLink
from homeftp.model import SECOND_US, PathLock
from homeftp.status import Status
from homeftp.wire.links import LinkBody, UnlinkBody
from homeftp.wire.messages import NoBody

PAGE = 20
"""Links in one response: with the longest paths they fill half of the longest line."""


@implementer(IDispatcher, IPathLocking)
class LinkDispatcher:
    """Makes a link, and tells its URL, once."""

    request_type = "LINK"
    body_type = LinkBody

    def path_lock(self, body: LinkBody) -> PathLock:
        """The request opens its endpoint to others, so that it counts as a change: where it is refused is recorded."""
        return PathLock(body.rel_endpoint, changes=True)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Make the link, and answer with its URL."""
        body: LinkBody = request.body
        seconds = LINK_SECONDS if body.seconds is None else body.seconds
        terms = LinkTerms(body.rel_endpoint, seconds, body.uses, body.upload, body.password)
        made = await _links(request).make(terms)
        answer = {**_described(made.link), "url": made.url}
        resolution.resolve(Status.OK, f"shared {str(body.rel_endpoint) or 'the root'}", answer)


@implementer(IDispatcher, IPathLocking)
class LinksDispatcher:
    """Lists the links of the account."""

    request_type = "LINKS"
    body_type = NoBody

    def path_lock(self, body: NoBody) -> PathLock:
        """The request looks whether anything is at the paths of the links."""
        return PathLock(ROOT, changes=False)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """List the links, some in each interim answer."""
        await resolution.turn()
        found = await _links(request).list()
        for start in range(0, len(found), PAGE):
            await resolution.send({"links": [_described(each) for each in found[start : start + PAGE]]})
        resolution.resolve(Status.OK, "listed the links", {"links_total": len(found)})


@implementer(IDispatcher, IPathLocking)
class UnlinkDispatcher:
    """Revokes a link."""

    request_type = "UNLINK"
    body_type = UnlinkBody

    def path_lock(self, body: UnlinkBody) -> PathLock:
        """Only the accounts know what the link leads to."""
        return PathLock(ROOT, changes=True)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Revoke the link that the body names."""
        body: UnlinkBody = request.body
        ended = await _links(request).revoke(body.link)
        resolution.resolve(Status.OK, f"revoked the link {ended.id}", {"link": ended.id})


def _links(request: IRequest) -> IShareLinks:
    if request.links is None:
        raise Forbidden("this login cannot make share links")
    return request.links


def _us(seconds: float) -> int:
    return int(seconds * SECOND_US)


def _described(link: ShareLink) -> dict[str, Any]:
    """A link as the JSON object of a response; what is not known is left out."""
    body = {
        "link": link.id,
        "state": link.state.value,
        "made": _us(link.made),
        "ends": _us(link.ends),
        "upload": link.upload,
        "password": link.has_password,
        "rel_endpoint": str(link.endpoint),
        "uses_left": link.uses_left,
        "device": link.device,
    }
    return {name: value for name, value in body.items() if value is not None}
