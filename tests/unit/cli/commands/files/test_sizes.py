"""Sizes in a column."""

from __future__ import annotations

import argparse

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.commands.files.sizes import add_size_arguments, sized


class SizeTests(SynchronousTestCase):
    """sized."""

    def test_sized(self) -> None:
        """For people by default and with -h, exact with -b; every size has the same width."""
        parser = argparse.ArgumentParser(add_help=False)
        add_size_arguments(parser)
        for words, sizes in (([], ("     7 B", "  1.2 MB", "       -")), (["-b"], ("7", "1,234,567", "-"))):
            options = parser.parse_args(words)
            shown = [sized(size, exact=options.bytes) for size in (7, 1_234_567, None)]
            self.assertEqual([each.strip() for each in shown], [each.strip() for each in sizes])
            self.assertEqual(len({len(each) for each in shown}), 1)
        self.assertEqual(sized(7, exact=parser.parse_args(["-h"]).bytes), "     7 B")
