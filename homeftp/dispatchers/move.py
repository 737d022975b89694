"""MOVE: give what is at an endpoint another name. COPY: give the content of a file a second one."""

from __future__ import annotations

from itertools import takewhile
from typing import Awaitable, Callable

from zope.interface import implementer

from homeftp.endpoint import Endpoint
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import Entry, PathLock
from homeftp.status import Status
from homeftp.wire.messages import CopyBody, MoveBody, entry_body


@implementer(IDispatcher, IPathLocking)
class MoveDispatcher:
    """Renames a file or a directory; a file at the new name becomes a version."""

    request_type = "MOVE"
    body_type = MoveBody

    def path_lock(self, body: MoveBody) -> PathLock:
        """The request changes both endpoints."""
        return _lock_both(body)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Rename a file or directory."""
        await _change_both(request.files.move, "moved", request.body, resolution)


@implementer(IDispatcher, IPathLocking)
class CopyDispatcher:
    """Copies a file, with its time and mode; a file at the other name becomes a version."""

    request_type = "COPY"
    body_type = CopyBody

    def path_lock(self, body: CopyBody) -> PathLock:
        """The request reads one endpoint, and changes the other."""
        return _lock_both(body)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Copy a file on the server."""
        await _change_both(request.files.copy, "copied", request.body, resolution)


def _lock_both(body: MoveBody) -> PathLock:
    """The lock is on the nearest directory that holds both endpoints."""
    pairs = zip(body.rel_endpoint.parts, body.to.parts, strict=False)
    common = tuple(part for part, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return PathLock(Endpoint(common), changes=True)


async def _change_both(
    change: Callable[..., Awaitable[Entry]], done: str, body: MoveBody, resolution: IResolution
) -> None:
    entry = await change(body.rel_endpoint, body.to, source_precondition=body.if_hash, target_precondition=body.if_to)
    resolution.resolve(Status.OK, f"{done} {body.rel_endpoint} to {body.to}", entry_body(entry))
