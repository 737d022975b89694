"""Ctrl-C, and a server that ends, while a command waits for standard input: on a pseudo-terminal and in a pipe."""

from __future__ import annotations

import os
import subprocess
import sys
import termios

from homeftp.cli.terminal.exitcodes import Exit
from tests.support.processes import environment
from tests.support.serving import ServedCase
from tests.support.terminals import TerminalProcess
from tests.support.waiting import WITHIN, wait_until

QUIT = '{"request_type": "QUIT"}\n'
"""The server answers and closes the connection."""

CTRL_C = "\x03"


class InterruptedTests(ServedCase):
    """Commands that wait for a person, or for another program."""

    def at(self, *arguments: str) -> TerminalProcess:
        """A command on a terminal of its own."""
        process = TerminalProcess([sys.executable, "-m", "homeftp", *arguments], HOMEFTP_HOME=self.home)
        self.addCleanup(process.end)
        return process

    def check_interrupted(self, process: TerminalProcess) -> None:
        """Ctrl-C ends it, with one line."""
        process.type(CTRL_C)
        self.assertEqual(process.wait(), Exit.INTERRUPTED, process.displayed)
        self.assertTrue(process.displayed.endswith("\nhomeftp: interrupted\n"), process.displayed)
        self.assertNotIn("Fatal", process.displayed)

    def test_raw(self) -> None:
        """Ctrl-C ends `raw` while it waits for a line."""
        process = self.at("raw", "nas")
        process.wait_for("Ctrl-D ends")
        self.check_interrupted(process)

    def test_server_ends(self) -> None:
        """A server that closes the connection ends `raw`, although nobody types."""
        for typed, status in ((QUIT, Exit.DONE), ("nonsense\n", Exit.REFUSED)):
            process = self.at("raw", "nas")
            process.wait_for("Ctrl-D ends")
            process.type(typed)
            self.assertEqual(process.wait(), status, process.displayed)
            self.assertNotIn("Fatal", process.displayed)

    def test_server_ends_for_a_pipe(self) -> None:
        """The same for a pipe that stays open."""
        for typed, status in ((QUIT, Exit.DONE), ("nonsense\n", Exit.REFUSED)):
            command = [sys.executable, "-m", "homeftp", "raw", "nas"]
            with subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(HOMEFTP_HOME=self.home),
            ) as process:
                assert process.stdin is not None and process.stderr is not None
                process.stdin.write(typed.encode())
                process.stdin.flush()
                self.assertEqual((process.wait(WITHIN), process.stderr.read()), (status, b""))

    def test_push_standard_input(self) -> None:
        """Ctrl-C ends `push -` while it waits for input, and its temporary file is removed."""
        spool = os.path.join(self.here, "spool")
        os.mkdir(spool)
        process = TerminalProcess(
            [sys.executable, "-m", "homeftp", "push", "-", f"nas:{self.there}"], HOMEFTP_HOME=self.home, TMPDIR=spool
        )
        self.addCleanup(process.end)
        wait_until(lambda: os.listdir(spool))
        self.check_interrupted(process)
        self.assertEqual(os.listdir(spool), [])

    def test_history(self) -> None:
        """Ctrl-C ends the questions of `versions --prune` and `restore -r`, and nothing is changed."""
        place, local = f"nas:{self.there}/tree", self.lay("tree/a", b"one")
        for content in (b"one", b"two"):
            self.lay("tree/a", content)
            self.assertEqual(self.homeftp("push", "--force", local, f"{place}/a").returncode, 0)
        as_of = self.items("versions", place)[0]["at"]
        self.assertEqual(self.homeftp("push", local, f"{place}/new").returncode, 0)
        for words in (("versions", "--prune", place), ("restore", "-r", place, "--at", str(as_of))):
            process = self.at(*words)
            process.wait_for(r"\[y/N\] ")
            self.check_interrupted(process)
        self.assertEqual((len(self.items("versions", place)), self.read_there("tree/new")), (1, b"two"))

    def test_remote_add(self) -> None:
        """Ctrl-C ends the question for the fingerprint, and the one for the password: the terminal echoes again."""
        add = ("remote", "add", "other", f"127.0.0.1:{self.server.ports[0]}", "--user", "ann")
        process = self.at(*add)
        process.wait_for(r"\[y/N\] ")
        self.check_interrupted(process)
        process = self.at(*add)
        process.wait_for(r"\[y/N\] ")
        process.type("y\n")
        process.wait_for("Password of ann: ")

        def echoes() -> int:
            flags: int = termios.tcgetattr(process.terminal)[3]
            return flags & termios.ECHO

        wait_until(lambda: not echoes())
        self.check_interrupted(process)
        self.assertTrue(echoes())
