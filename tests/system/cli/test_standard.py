"""Standard input, output and error that are closed, full, or have no reader."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.exitcodes import Exit
from tests.support import needs
from tests.support.processes import environment
from tests.support.serving import ServedCase
from tests.system.cli.test_process import process

FULL = "cannot write to standard output: No space left on device"
CLOSED = "cannot write to standard output: Bad file descriptor"


class StandardTests(ServedCase):
    """Commands whose streams are not as they should be."""

    def shell(self, command: str, redirected: str) -> subprocess.CompletedProcess[str]:
        """Run `homeftp COMMAND` by a shell that redirects as it is told."""
        line = f'exec "$0" -m homeftp {command} {redirected}'
        env = environment(HOMEFTP_HOME=self.home, PYTHONUNBUFFERED="")
        return subprocess.run(
            ["sh", "-c", line, sys.executable], capture_output=True, text=True, env=env, check=False, timeout=60
        )

    def test_output(self) -> None:
        """Output that cannot be written is one line and status 2, whatever the command."""
        needs.device("/dev/full")
        place = self.lay_there("a")
        commands = ["--help", "remote list", f"ls {place}", f"get {place} -", f"cmp {place} {self.here}/b"]
        for command in commands:
            self.assertIn(self.shell(command, "").returncode, (0, 1), command)
            for redirected, words in (">/dev/full", FULL), (">&-", CLOSED):
                said = self.shell(command, redirected)
                self.assertEqual((said.returncode, said.stderr), (Exit.USAGE, f"homeftp: {words}\n"), command)

    def test_raw(self) -> None:
        """The same for requests that are typed: the connection is not blamed."""
        hello = """<<'.'\n{"request_type": "HELLO"}\n."""
        self.assertEqual(self.shell("raw nas", hello).returncode, 0)
        said = self.shell("raw nas", f">&- {hello}")
        self.assertEqual((said.returncode, said.stderr), (Exit.USAGE, f"homeftp: {CLOSED}\n"))

    def test_input(self) -> None:
        """Standard input that is closed matters to those only who read it."""
        self.assertEqual(self.shell(f"ls {self.lay_there('a')}", "<&-").returncode, 0)
        for command in ("raw nas", f"push - nas:{self.there}/b"):
            said = self.shell(command, "<&-")
            self.assertEqual(
                (said.returncode, said.stderr),
                (Exit.USAGE, "homeftp: cannot read standard input: Bad file descriptor\n"),
            )

    def test_error(self) -> None:
        """If no message can be printed, the status is the same."""
        for redirected in ("", "2>&-", "2>/dev/full"):
            said = self.shell(f"ls nas:{self.there}/missing", redirected)
            self.assertEqual(said.returncode, Exit.REFUSED, redirected)

    def test_reader_goes(self) -> None:
        """A reader that closes the pipe after one line ends the command quietly, while it still runs."""
        for number in range(3000):
            self.lay(f"lib/{'x' * 40}{number}", b"")
        os.makedirs(self.server.path(f"{self.there}/lib"))
        command = [sys.executable, "-m", "homeftp", "cmp", f"{self.here}/lib", f"nas:{self.there}/lib"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(HOMEFTP_HOME=self.home)
        ) as comparing:
            assert comparing.stdout is not None and comparing.stderr is not None
            comparing.stdout.readline()
            comparing.stdout.close()
            self.assertEqual((comparing.stderr.read(), comparing.wait(60)), (b"", Exit.BROKEN_PIPE))


class DescriptorTests(SynchronousTestCase):
    """Descriptors that are closed."""

    def test_never_taken(self) -> None:
        """No file that is opened gets the number of standard input, output or error."""
        opening = "os.open(os.devnull, os.O_RDONLY)"
        probing = (
            "import os; from homeftp.cli import main; from tests.support import probe; "
            f"probe.does.append(lambda options: {opening}); "
            "sys.exit(main.main(['probe'], {'probe': main.Command('tests.support.probe', '')}))"
        )
        control = f"import os; sys.exit({opening})"
        for program, numbers in (probing, range(3, 99)), (control, range(3)):
            done = subprocess.run(
                ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *process(program=program)], check=False, timeout=60
            )
            self.assertIn(done.returncode, numbers)
