"""The tutorial for front ends: its example serves beside the JSON protocol, in an application of its own."""

from __future__ import annotations

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


def documented_command() -> str:
    """The command with which the page runs the example."""
    (command,) = re.findall(r"^   (.+ twistd .+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return str(command)


class TutorialTests(SynchronousTestCase):
    """The command of the page, in a folder with the files of the page."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        shutil.copytree(EXAMPLE, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        home = self.folder / "home"
        (home / "Shared" / "notes").mkdir(parents=True)
        (home / "Shared" / "notes" / "a.txt").write_bytes(b"two words")
        self.state = state = home / ".local" / "state" / "homeftp"
        added = run_homeftp("account", "add", "ann", "--state", str(state), "--password-stdin", input=PASSWORD + "\n")
        self.assertEqual(added.returncode, 0, added.stderr)
        tac = self.folder / "homeftp.tac"
        text = tac.read_text()
        self.assertEqual(text.count("tcp:8421") + text.count("tcp:8423"), 2)
        tac.write_text(text.replace("tcp:8421", "tcp:0").replace("tcp:8423", "tcp:0"))  # the ports may be in use here
        env = environment(HOME=str(home), PATH=os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]))
        del env["PYTHONPATH"]  # a reader has none
        self.output = self.folder / "output"
        with self.output.open("wb") as output:
            self.server = subprocess.Popen(
                ["sh", "-c", documented_command()], cwd=self.folder, env=env, stdout=output, stderr=subprocess.STDOUT
            )
        self.addCleanup(self.server.wait, WITHIN)
        self.addCleanup(self.end, signal.SIGKILL)
        wait_until(lambda: len(self.ports()) == 2 or self.server.poll() is not None, self.output.read_text)

    def end(self, how: signal.Signals) -> None:
        """Send a signal to the server, which may be a child of the shell."""
        if (self.folder / "twistd.pid").exists():
            os.kill(int((self.folder / "twistd.pid").read_text()), how)

    def ports(self) -> dict[str, int]:
        """The port of each factory that listens, by the factory's name."""
        found = re.findall(r"(\w+) starting on (\d+)", self.output.read_text())
        return {name: int(port) for name, port in found}

    def test_example(self) -> None:
        """It logs in, lists and reads, and refuses like every front end."""
        with socket.create_connection(("127.0.0.1", self.ports()["LineFactory"]), WITHIN) as connection:
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
