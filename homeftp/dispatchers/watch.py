"""WATCH: what changes at an endpoint and beneath it, told until the client disconnects."""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from homeftp.interfaces import ChangedNames, IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock
from homeftp.wire.messages import WatchBody


@implementer(IDispatcher, IPathLocking)
class WatchDispatcher:
    """Tells that something has changed, and at which names, but nothing of what is there."""

    request_type = "WATCH"
    body_type = WatchBody

    def path_lock(self, body: WatchBody) -> PathLock:
        """The request never ends by itself: those behind it would wait for their answers in vain."""
        return PathLock(body.rel_endpoint, changes=False, alone=True)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Tell, with an interim answer for each change, or for several; the first one says that it has begun."""
        body: WatchBody = request.body
        await resolution.turn()
        watch = request.files.watch(body.rel_endpoint)
        try:
            await resolution.send(_body(ChangedNames(())), f"watching {str(body.rel_endpoint) or 'the root'}")
            while True:
                await resolution.send(_body(await resolution.wait_idle(anext(watch))))
        finally:
            await watch.aclose()


def _body(changed: ChangedNames) -> dict[str, Any]:
    body: dict[str, Any] = {"changed": list(changed.names)}
    if changed.anything:
        body["anything"] = True
    return body
