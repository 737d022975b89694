"""The exit codes are a promise to scripts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.exitcodes import Exit


class ExitTests(SynchronousTestCase):
    """Exit."""

    def test_values(self) -> None:
        """No code ever changes its number."""
        self.assertEqual(
            {each.name: int(each) for each in Exit},
            {
                "DONE": 0,
                "DIFFERS": 1,
                "USAGE": 2,
                "REFUSED": 3,
                "UNREACHABLE": 4,
                "FAULT": 70,
                "INTERRUPTED": 130,
                "BROKEN_PIPE": 141,
            },
        )
