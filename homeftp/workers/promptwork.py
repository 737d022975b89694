"""Coroutines that mostly have nothing to wait for: they run at once, and what they wait for resumes them."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Coroutine

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

_Work = Coroutine[Deferred[Any], Any, None]


def run_promptly(work: _Work) -> None:
    """Run a coroutine, which raises nothing. What `Deferred.fromCoroutine` adds costs as much as a small request."""
    _go_on(work, work.send, None)


def _go_on(work: _Work, step: Callable[[Any], Deferred[Any]], argument: object) -> None:
    """Let a coroutine take its next step, and those behind it when it has what it waits for."""
    try:
        waits_for = step(argument)
    except StopIteration:
        return
    waits_for.addCallbacks(partial(_go_on, work, work.send), partial(_failed, work))


def _failed(work: _Work, failure: Failure) -> None:
    """Raise in a coroutine the failure that it has waited for."""
    _go_on(work, work.throw, failure.value)
