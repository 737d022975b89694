"""Values that are counted by their ranges."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.histogram import AMOUNTS, SECONDS, Histogram


class HistogramTests(SynchronousTestCase):
    """`Histogram`."""

    def test_ranges(self) -> None:
        """A value that is as large as a bound is within it; one beyond the last bound is counted too."""
        histogram = Histogram((1.0, 2.0))
        for value in (0.0, 1.0, 1.5, 2.0, 2.5):
            histogram.add(value)
        self.assertEqual(histogram.counts, [2, 2, 1])
        self.assertEqual(histogram.cumulative(), [2, 4, 5])
        self.assertEqual(histogram.total, 7.0)

    def test_empty(self) -> None:
        """Where nothing was counted, everything is zero."""
        self.assertEqual(Histogram(SECONDS).cumulative(), [0] * (len(SECONDS) + 1))

    def test_bounds(self) -> None:
        """The bounds that are used ascend."""
        for bounds in (SECONDS, AMOUNTS):
            self.assertEqual(list(bounds), sorted(set(bounds)))
