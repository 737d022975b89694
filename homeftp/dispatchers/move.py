"""MOVE: give what is at an endpoint another name."""

from __future__ import annotations

from itertools import takewhile

from zope.interface import implementer

from homeftp.endpoint import Endpoint
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.messages import MoveBody, entry_body


@implementer(IDispatcher, IPathLocking)
class MoveDispatcher:
    """Renames a file or a directory; a file at the new name becomes a version."""

    request_type = "MOVE"
    body_type = MoveBody

    def path_lock(self, body: MoveBody) -> PathLock:
        """The request changes both endpoints: the lock is on the nearest directory that holds them."""
        pairs = zip(body.rel_endpoint.parts, body.to.parts, strict=False)
        common = tuple(part for part, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        return PathLock(Endpoint(common), changes=True)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Rename."""
        body: MoveBody = request.body
        entry = await request.files.move(
            body.rel_endpoint, body.to, source_precondition=body.if_hash, target_precondition=body.if_to
        )
        resolution.resolve(Status.OK, f"moved {body.rel_endpoint} to {body.to}", entry_body(entry))
