"""MOVE: what stands at an endpoint is to stand at another."""

from __future__ import annotations

from itertools import takewhile

from zope.interface import implementer

from homeftp.interfaces import IClaiming, IDispatcher, IRequest, IResolution
from homeftp.status import Status
from homeftp.values import Claim
from homeftp.wire.endpoint import Endpoint, parse
from homeftp.wire.messages import Move


@implementer(IDispatcher, IClaiming)
class MoveDispatcher:
    """Gives a file or a directory another name; a file that had it becomes a version."""

    request_type = "MOVE"
    body_type = Move

    def claims(self, body: Move) -> Claim:
        """It changes both endpoints, and so the directory that both are in; raises `BadEndpoint` (41)."""
        pairs = zip(parse(body.rel_endpoint).parts, parse(body.to).parts)  # noqa: B905 (as far as both go)
        return Claim(
            Endpoint(tuple(part for part, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))), changes=True
        )

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Move it."""
        body: Move = request.body
        endpoint, to = parse(body.rel_endpoint), parse(body.to)
        entry = await request.workers.run(request.account.share.move, endpoint, to, body.if_hash, body.if_to)
        resolution.resolve(Status.OK, f"moved {endpoint} to {to}", entry.as_body())
