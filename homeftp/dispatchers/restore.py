"""RESTORE: put back what stood at an endpoint before."""

from __future__ import annotations

from zope.interface import implementer

from homeftp.endpoint import parse
from homeftp.errors import BadRequest
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.messages import Restore, entry_body


@implementer(IDispatcher, IPathLocking)
class RestoreDispatcher:
    """Puts a version in its place, durably; what stands there becomes one itself."""

    request_type = "RESTORE"
    body_type = Restore

    def claims(self, body: Restore) -> PathLock:
        """It changes its endpoint; raises `BadEndpoint` (41)."""
        return PathLock(parse(body.rel_endpoint), changes=True)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Put it back."""
        body: Restore = request.body
        endpoint = parse(body.rel_endpoint)
        if not endpoint.parts:
            raise BadRequest("RESTORE needs a rel_endpoint: the share's root is a directory")
        entry = await request.workers.run(request.account.share.restore, endpoint, body.at, body.if_hash)
        resolution.resolve(Status.OK, f"restored {endpoint}", entry_body(entry))
