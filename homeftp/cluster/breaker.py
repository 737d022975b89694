"""A circuit breaker: while an engine does not answer, nothing waits for it in vain for long.

A request is made of several operations, and others wait for their turn in the pool. If each of them waited until its
deadline, an answer would take several times as long.
"""

from __future__ import annotations

import time
from typing import Callable

OPEN_SECONDS = 1.0
"""How long everything is refused at once after the engine has not answered."""

TRY_SECONDS = 2.0
"""How long an engine may take to show that it answers, after something has waited in vain."""


class CircuitBreaker:
    """The state of one engine, as far as it is known. Safe in several threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._closes = float("-inf")
        self.is_doubtful = False
        """Whether the engine has to show that it answers before something waits for it until the deadline."""

    @property
    def is_open(self) -> bool:
        """Whether to refuse everything now."""
        return self._monotonic() < self._closes

    def doubt(self) -> None:
        """Record that something has waited until its deadline: for the engine, or for others who use it."""
        self.is_doubtful = True

    def failed(self) -> None:
        """Record that the engine does not answer."""
        self.is_doubtful = True
        self._closes = self._monotonic() + OPEN_SECONDS

    def answered(self) -> None:
        """Record that the engine has answered."""
        self.is_doubtful = False
