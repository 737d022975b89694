"""Completion for the shells."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.completion import SHELLS
from homeftp.cli.main import COMMANDS, main


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

    def completed(self, *words: str) -> list[str]:
        """What bash offers for the last of these words."""
        if shutil.which("bash") is None:
            raise SkipTest("there is no bash here")
        program = (
            f'{script("bash")}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _shtab_homeftp; echo "${{COMPREPLY[@]}}"'
        )
        command = ["bash", "-c", program, "bash", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    def test_bash(self) -> None:
        """bash itself completes a subcommand, a subcommand's option and the server's options."""
        self.assertEqual(self.completed("homeftp", "acc"), ["account"])
        self.assertEqual(self.completed("homeftp", "account", "add", "--pass"), ["--password-stdin"])
        self.assertEqual(self.completed("homeftp", "serve", "--tls-m"), ["--tls-minimum"])

    def test_other_shell(self) -> None:
        """A shell that is not known ends with a usage error."""
        self.patch(sys, "stderr", io.StringIO())
        self.assertRaises(SystemExit, main, ["completion", "cmd.exe"])
