"""Times for people, in the machine's own zone."""

from __future__ import annotations

import os
import time

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.times import format_minute, format_moment, parse_duration, parse_moment, parse_moment_us
from homeftp.errors import OperatorError

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

    def test_parsed(self) -> None:
        """What a person types, in the zone of the machine, and what scripts have; both forms are of one moment."""
        for text in (
            "2023-11-15 00:13:20.123456",
            "2023-11-14T22:13:20.123456+00:00",
            str(AT_US),
            format_moment(AT_US),
        ):
            self.assertEqual(parse_moment_us(text, "--at"), AT_US)
            self.assertEqual(parse_moment(text, "--at"), "2023-11-14T22:13:20.123456+00:00")
        self.assertEqual(parse_moment_us("2023-11-15", "--at"), AT_US - 800_123_456)
        ago = time.time_ns() // 1000 - parse_moment_us("2h", "--at")
        self.assertLess(abs(ago - 2 * 3600 * 1_000_000), 60_000_000)
        for wrong in ("yesterday", "", "1999", "123456789012345678901"):
            self.assertIn("--at", str(self.assertRaises(OperatorError, parse_moment_us, wrong, "--at")))

    def test_durations(self) -> None:
        """A number and a unit; nothing, more than is allowed, and anything else is refused by the option's name."""
        for text, seconds in (("90s", 90), (" 2H ", 7200), ("7d", 604_800), ("1w", 604_800)):
            self.assertEqual(parse_duration(text, "--for", 604_800), seconds)
        for wrong in ("0s", "8d", "7", "d", "-1d", "1.5h", "1y", "9999999999d"):
            refused = self.assertRaises(OperatorError, parse_duration, wrong, "--for", 604_800)
            self.assertRegex(str(refused), "^--for .*at most 7d")
