"""PRUNE: remove versions for good."""

from __future__ import annotations

from zope.interface import implementer

from homeftp.errors import counted
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.history import PruneBody, pruned_body


@implementer(IDispatcher, IPathLocking)
class PruneDispatcher:
    """Removes versions of what is at an endpoint and beneath it for good; no current file."""

    request_type = "PRUNE"
    body_type = PruneBody

    def path_lock(self, body: PruneBody) -> PathLock:
        """The request changes its endpoint."""
        return PathLock(body.rel_endpoint, changes=True)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Remove them, with an interim answer for each step."""
        body: PruneBody = request.body
        total = size = refused = 0
        await resolution.turn()
        steps = request.files.prune(body.rel_endpoint, before_us=body.before, keep=body.keep, dry_run=body.dry_run)
        try:
            async for step in steps:
                if not step.pruned:
                    continue
                gone = [each for each in step.pruned if each.refusal is None]
                total, size = total + len(gone), size + sum(each.size for each in gone)
                refused += len(step.refused)
                await resolution.send({"versions": [pruned_body(each) for each in step.pruned]})
        finally:
            await steps.aclose()
        act = "would remove" if body.dry_run else "removed"
        message = f"{act} {counted(total, 'version')} of {str(body.rel_endpoint) or 'the root'}"
        resolution.resolve(Status.OK, message, {"pruned_total": total, "bytes": size, "refused_total": refused})
