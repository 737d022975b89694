"""The completion script in a real bash."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from homeftp.crypto.secretfiles import write_private
from tests.support import needs
from tests.support.processes import environment, run_homeftp
from tests.support.serving import shared


class BashTests(SynchronousTestCase):
    """bash completes commands, options, server names and files."""

    def setUp(self) -> None:
        """A folder with a file, and a client that knows two servers."""
        self.here, self.home = os.path.abspath(self.mktemp()), os.path.abspath(self.mktemp())
        os.makedirs(os.path.join(self.here, "notes"))
        os.makedirs(os.path.join(self.home, "remotes"), mode=0o700)
        for name in ("nas", "attic"):
            kept = {"address": "127.0.0.1:1", "user": "ann", "password": "secret", "ca": "-"}
            write_private(os.path.join(self.home, "remotes", f"{name}.json"), json.dumps(kept).encode())
        command = os.path.join(self.here, "homeftp")
        with open(command, "w") as file:
            file.write(f'#!/bin/sh\nexec "{sys.executable}" -m homeftp "$@"\n')
        os.chmod(command, 0o755)
        self.script = run_homeftp("completion", "bash").stdout

    def completed(self, line: str) -> list[str]:
        """The words that bash offers at the end of this line, by the function that it was told to call."""
        needs.program("bash")
        program = (
            f"{self.script}\nCOMP_LINE=$1; COMP_POINT=${{#1}}; COMP_WORDS=(); COMP_CWORD=0\n"
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
        return sorted(done.stdout.splitlines()) if done.stdout != "\n" else []

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
            ("help pus", ["push"]),
        ):
            self.assertEqual(self.completed(f"homeftp {line}"), offered, line)

    def test_bash_remote_paths(self) -> None:
        """It completes paths on a server, which it asks: only what follows the colon, as bash replaces no more."""
        server, self.home = shared()
        folder = os.path.basename(self.here)
        for name in ("My Photos/a b.jpg", "My Photos/2026/x", "Music"):
            path = server.path(f"{folder}/{name}")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb"):
                pass
        for line, offered in (
            ("ls nas:", [f"{folder}/"]),
            (f"ls nas:{folder}/M", [f"{folder}/Music", f"{folder}/My Photos/"]),
            (f"rm -r nas:/{folder}/My", [f"/{folder}/My Photos/"]),
            (f"get nas:{folder}/My\\ Photos/", [f"{folder}/My Photos/2026/", f"{folder}/My Photos/a b.jpg"]),
            (f"mv nas:{folder}/Music nas:{folder}/My\\ Photos/2", [f"{folder}/My Photos/2026/"]),
            (f"ls nas:{folder}/none", []),
        ):
            found = self.completed(f"homeftp {line}")
            if line == "ls nas:":  # other tests have folders there too
                found = [each for each in found if each.startswith(folder)]
            self.assertEqual(found, offered, line)
