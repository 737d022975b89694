"""VERSIONS: what stood at an endpoint before."""

from __future__ import annotations

from zope.interface import implementer

from homeftp.interfaces import IClaiming, IDispatcher, IRequest, IResolution
from homeftp.status import Status
from homeftp.values import Claim
from homeftp.wire.endpoint import parse
from homeftp.wire.messages import Versions


@implementer(IDispatcher, IClaiming)
class VersionsDispatcher:
    """Lists what was replaced or removed, at an endpoint and at all beneath it, page by page."""

    request_type = "VERSIONS"
    body_type = Versions

    def claims(self, body: Versions) -> Claim:
        """It reads its endpoint; raises `BadEndpoint` (41)."""
        return Claim(parse(body.rel_endpoint), changes=False)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """List, in `more` lines."""
        body: Versions = request.body
        endpoint = parse(body.rel_endpoint)
        pages = request.account.share.versions(endpoint)
        total = 0
        while (page := await request.workers.run(next, pages, None)) is not None:
            total += len(page)
            await resolution.send({"versions": [version.as_body() for version in page]})
        resolution.resolve(
            Status.OK, f"listed the versions of {str(endpoint) or 'the root'}", {"versions_total": total}
        )
