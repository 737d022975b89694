"""Which state folder an owner's command works on."""

from __future__ import annotations

import argparse
import os

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.owner.statedir import add_state_argument, state_dir


class StateDirTests(SynchronousTestCase):
    """add_state_argument and state_dir."""

    def folder(self, *words: str) -> str:
        parser = argparse.ArgumentParser()
        add_state_argument(parser)
        return state_dir(parser.parse_args(words))

    def test_default(self) -> None:
        """Without --state it is the server's own default, which systemd may set; with --state an absolute path."""
        self.patch(os, "environ", {"STATE_DIRECTORY": "/var/lib/homeftp", "HOME": "/home/ann"})
        self.assertEqual(self.folder(), "/var/lib/homeftp")
        self.assertEqual(self.folder("--state", "x"), os.path.abspath("x"))
