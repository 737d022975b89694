"""How an argument declares its completion."""

from __future__ import annotations

import argparse

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.completers import REMOTE_PATHS, completer_of, set_completer


class CompleterTests(SynchronousTestCase):
    """set_completer."""

    def test_declared(self) -> None:
        """shtab finds the shell function by the shell's name; tcsh has none."""
        argument = argparse.ArgumentParser().add_argument("path")
        self.assertIsNone(completer_of(argument))
        set_completer(argument, REMOTE_PATHS)
        self.assertEqual(completer_of(argument), REMOTE_PATHS)
        self.assertEqual(
            vars(argument)["complete"], {"bash": REMOTE_PATHS, "zsh": REMOTE_PATHS, "fish": f"({REMOTE_PATHS})"}
        )
