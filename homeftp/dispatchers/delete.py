"""DELETE: nothing is to stand at an endpoint any more."""

from __future__ import annotations

from zope.interface import implementer

from homeftp.endpoint import parse
from homeftp.errors import Forbidden, NotEmpty, WrongKind
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.messages import Delete


@implementer(IDispatcher, IPathLocking)
class DeleteDispatcher:
    """Removes a file, or a directory; every file becomes a version."""

    request_type = "DELETE"
    body_type = Delete

    def claims(self, body: Delete) -> PathLock:
        """It changes its endpoint; raises `BadEndpoint` (41)."""
        return PathLock(parse(body.rel_endpoint), changes=True)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Remove it, step by step."""
        body: Delete = request.body
        endpoint = parse(body.rel_endpoint)
        removing = request.account.share.remove(endpoint, body.if_hash, body.recursive)
        total = 0
        try:
            while (count := await request.workers.run(next, removing, None)) is not None:
                total += count
                if request.revoked:
                    raise Forbidden("who asked for this may not come in any more")
        except NotEmpty as refused:
            raise WrongKind(f"{refused.message}: with recursive all that is in it goes too") from None
        finally:
            await request.workers.finish(removing.close)
        resolution.resolve(Status.OK, f"removed {endpoint}", {"removed_total": total})
