"""Times for people, in the machine's own zone."""

from __future__ import annotations

import os
import time

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.times import format_minute, format_moment

AT_US = 1_700_000_000_123_456


class TimesTests(SynchronousTestCase):
    """format_minute and format_moment."""

    def setUp(self) -> None:
        self.addCleanup(time.tzset)
        self.patch(os, "environ", os.environ.copy())
        os.putenv("TZ", "UTC-2")
        self.addCleanup(os.unsetenv, "TZ")
        time.tzset()

    def test_formats(self) -> None:
        """Minutes for files, microseconds for versions, in the zone of the machine."""
        self.assertEqual(format_minute(AT_US), "2023-11-15 00:13")
        self.assertEqual(format_moment(AT_US), "2023-11-15 00:13:20.123456")

    def test_width(self) -> None:
        """An unknown time and one that no calendar has are as wide as any other."""
        self.assertEqual(format_minute(None), " " * 16)
        self.assertEqual(format_minute(2**63), "????-??-?? ??:??")
        self.assertEqual(len(format_moment(2**63)), 26)
