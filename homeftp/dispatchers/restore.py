"""RESTORE: put back a version of what was at an endpoint."""

from __future__ import annotations

from zope.interface import implementer

from homeftp.errors import BadRequest
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.messages import RestoreBody, entry_body


@implementer(IDispatcher, IPathLocking)
class RestoreDispatcher:
    """Puts a version back, durably; the current file becomes a version itself."""

    request_type = "RESTORE"
    body_type = RestoreBody

    def path_lock(self, body: RestoreBody) -> PathLock:
        """The request changes its endpoint."""
        return PathLock(body.rel_endpoint, changes=True)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Put it back."""
        body: RestoreBody = request.body
        if not body.rel_endpoint.parts:
            raise BadRequest("RESTORE needs a rel_endpoint: the shared folder itself has no versions")
        entry = await request.files.restore(body.rel_endpoint, body.at, body.if_hash)
        resolution.resolve(Status.OK, f"restored {body.rel_endpoint}", entry_body(entry))
