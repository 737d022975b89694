"""Rates as rsync takes them."""

from __future__ import annotations

import argparse

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.transfer.rates import parse_rate


class RateTests(SynchronousTestCase):
    """parse_rate."""

    def test_units(self) -> None:
        """A number alone is in KiB; units of 1024 have no B or iB, those of 1000 have B; 0 means no limit."""
        for text, expected in (
            ("100", 102_400),
            ("1.5", 1536),
            ("1.5m", 1.5 * 1024**2),
            ("2M", 2 * 1024**2),
            ("2MiB", 2 * 1024**2),
            ("2MB", 2_000_000),
            ("500KB", 500_000),
            ("1g", 1024**3),
            ("4096B", 4096),
            ("0", None),
            ("0M", None),
        ):
            self.assertEqual(parse_rate(text), expected, text)

    def test_refused(self) -> None:
        """What is no rate is refused."""
        for text in ("", "fast", "-1", "1X", "1 2", "M", "1e3", "inf"):
            self.assertRaises(argparse.ArgumentTypeError, parse_rate, text)
