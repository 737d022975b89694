"""How often a measured value was how large: counted by ranges, without keeping the values."""

from __future__ import annotations

from bisect import bisect_left
from typing import Sequence

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
"""The bounds for how long something takes, in seconds."""

AMOUNTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
"""The bounds for how many small things are done together."""


class Histogram:
    """Counts values by the bounds of their ranges, which ascend. For one thread at a time."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """How many values were at most as large as each bound, and larger than the one before; the last: all others."""
        self.total = 0.0
        """The sum of all values."""

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def cumulative(self) -> list[int]:
        """For each bound how many values were at most as large; at the end how many there were."""
        total, found = 0, []
        for count in self.counts:
            total += count
            found.append(total)
        return found
