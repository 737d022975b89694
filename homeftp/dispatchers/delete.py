"""DELETE: remove what is at an endpoint."""

from __future__ import annotations

from zope.interface import implementer

from homeftp.errors import NotEmpty, WrongKind
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.messages import DeleteBody


@implementer(IDispatcher, IPathLocking)
class DeleteDispatcher:
    """Removes a file, or a directory; every file becomes a version."""

    request_type = "DELETE"
    body_type = DeleteBody

    def path_lock(self, body: DeleteBody) -> PathLock:
        """The request changes its endpoint."""
        return PathLock(body.rel_endpoint, changes=True)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Remove the file or directory at the endpoint."""
        body: DeleteBody = request.body
        try:
            removed = await request.files.remove(body.rel_endpoint, body.if_hash, body.recursive)
        except NotEmpty as refusal:
            raise WrongKind(f"{refusal.message}: set recursive to remove its contents too") from None
        resolution.resolve(Status.OK, f"removed {body.rel_endpoint}", {"removed_total": removed})
