"""SETSTAT: change the time and mode of a file or directory, without its content (SFTP has the request of that name)."""

from __future__ import annotations

from zope.interface import implementer

from homeftp.dispatchers.metadata import parse_meta_data
from homeftp.errors import BadRequest
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.messages import SetstatBody, entry_body


@implementer(IDispatcher, IPathLocking)
class SetstatDispatcher:
    """Changes metadata, durably; the content stays, and no version is made."""

    request_type = "SETSTAT"
    body_type = SetstatBody

    def path_lock(self, body: SetstatBody) -> PathLock:
        """The request changes its endpoint."""
        return PathLock(body.rel_endpoint, changes=True)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Change the time and mode of a file or directory."""
        body: SetstatBody = request.body
        values = parse_meta_data(body.meta_data)
        if not values or "size" in values:
            raise BadRequest("SETSTAT changes mtime_us and mode: name one of them, and no size")
        entry = await request.files.set_metadata(
            body.rel_endpoint, mtime_us=values.get("mtime_us"), mode=values.get("mode"), precondition=body.if_hash
        )
        resolution.resolve(Status.OK, f"set time or mode of {body.rel_endpoint}", entry_body(entry))
