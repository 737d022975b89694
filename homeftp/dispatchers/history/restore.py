"""RESTORE: put back a version of what was at an endpoint, or a directory with everything beneath it."""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from homeftp.errors import BadRequest
from homeftp.history.changes import RestoreStep
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.history import RestoreBody, reverted_body
from homeftp.wire.messages import entry_body


@implementer(IDispatcher, IPathLocking)
class RestoreDispatcher:
    """Puts a version back, or what a directory had at a time, durably; what is there becomes a version itself."""

    request_type = "RESTORE"
    body_type = RestoreBody

    def path_lock(self, body: RestoreBody) -> PathLock:
        """The request changes its endpoint."""
        return PathLock(body.rel_endpoint, changes=True)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Put a file back, or with `recursive` a directory."""
        body: RestoreBody = request.body
        if body.recursive:
            await _restore_tree(request, resolution)
            return
        if body.as_of is not None or body.dry_run:
            raise BadRequest("as_of and dry_run are for recursive; at names the version of a file")
        if not body.rel_endpoint.parts:
            raise BadRequest("RESTORE needs a rel_endpoint: the shared folder itself has no versions")
        entry = await request.files.restore(body.rel_endpoint, body.at, body.if_hash)
        resolution.resolve(Status.OK, f"restored {body.rel_endpoint}", entry_body(entry))


async def _restore_tree(request: IRequest, resolution: IResolution) -> None:
    """Put back a directory and everything beneath it, with an interim answer for each step."""
    body: RestoreBody = request.body
    if body.at is not None or body.if_hash is not None:
        raise BadRequest("at and if_hash are for one file; with recursive, as_of says what to put back")
    total = _RestoreTotal()
    await resolution.turn()
    steps = request.files.restore_tree(body.rel_endpoint, body.as_of, dry_run=body.dry_run)
    try:
        async for step in steps:
            interim = total.added(step)
            if step.reverted or step.unchanged:
                await resolution.send(interim)
    finally:
        await steps.aclose()
    act = "would restore" if body.dry_run else "restored"
    resolution.resolve(Status.OK, f"{act} {str(body.rel_endpoint) or 'the root'}", total.body())


class _RestoreTotal:
    """The totals of the steps so far."""

    def __init__(self) -> None:
        self.counts = {"restored": 0, "removed": 0, "refused": 0}
        self.unchanged = 0
        self.as_of_us: int | None = None

    def added(self, step: RestoreStep) -> dict[str, Any]:
        """Count a step; the body of its interim answer."""
        for each in step.reverted:
            self.counts[each.outcome] += 1
        self.unchanged += step.unchanged
        self.as_of_us = step.as_of_us
        body: dict[str, Any] = {"unchanged": self.unchanged}
        if step.reverted:
            body["reverted"] = [reverted_body(each) for each in step.reverted]
        return body

    def body(self) -> dict[str, Any]:
        """The body of the answer."""
        totals: dict[str, Any] = {f"{outcome}_total": count for outcome, count in self.counts.items()}
        return {**totals, "unchanged_total": self.unchanged, "as_of": self.as_of_us}
