"""MOVE: what stands at an endpoint is to stand at another."""

from __future__ import annotations

from itertools import takewhile

from zope.interface import implementer

from homeftp.endpoint import Endpoint, parse
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.messages import Move, entry_body


@implementer(IDispatcher, IPathLocking)
class MoveDispatcher:
    """Gives a file or a directory another name; a file that had it becomes a version."""

    request_type = "MOVE"
    body_type = Move

    def claims(self, body: Move) -> PathLock:
        """It changes both endpoints, and so the directory that both are in; raises `BadEndpoint` (41)."""
        pairs = zip(parse(body.rel_endpoint).parts, parse(body.to).parts)  # noqa: B905 (as far as both go)
        return PathLock(
            Endpoint(tuple(part for part, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))), changes=True
        )

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Move it."""
        body: Move = request.body
        endpoint, to = parse(body.rel_endpoint), parse(body.to)
        entry = await request.workers.run(request.account.share.move, endpoint, to, body.if_hash, body.if_to)
        resolution.resolve(Status.OK, f"moved {endpoint} to {to}", entry_body(entry))
