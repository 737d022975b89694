"""Coroutines that mostly have nothing to wait for: they run at once, and only what waits becomes a Deferred."""

from __future__ import annotations

import types
from typing import Any, Callable, Coroutine, Generator

from twisted.internet.defer import Deferred

_Work = Coroutine[Deferred[Any], Any, None]


def run_promptly(work: _Work) -> None:
    """Run a coroutine, which raises nothing. What `Deferred.fromCoroutine` adds costs as much as a small request."""
    try:
        waits_for = work.send(None)
    except StopIteration:
        return
    Deferred.fromCoroutine(_rest(work, waits_for))


@types.coroutine
def _rest(work: _Work, waits_for: Deferred[Any]) -> Generator[Deferred[Any], Any, None]:
    """A coroutine from its first wait on."""
    try:
        while True:
            waits_for = (yield from _result(waits_for))(work)
    except StopIteration:
        return


def _result(waits_for: Deferred[Any]) -> Generator[Deferred[Any], Any, Callable[[_Work], Deferred[Any]]]:
    """The next step of a coroutine: it gets the result that it waits for, or the failure."""
    try:
        result = yield waits_for
    except Exception as error:  # noqa: BLE001 (it is the coroutine's)
        failed = error
        return lambda work: work.throw(failed)
    return lambda work: work.send(result)
