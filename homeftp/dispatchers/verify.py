"""VERIFY: does the server still have what was stored? It reads everything again."""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock, Verification
from homeftp.status import Status
from homeftp.wire.messages import VerifyBody, damage_body


@implementer(IDispatcher, IPathLocking)
class VerifyDispatcher:
    """Reads what is at an endpoint and beneath it, and tells how far it is, and what is damaged."""

    request_type = "VERIFY"
    body_type = VerifyBody

    def path_lock(self, body: VerifyBody) -> PathLock:
        """The request reads its endpoint."""
        return PathLock(body.rel_endpoint, changes=False)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Verify, with an interim answer for each step."""
        body: VerifyBody = request.body
        total = _Total()
        await resolution.turn()
        steps = request.files.verify(body.rel_endpoint)
        try:
            async for step in steps:
                await resolution.send(total.added(step))
        finally:
            await steps.aclose()
        what = str(body.rel_endpoint) or "the root"
        left = total.damaged - total.mended
        message = f"{left} damaged in {what}" if left else f"nothing is damaged in {what}"
        resolution.resolve(Status.OK, message, total.body())


class _Total:
    """The totals of the steps so far."""

    def __init__(self) -> None:
        self.files = self.versions = self.size = self.damaged = self.mended = 0

    def added(self, step: Verification) -> dict[str, Any]:
        """Count a step; the body of its interim answer."""
        self.files += step.files
        self.versions += step.versions
        self.size += step.size
        self.damaged += len(step.damages)
        self.mended += sum(each.mended for each in step.damages)
        body: dict[str, Any] = {"files": self.files, "versions": self.versions, "bytes": self.size}
        if step.damages:
            body["damaged"] = [damage_body(each) for each in step.damages]
        if step.skipped:
            body["skipped"] = step.skipped
        return body

    def body(self) -> dict[str, Any]:
        """The body of the answer."""
        return {
            "files": self.files,
            "versions": self.versions,
            "bytes": self.size,
            "damaged_total": self.damaged,
            "mended_total": self.mended,
        }
