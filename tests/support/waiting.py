"""Waiting for another process, thread or machine: the only place in the tests that sleeps.

A test of one module has a `Clock` and needs none of this.
"""

from __future__ import annotations

import time
from typing import Callable

WITHIN = 90.0
"""Seconds after which waiting fails: long, for a loaded machine; a test that passes never waits so long."""


def wait_until(
    condition: Callable[[], object],
    failure: Callable[[], object] = lambda: "",
    within: float = WITHIN,
    every: float = 0.01,
) -> None:
    """Return as soon as `condition()` is true; raise AssertionError, with `failure()`, after `within` seconds.

    Looks again after each `every` seconds.
    """
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {within:g} seconds: {failure()}")
        time.sleep(every)


def pause(seconds: float) -> None:
    """Let real time pass between two things that a test does: the pace of a slow peer, or a gap between segments."""
    time.sleep(seconds)
