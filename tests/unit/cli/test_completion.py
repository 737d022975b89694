"""Completion for the shells."""

from __future__ import annotations

import io
import sys

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.completion import SHELLS
from homeftp.cli.main import main
from homeftp.cli.table import COMMANDS
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
            visible = [name for name, command in COMMANDS.items() if not command.hidden]
            for word in (*visible, "password-stdin", "listen-tls"):
                self.assertIn(word, printed, shell)

    def test_remotes(self) -> None:
        """The scripts of zsh and fish name the functions that complete them, and have each."""
        zsh, fish = script("zsh"), script("fish")
        for name in (SERVER_NAMES, REMOTE_PATHS, ANY_PATHS):
            self.assertIn(f"\n{name}() {{", zsh)
            self.assertIn(f":{name}", zsh)
            self.assertIn(f"\nfunction {name}\n", fish)
            self.assertIn(f'-ka "({name})"', fish)

    def test_hidden(self) -> None:
        """The command that the scripts call is offered by none of them; the control is another command."""
        for shell in ("zsh", "fish"):
            self.assertNotRegex(script(shell), r"(?m)^ *[-'\"]?complete-path", shell)
            self.assertIn("discover", script(shell))

    def test_other_shell(self) -> None:
        """A shell that is not known ends with a usage error."""
        self.patch(sys, "stderr", io.StringIO())
        self.assertRaises(SystemExit, main, ["completion", "cmd.exe"])
