"""The tutorial for front ends: its example serves beside the JSON protocol, as a plugin and in an application."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.processes import PASSWORD, REPOSITORY, WITHIN, environment, run_homeftp
from tests.support.waiting import wait_until

PAGE = Path(REPOSITORY, "docs", "plugins", "frontends.rst")
EXAMPLE = PAGE.parent / "examples" / "frontend"


def documented_command(program: str) -> str:
    """The command with which the page runs the example by this program."""
    (command,) = re.findall(rf"^   (.*\b{program} .+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return str(command)


class TutorialTests(SynchronousTestCase):
    """The commands of the page, in a folder with the files of the page."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        shutil.copytree(EXAMPLE, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        self.home = home = self.folder / "home"
        (home / "Shared" / "notes").mkdir(parents=True)
        (home / "Shared" / "notes" / "a.txt").write_bytes(b"two words")
        self.state = state = home / ".local" / "state" / "homeftp"
        added = run_homeftp("account", "add", "ann", "--state", str(state), "--password-stdin", input=PASSWORD + "\n")
        self.assertEqual(added.returncode, 0, added.stderr)

    def start(self, command: str) -> None:
        """Run a command of the page."""
        env = environment(
            HOME=str(self.home), PATH=os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
        )
        del env["PYTHONPATH"]  # a reader has none
        self.output = self.folder / "output"
        with self.output.open("wb") as output:
            self.server = subprocess.Popen(
                ["sh", "-c", command],
                cwd=self.folder,
                env=env,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the server may be a child of the shell
            )
        self.addCleanup(self.server.wait, WITHIN)
        self.addCleanup(self.end, signal.SIGKILL)
        wait_until(lambda: self.port() is not None or self.server.poll() is not None, self.output.read_text)

    def end(self, how: signal.Signals) -> None:
        """Send a signal to the server."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.server.pid, how)

    def test_plugin(self) -> None:
        """`homeftp serve` loads it by its name."""
        command = documented_command("homeftp serve")
        self.assertEqual(command.count("tcp:8423"), 1)
        self.start(command.replace("tcp:8423", "tcp:0") + " --listen tcp:0:interface=127.0.0.1 --no-announce")
        self.check_answers()

    def test_application(self) -> None:
        """An application passes it to the server."""
        tac = self.folder / "homeftp.tac"
        text = tac.read_text()
        self.assertEqual(text.count("tcp:8421") + text.count("tcp:8423"), 2)
        tac.write_text(text.replace("tcp:8421", "tcp:0").replace("tcp:8423", "tcp:0"))  # the ports may be in use here
        self.start(documented_command("twistd"))
        self.check_answers()

    def port(self) -> int | None:
        """The port of the example, once it listens."""
        found = re.search(r"telnet 127\.0\.0\.1 (\d+)", self.output.read_text())
        return None if found is None else int(found[1])

    def check_answers(self) -> None:
        """It logs in, lists and reads, and refuses like every front end."""
        with socket.create_connection(("127.0.0.1", self.port() or 0), WITHIN) as connection:
            lines = connection.makefile("rwb")
            for command, answer in (
                ("LIST notes", "31 log in first: LOGIN name password"),
                ("LOGIN ann wrong", "32 the user name or the password is wrong"),
                (f"LOGIN ann {PASSWORD}", "hello ann"),
                ("LIST notes", "a.txt"),
                ("GET notes/a.txt", "two words"),
                ("GET notes/b.txt", "40 "),
                ("GET ../state", "41 "),
                ("PUT notes/a.txt", "20 the commands are LOGIN, LIST and GET"),
            ):
                lines.write(f"{command}\n".encode())
                lines.flush()
                self.assertIn(answer, lines.readline().decode().strip())
        self.end(signal.SIGTERM)
        self.server.wait(WITHIN)
        audit = [json.loads(line) for line in (self.state / "audit.jsonl").read_text().splitlines()]
        logins = [(line["status"], line["front_end"]) for line in audit if line["event"] == "login"]
        self.assertEqual(logins, [(32, "line"), (0, "line")])
