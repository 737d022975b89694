"""Text, sizes and counts for people, JSON for scripts."""

from __future__ import annotations

import argparse
import sys

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.text import (
    format_count,
    format_mode,
    format_size,
    print_result,
    printable,
    printable_endpoint,
)
from tests.support.commandline import Output


class ModeTests(SynchronousTestCase):
    """format_mode."""

    def test_modes(self) -> None:
        """As ls(1) prints them; unknown bits as none."""
        for kind, mode, expected in (
            ("file", 0o644, "-rw-r--r--"),
            ("directory", 0o750, "drwxr-x---"),
            ("file", None, "----------"),
            ("directory", None, "d---------"),
            ("file", 0o4755, "-rwxr-xr-x"),
        ):
            self.assertEqual(format_mode(kind, mode), expected)


class PrintableTests(SynchronousTestCase):
    """printable and printable_endpoint."""

    def test_escaped(self) -> None:
        """Control, bidirectional and undecodable characters are escaped; letters of any script stay."""
        self.assertEqual(printable("Zoë Ж 語"), "Zoë Ж 語")
        self.assertEqual(printable("a\x1b[2J\n\u202e\udcff"), "a\\x1b[2J\\n\\u202e\\udcff")

    def test_endpoint(self) -> None:
        """The root has no name of its own, and is named in words."""
        self.assertEqual(printable_endpoint("a\n/b"), "a\\n/b")
        self.assertEqual(printable_endpoint(""), "the shared folder")


class FormatTests(SynchronousTestCase):
    """format_size and format_count."""

    def test_size(self) -> None:
        """Sizes have three units' worth of digits at most, in powers of 1000."""
        sizes = {0: "0 B", 999: "999 B", 1000: "1.0 kB", 2_100_000: "2.1 MB", 10**12: "1.0 TB", 10**16: "10000.0 TB"}
        self.assertEqual({size: format_size(size) for size in sizes}, sizes)

    def test_count(self) -> None:
        """Singular, plural, and what is neither file nor folder."""
        counts = {
            (1, 0, 0): "1 file",
            (2, 1, 0): "2 files and 1 folder",
            (0, 2, 0): "2 folders",
            (0, 0, 3): "3",
            (1, 0, 3): "1 file and 3 other",
        }
        self.assertEqual({count: format_count(*count) for count in counts}, counts)


class ResultTests(SynchronousTestCase):
    """print_result."""

    def test_either(self) -> None:
        """A sentence for people, or the fields as one line of JSON."""
        for json, printed in ((False, "Done.\n"), (True, '{"a": 1}\n')):
            out = Output()
            self.patch(sys, "stdout", out)
            print_result(argparse.Namespace(json=json), "Done.", {"a": 1})
            self.assertEqual(out.getvalue(), printed)
