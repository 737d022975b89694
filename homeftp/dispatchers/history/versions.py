"""VERSIONS: the versions of what was at an endpoint."""

from __future__ import annotations

from zope.interface import implementer

from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.history import VersionsBody, version_body


@implementer(IDispatcher, IPathLocking)
class VersionsDispatcher:
    """Lists what was replaced or removed at an endpoint and beneath it, page by page."""

    request_type = "VERSIONS"
    body_type = VersionsBody

    def path_lock(self, body: VersionsBody) -> PathLock:
        """The request reads its endpoint."""
        return PathLock(body.rel_endpoint, changes=False)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """List, in `more` lines."""
        body: VersionsBody = request.body
        total = 0
        await resolution.turn()
        pages = request.files.versions(body.rel_endpoint)
        try:
            async for page in pages:
                total += len(page)
                await resolution.send({"versions": [version_body(version) for version in page]})
        finally:
            await pages.aclose()
        message = f"listed the versions of {str(body.rel_endpoint) or 'the root'}"
        resolution.resolve(Status.OK, message, {"versions_total": total})
