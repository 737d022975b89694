"""Coroutines that mostly have nothing to wait for: they run at once, and only what waits becomes a Deferred."""

from __future__ import annotations

import contextlib
from typing import Any, Coroutine

from twisted.internet.defer import Deferred

_Work = Coroutine[Deferred[Any], Any, None]


def run_promptly(work: _Work) -> None:
    """Run a coroutine, which raises nothing. What `Deferred.fromCoroutine` adds costs as much as a small request."""
    try:
        waits_for = work.send(None)
    except StopIteration:
        return
    Deferred.fromCoroutine(_rest(work, waits_for))


async def _rest(work: _Work, waits_for: Deferred[Any]) -> None:
    """A coroutine from its first wait on: it gets each result that it waits for, or the failure."""
    with contextlib.suppress(StopIteration):
        while True:
            try:
                result = await waits_for
            except Exception as error:  # noqa: BLE001, PERF203 (it is the coroutine's)
                waits_for = work.throw(error)
            else:
                waits_for = work.send(result)
