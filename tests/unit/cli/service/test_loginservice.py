"""What is written for launchd and for Windows, and what they are asked; no test runs either."""

from __future__ import annotations

import os
import plistlib
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.service.loginservice import StartedProgram, agent_text, launch_agent, scheduled_task, task_text
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase

TASKS = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}


class TextTests(SynchronousTestCase):
    """agent_text and task_text."""

    def test_agent(self) -> None:
        """An agent runs the command at login, and again when it fails."""
        command = ["/usr/bin/homeftp", "sync", "--watch"]
        fields = plistlib.loads(agent_text(command, "/Users/ann", {"HOMEFTP_HOME": "/x <&>"}).encode())
        self.assertEqual((fields["Label"], fields["ProgramArguments"]), ("homeftp.sync", command))
        self.assertEqual((fields["RunAtLoad"], fields["KeepAlive"]), (True, {"SuccessfulExit": False}))
        self.assertEqual(fields["EnvironmentVariables"], {"HOMEFTP_HOME": "/x <&>"})

    def test_task(self) -> None:
        """A task runs the command when its user logs in, without a limit of time, and again when it fails."""
        command = ["C:\\Program Files\\a & b\\homeftp.exe", "sync", "--watch", "a b"]
        root = ElementTree.fromstring(task_text(command, "HOME\\ann <&>").encode("utf-16"))

        def text(path: str) -> str | None:
            return root.findtext("/".join(f"t:{part}" for part in path.split("/")), None, TASKS)

        self.assertEqual(text("Actions/Exec/Command"), command[0])
        self.assertEqual(text("Actions/Exec/Arguments"), 'sync --watch "a b"')
        self.assertEqual(text("Triggers/LogonTrigger/UserId"), "HOME\\ann <&>")
        self.assertEqual(text("Settings/ExecutionTimeLimit"), "PT0S")
        self.assertEqual(text("Settings/RestartOnFailure/Interval"), "PT1M")


class ServiceTests(QuickCase):
    """StartedProgram, with programs that only write down what they are asked."""

    def setUp(self) -> None:
        self.home = os.path.abspath(self.mktemp())
        os.makedirs(os.path.join(self.home, "bin"))
        self.patch(os, "environ", {"HOME": self.home, "PATH": os.path.join(self.home, "bin")})
        self.calls = os.path.join(self.home, "calls")
        self.agent, self.task = launch_agent(self.home), scheduled_task(self.home)
        for name in ("launchctl", "schtasks"):
            self.write_program(name, 'case "$1" in bootout|/End) exit 3;; esac')

    def write_program(self, name: str, script: str) -> None:
        path = os.path.join(self.home, "bin", name)
        with open(path, "w") as file:
            file.write(f'#!/bin/sh\necho "$@" >> {self.calls}\n{script}\n')
        os.chmod(path, 0o755)

    def asked(self) -> list[str]:
        with open(self.calls) as file:
            return file.read().splitlines()

    def install(self, service: StartedProgram) -> None:
        service.require()
        service.write("text ä")
        service.start()

    def test_agent(self) -> None:
        """An agent replaces one that runs, and it is no failure that none does."""
        self.assertEqual(self.agent.path, f"{self.home}/Library/LaunchAgents/homeftp.sync.plist")
        self.install(self.agent)
        with open(self.agent.path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "text ä")
        self.agent.remove()
        domain = f"gui/{os.getuid()}"
        out = f"bootout {domain}/homeftp.sync"
        self.assertEqual(self.asked(), [out, f"bootstrap {domain} {self.agent.path}", out])
        self.assertFalse(os.path.exists(self.agent.path))

    def test_task(self) -> None:
        """A task is registered and run; it is ended before it is deleted."""
        self.assertEqual(self.task.path, f"{self.home}/homeftp/homeftp-sync.xml")
        self.install(self.task)
        with open(self.task.path, encoding="utf-16") as file:
            self.assertEqual(file.read(), "text ä")
        self.task.remove()
        create = f"/Create /TN homeftp-sync /XML {self.task.path} /F"
        end = "/End /TN homeftp-sync"
        self.assertEqual(self.asked(), [end, create, "/Run /TN homeftp-sync", end, "/Delete /TN homeftp-sync /F"])

    def test_refused(self) -> None:
        """What is not there cannot be removed; a program that fails, or is missing, and a disk that fails are told."""
        with self.assertRaisesRegex(OperatorError, "nothing was installed"):
            self.agent.remove()
        self.write_program("launchctl", "echo no domain >&2; exit 5")
        with self.assertRaisesRegex(OperatorError, r"`launchctl bootstrap \S+ \S+` failed: no domain"):
            self.install(self.agent)
        os.environ["PATH"] = "/nowhere"
        with self.assertRaisesRegex(OperatorError, "has no launchctl"):
            self.install(self.agent)
        with open(os.path.join(self.home, "homeftp"), "w"):
            pass
        with self.assertRaisesRegex(OperatorError, "cannot write"):
            self.task.write("text")
