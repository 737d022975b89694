"""How known servers are shown; tests/system/cli/test_status.py asks real ones."""

from __future__ import annotations

import os

from homeftp.cli.status.remotes import ask_remotes, remote_lines
from homeftp.client import Remotes
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase

REACHED = {
    "name": "nas",
    "addresses": ["192.0.2.1"],
    "account": "ann",
    "device": "ann-laptop",
    "reachable": True,
    "address": "192.0.2.1",
    "milliseconds": 12,
    "version": "1.2",
    "rights": ["read", "add"],
    "read_only": False,
}


class RemoteTests(QuickCase):
    """ask_remotes and remote_lines."""

    def test_none(self) -> None:
        """Nothing is asked without a name, and an unknown name is refused before anything is asked."""
        remotes = Remotes(os.path.abspath(self.mktemp()))
        self.assertEqual(ask_remotes(remotes, []), [])
        self.assertRaises(OperatorError, ask_remotes, remotes, ["nas"])
        self.assertEqual(remote_lines([]), [])

    def test_lines(self) -> None:
        """Where each was reached, as whom, with which rights; or why not."""
        text = "\n".join(remote_lines([REACHED]))
        self.assertIn("reached at 192.0.2.1 in 12 ms, as ann, device ann-laptop, rights read,add, homeftp 1.2", text)
        text = "\n".join(remote_lines([{**REACHED, "rights": None, "read_only": True, "device": None}]))
        self.assertIn("as ann, rights not known, read-only, homeftp", text)
        self.assertIn("rights none", "\n".join(remote_lines([{**REACHED, "rights": []}])))
        text = "\n".join(remote_lines([{**REACHED, "reachable": False, "problem": "no answer"}]))
        self.assertIn("not reachable at 192.0.2.1: no answer", text)
