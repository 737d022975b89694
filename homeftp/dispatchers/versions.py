"""VERSIONS: what stood at an endpoint before."""

from __future__ import annotations

from zope.interface import implementer

from homeftp.endpoint import parse
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.messages import Versions, version_body


@implementer(IDispatcher, IPathLocking)
class VersionsDispatcher:
    """Lists what was replaced or removed, at an endpoint and at all beneath it, page by page."""

    request_type = "VERSIONS"
    body_type = Versions

    def claims(self, body: Versions) -> PathLock:
        """It reads its endpoint; raises `BadEndpoint` (41)."""
        return PathLock(parse(body.rel_endpoint), changes=False)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """List, in `more` lines."""
        body: Versions = request.body
        endpoint = parse(body.rel_endpoint)
        pages = request.account.share.versions(endpoint)
        total = 0
        while (page := await request.workers.run(next, pages, None)) is not None:
            total += len(page)
            await resolution.send({"versions": [version_body(version) for version in page]})
        resolution.resolve(
            Status.OK, f"listed the versions of {str(endpoint) or 'the root'}", {"versions_total": total}
        )
