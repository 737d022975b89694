"""Completion for the shells."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.completion import SHELLS
from homeftp.cli.main import COMMANDS, main
from homeftp.cli.terminal.completers import ANY_PATHS, REMOTE_PATHS, SERVER_NAMES
from homeftp.crypto.secretfiles import write_private
from tests.support.processes import environment


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

    def setUp(self) -> None:
        """A folder with a file, and a client that knows two servers."""
        self.here, self.home = os.path.abspath(self.mktemp()), os.path.abspath(self.mktemp())
        os.makedirs(os.path.join(self.here, "notes"))
        os.makedirs(os.path.join(self.home, "remotes"), mode=0o700)
        for name in ("nas", "attic"):
            kept = {"address": "192.0.2.1:8421", "user": "ann", "password": "secret", "ca": "-"}
            write_private(os.path.join(self.home, "remotes", f"{name}.json"), json.dumps(kept).encode())
        command = os.path.join(self.here, "homeftp")
        with open(command, "w") as file:
            file.write(f'#!/bin/sh\nexec "{sys.executable}" -m homeftp "$@"\n')
        os.chmod(command, 0o755)

    def completed(self, line: str) -> list[str]:
        """What bash offers at the end of this line, by the function that it was told to call."""
        if shutil.which("bash") is None:
            raise SkipTest("there is no bash here")
        program = (
            f"{script('bash')}\nCOMP_LINE=$1; COMP_POINT=${{#1}}; COMP_WORDS=(); COMP_CWORD=0\n"
            '"$(complete -p homeftp | sed "s/.*-F //; s/ .*//")"; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        environ = environment(HOMEFTP_HOME=self.home, PATH=f"{self.here}:{os.environ['PATH']}")
        done = subprocess.run(
            ["bash", "-c", program, "bash", line],
            capture_output=True,
            text=True,
            env=environ,
            cwd=self.here,
            check=True,
        )
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash(self) -> None:
        """bash itself completes a subcommand, a subcommand's option and the server's options."""
        self.assertEqual(self.completed("homeftp acc"), ["account"])
        self.assertEqual(self.completed("homeftp account add --pass"), ["--password-stdin"])
        self.assertEqual(self.completed("homeftp serve --tls-m"), ["--tls-minimum"])

    def test_bash_remotes(self) -> None:
        """It completes the names of servers that are known, where one may stand, and files where one may."""
        for line, offered in (
            ("ls na", ["nas:"]),
            ("ls ", ["attic:", "nas:"]),
            ("get na", ["nas:"]),
            ("get n", ["nas:", "notes"]),
            ("get nas:x n", ["nas:", "notes"]),
            ("push notes n", ["nas:", "notes"]),
            ("cmp notes n", ["nas:", "notes"]),
            ("cmp nas: no", ["notes"]),
            ("cmp nas:x no", ["notes"]),
            ("raw na", ["nas"]),
            ("remote remove a", ["attic"]),
            ("remote remove ", ["attic", "nas"]),
            ("ls other", []),
            ("ls nas:", []),
        ):
            self.assertEqual(self.completed(f"homeftp {line}"), offered, line)

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
