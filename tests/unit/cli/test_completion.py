"""Completion for the shells."""

from __future__ import annotations

import io
import sys

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.completion import SHELLS
from homeftp.cli.main import COMMANDS, main
from homeftp.cli.terminal.completers import ANY_PATHS, REMOTE_PATHS, SERVER_NAMES


def script(shell: str) -> str:
    """What `homeftp completion SHELL` prints."""
    kept, sys.stdout = sys.stdout, io.StringIO()
    try:
        assert main(["completion", shell]) == 0
        return sys.stdout.getvalue()
    finally:
        sys.stdout = kept


class CompletionTests(SynchronousTestCase):
    """Each shell's script knows every subcommand, and the options of each."""

    def test_complete(self) -> None:
        """Subcommands and options are in each script, the server's options too."""
        for shell in SHELLS:
            printed = script(shell)
            for word in (*COMMANDS, "password-stdin", "listen-tls"):
                self.assertIn(word, printed, shell)

    def test_zsh_remotes(self) -> None:
        """zsh's script names the functions that complete them, and has each."""
        printed = script("zsh")
        for name in (SERVER_NAMES, REMOTE_PATHS, ANY_PATHS):
            self.assertIn(f"\n{name}() {{", printed)
            self.assertIn(f":{name}", printed)

    def test_other_shell(self) -> None:
        """A shell that is not known ends with a usage error."""
        self.patch(sys, "stderr", io.StringIO())
        self.assertRaises(SystemExit, main, ["completion", "cmd.exe"])
